// greenlock loads its parts by what can be given to require(): this file is that. Whoever uses greenlock leaves what is to be
// loaded under this symbol, by an id that greenlock hands back with the other options.

module.exports = {
  create({id}: {id: string}): unknown {
    const parts: Map<string, () => unknown> | undefined = Reflect.get(globalThis, Symbol.for('routesd.greenlock'))
    const make = parts?.get(id)
    if (make === undefined) throw new Error(`greenlock asks for '${id}', and there is no such part`)
    return make()
  },
}
