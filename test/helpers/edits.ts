// Random edits of a folder of routes, the same for the same seed: files come, go, break and change; routes move, collide,
// hide one another and name services that may not be there.

import {createRandom} from '../fuzz/random.ts'

export type Edits = {
  /** The files after one more edit, by their names. */
  next(): Readonly<Record<string, string>>
}

export function randomEdits(seed: number): Edits {
  const {below: pick, pick: oneOf} = createRandom(seed)
  const files = new Map<string, string>()

  const target = () => `http://10.0.0.${pick(40) === 0 ? 9 : pick(6)}:80${oneOf(['', '/base'])}`
  const destination = () =>
    oneOf([
      () => `target: "${target()}"`,
      () => `target: "${target()}"`,
      () => `target: "${target()}", health: {path: /h${pick(2)}}`,
      () => `target: "${target()}", maxConnections: ${1 + pick(3)}`,
      () => `target: "https://10.0.0.${pick(3)}", upstreamTls: {insecure: true}`,
      () => `service: s${pick(30) === 0 ? 3 : pick(3)}`,
      () => `split: [{service: s${pick(3)}, share: 40%}, {target: "${target()}", share: 60%}]`,
      () => `redirect: {to: "https://new.example.com/${pick(3)}"}`,
    ])()
  const more = () =>
    oneOf([
      '',
      '',
      ', timeouts: {connect: 3s}',
      ', retry: {times: 1, for: [connect, 503]}',
      ', headers: {request: {set: {x-a: b}}}',
      `, mirror: {target: "${target()}", share: 5%}`,
      `, variants: [{name: beta, when: {methods: [GET]}, target: "${target()}"}]`,
    ])
  // Mostly of its file and place alone, so that most sets are valid.
  const route = (own: string) => {
    const host = oneOf(['a.test', 'b.test', 'c.test', 'd.test', 'e.test', 'x.d.test', '*.test', '*.d.test', '*'])
    const prefix = oneOf([
      `/${own}`,
      `/${own}`,
      `/${own}`,
      `/p/${own}`,
      `/p/${own}/q`,
      pick(4) === 0 ? '/p' : `/${own}`,
    ])
    return `  - {id: "${host}${prefix}", ${destination()}${more()}}\n`
  }
  const service = (slug: number) => {
    const instances = Array.from({length: 1 + pick(3)}, () => `{url: "${target()}", weight: ${1 + pick(2)}}`)
    const keys = oneOf([
      '',
      ', balance: least-connections',
      ', health: {path: /s}',
      ', queue: {size: 5}, maxConnections: 9',
    ])
    const unique = [...new Map(instances.map(one => [one.replace(/, weight.*/, ''), one])).values()]
    return `  - {slug: s${slug}, instances: [${unique.join(', ')}]${keys}}\n`
  }
  const fileOf = (name: string) => {
    if (pick(30) === 0) return 'routes: [\n'
    const routes = Array.from({length: 1 + pick(3)}, (_, at) => route(`${name.slice(0, -5)}${at}`)).join('')
    const services = name.startsWith('s') ? `services:\n${service(Number(name[1]))}` : ''
    const hosts =
      pick(12) === 0
        ? `hosts:\n  - {name: ${oneOf(['a.test', 'z.test', 'q.d.test'])}, tls: {redirect: ${oneOf(['true', 'false'])}}}\n`
        : ''
    return `${oneOf(['', '# a comment\n'])}routes:\n${routes}${services}${hosts}`
  }

  for (const name of ['s0.yaml', 's1.yaml', 's2.yaml']) files.set(name, `services:\n${service(Number(name[1]))}`)
  return {
    next() {
      const name = oneOf(['s0', 's1', 's2', 'a', 'b', 'c', 'd', 'e'].map(stem => `${stem}.yaml`))
      const written = files.get(name)
      // Files that collide or broke go again, so that most sets are whole.
      if (written !== undefined && !name.startsWith('s') && pick(3) === 0) files.delete(name)
      else if (written !== undefined && pick(6) === 0) files.set(name, `# moved\n${written}`)
      else files.set(name, fileOf(name))
      return Object.fromEntries([...files].sort(([a], [b]) => (a < b ? -1 : 1)))
    },
  }
}
