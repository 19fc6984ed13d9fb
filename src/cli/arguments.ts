// argv → which verb, with which flags and operands. One set of flags for parsing, so that a flag may stand before the
// verb; then each is checked against the verb. A name means the same with every verb (a test holds that).

import {parseArgs} from 'node:util'
import {AppError} from '../base/errors.ts'
import {nearest} from '../control/config/suggest.ts'
import type {Flag, Verb} from './verb.ts'

export type Arguments = {
  /** null: no verb was given. */
  readonly verb: Verb | null
  readonly wantsHelp: boolean
  readonly operands: readonly string[]
  /** Flag → values; a switch that is on has none. */
  readonly flags: ReadonlyMap<string, readonly string[]>
}

/** Throws an AppError of exit code 2 that says what is wrong and what was probably meant. */
export function parseArguments(
  argv: readonly string[],
  verbs: readonly Verb[],
  globalFlags: readonly Flag[],
): Arguments {
  const known = new Map([...verbs.flatMap(verb => verb.flags), ...globalFlags].map(flag => [flag.name, flag]))
  const {words, flags} = tokenize(argv, known)
  if (words[0] === 'help') {
    words.shift()
    flags.set('help', [])
  }
  const wantsHelp = flags.has('help')
  if (words.length === 0) return {verb: null, wantsHelp, operands: [], flags}
  const {verb, operands} = findVerb(words, verbs, wantsHelp)
  if (!verb || wantsHelp) return {verb, wantsHelp, operands: [], flags}
  checkFlags(verb, flags, globalFlags)
  checkArity(verb, operands)
  return {verb, wantsHelp, operands, flags}
}

// ---

type Tokens = {words: string[]; flags: Map<string, string[]>}

function tokenize(argv: readonly string[], known: ReadonlyMap<string, Flag>): Tokens {
  const options = Object.fromEntries(
    [...known.values()].map(flag => [
      flag.name,
      {type: flag.value ? ('string' as const) : ('boolean' as const), ...(flag.short && {short: flag.short})},
    ]),
  )
  const {tokens} = parseArgs({args: [...argv], options, strict: false, allowPositionals: true, tokens: true})
  const words: string[] = []
  const flags = new Map<string, string[]>()
  for (const token of tokens) {
    if (token.kind === 'positional') words.push(token.value)
    if (token.kind !== 'option') continue
    const flag = known.get(token.name)
    if (!flag) throw unknownFlag(token.rawName, [...known.values()])
    if (!flag.value && token.value !== undefined) throw new AppError(`${token.rawName} takes no value`)
    if (flag.value && token.value === undefined) throw new AppError(`${token.rawName} needs a value: ${flag.value}`)
    const values = flags.get(flag.name) ?? []
    if (token.value !== undefined) values.push(token.value)
    flags.set(flag.name, values)
  }
  return {words, flags}
}

function findVerb(
  words: readonly string[],
  verbs: readonly Verb[],
  wantsHelp: boolean,
): {verb: Verb | null; operands: readonly string[]} {
  const first = words[0] === 'top' ? 'tui' : (words[0] ?? '')
  const single = verbs.find(verb => verb.name === first)
  if (single) return {verb: single, operands: words.slice(1)}
  const group = verbs.filter(verb => verb.name.startsWith(`${first} `))
  if (group.length === 0) {
    throw new AppError(`there is no verb '${first}'`, {
      hint: didYouMean(
        first,
        [...new Set(verbs.map(verb => verb.name.split(' ')[0] ?? ''))],
        'routesd --help lists them all',
      ),
    })
  }
  const second = words[1] === 'list' ? 'ls' : words[1]
  const verb = group.find(entry => entry.name === `${first} ${second}`)
  if (verb) return {verb, operands: words.slice(2)}
  const choices = group.map(entry => entry.name.slice(first.length + 1))
  if (second === undefined && wantsHelp) return {verb: null, operands: []}
  if (second === undefined) throw new AppError(`'${first}' needs one of: ${choices.join(', ')}`)
  throw new AppError(`there is no verb '${first} ${second}'`, {
    hint: didYouMean(second, choices, `'${first}' takes one of: ${choices.join(', ')}`),
  })
}

function checkFlags(verb: Verb, flags: ReadonlyMap<string, unknown>, globalFlags: readonly Flag[]): void {
  const allowed = [...verb.flags, ...globalFlags]
  for (const name of flags.keys()) {
    if (!allowed.some(flag => flag.name === name)) throw unknownFlag(`--${name}`, allowed, verb)
  }
}

function checkArity(verb: Verb, operands: readonly string[]): void {
  const [least, most] = verb.arity
  if (operands.length >= least && operands.length <= most) return
  const usage = `usage: routesd ${verb.name} ${verb.operands}`.trim()
  if (operands.length < least) throw new AppError(`'${verb.name}' needs ${verb.operands}`, {hint: usage})
  const surplus = operands.slice(most).join(' ')
  throw new AppError(`'${verb.name}' takes ${verb.operands || 'no arguments'}: '${surplus}' is too many`, {hint: usage})
}

function unknownFlag(rawName: string, allowed: readonly Flag[], verb?: Verb): AppError {
  const names = allowed.map(flag => `--${flag.name}`)
  const where = verb ? `'${verb.name}' has` : 'there is'
  return new AppError(`${where} no flag ${rawName}`, {
    hint: didYouMean(rawName, names, `routesd ${verb ? `${verb.name} ` : ''}--help lists them`),
  })
}

function didYouMean(word: string, choices: readonly string[], otherwise: string): string {
  const guess = nearest(word, choices)
  return guess ? `did you mean ${guess}?` : otherwise
}
