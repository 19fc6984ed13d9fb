// diff against brute force: two routers are asked about the same URLs, and must agree exactly where diff lists nothing.

import {isDeepStrictEqual} from 'node:util'
import {test} from 'uvu'
import * as assert from 'uvu/assert'
import {diffCertificates} from '../../src/router/certificate-names.ts'
import {type Change, diffSnapshots} from '../../src/router/diff.ts'
import {addRoute, createRouting, findHost, matchPrefix} from '../../src/router/routing.ts'
import type {Route, Snapshot} from '../../src/snapshot/snapshot.ts'
import {createRandom, type Random} from '../fuzz/random.ts'
import {compiled} from '../helpers/written.ts'

const PAIRS = Number(process.env['DIFF_PAIRS'] ?? 300)
const URLS = 200

function diffOf(before: string, after: string): Change[] {
  return diffSnapshots(compiled({'a.yaml': before}), compiled({'a.yaml': after}))
}

/** Kind, space, routes before and after, flags. */
function brief({kind, space, before, after, flags}: Change): string {
  const route = (side: Change['before']) => side?.id ?? '404'
  return [kind, space, `${route(before)} → ${route(after)}`, ...flags].join(' ')
}

test('the same routes in other files, another order and with comments are no change', () => {
  const a = compiled({'a.yaml': '- {id: x.com, target: "http://a"}\n- {id: x.com/b, target: "http://b"}\n'})
  const b = compiled({
    'b.yaml': '# moved\n- {id: x.com/b, target: "http://b"}\n',
    'c.yaml': '- {id: X.com, target: "http://a"}\n',
  })
  assert.equal(diffSnapshots(a, b), [])
})

test('added, removed, moved and changed', () => {
  const before = `
- {id: x.com, target: "http://a"}
- {id: x.com/gone, target: "http://b"}
- {id: y.com, target: "http://a"}
- {id: z.com, target: "http://a"}
`
  const after = `
- {id: x.com, target: "http://a", timeouts: {response: 5s}}
- {id: y.com, target: "http://other"}
- {id: new.com/api, target: "http://a"}
`
  const changes = diffOf(before, after)
  assert.equal(changes.map(brief), [
    'added new.com/api 404 → new.com/api',
    'changed x.com x.com → x.com',
    'moved x.com/gone x.com/gone → x.com',
    'moved y.com y.com → y.com',
    'removed z.com z.com → 404',
  ])
  assert.equal(
    changes.map(({note}) => note),
    [
      'nobody took this host: 404',
      'timeouts.response 1m → 5s',
      'taken by x.com, no longer by x.com/gone; timeouts.response 1m → 5s',
      'http://a → http://other',
      'no route takes this host any more: 404',
    ],
  )
  assert.equal(changes[1]?.after, {id: 'x.com', destination: 'http://a', file: 'routes.d/a.yaml', line: 2})
})

test('an exact host takes all of its URLs from the wildcard, also those that it answers with 404', () => {
  const wildcard = '- {id: "*.x.com", target: "http://all"}\n- {id: "*.x.com/old", target: "http://old"}\n'
  const changes = diffOf(wildcard, `${wildcard}- {id: a.x.com/api, target: "http://api"}\n`)
  assert.equal(changes.map(brief), [
    'removed a.x.com *.x.com → 404 shadowed',
    'moved a.x.com/api *.x.com → a.x.com/api shadowed',
    'removed a.x.com/old *.x.com/old → 404 shadowed',
  ])
  assert.is(
    changes[0]?.note,
    '404: a.x.com is the more specific host, none of its prefixes covers this, and it does not fall back to *.x.com',
  )
})

test('a longer prefix that is new hides the shorter one there, and only there', () => {
  const before = '- {id: x.com, target: "http://a"}\n'
  assert.equal(diffOf(before, `${before}- {id: x.com/app, target: "http://b"}\n`).map(brief), [
    'moved x.com/app x.com → x.com/app shadowed',
  ])
})

test('a wildcard that goes leaves its hosts to the one of all hosts, but not those that have routes of their own', () => {
  const rest = '- {id: "*", target: "http://rest"}\n- {id: a.x.com, target: "http://a"}\n'
  assert.equal(diffOf(`${rest}- {id: "*.x.com", target: "http://rest"}\n`, rest).map(brief), [
    'changed *.x.com *.x.com → *',
  ])
})

test('an instance more is a change of every route to the service and of its slug in service mode, and says which', () => {
  const routes = (instances: string) =>
    `routes: [{id: x.com, service: orders}]\nservices: [{slug: orders, instances: [${instances}]}]\n`
  const changes = diffOf(routes('"http://a:1"'), routes('"http://a:1", "http://b:2"'))
  assert.equal(
    changes.map(({kind, space, note}) => [kind, space, note]),
    [
      ['changed', 'x.com', 'service orders: +http://b:2'],
      ['changed', 'service:orders', 'service orders: +http://b:2'],
    ],
  )
})

test('services that come, go or are served otherwise in service mode are told by their slugs', () => {
  const before = 'services: [{slug: gone, instances: ["http://a"]}, {slug: kept, instances: ["http://a"]}]\n'
  const after =
    'services: [{slug: new, instances: ["http://a"]}, {slug: kept, stripSlug: true, register: true, instances: ["http://a"]}]\n'
  const changes = diffOf(before, after)
  assert.equal(changes.map(brief), [
    'removed service:gone service:gone → 404',
    'changed service:kept service:kept → service:kept',
    'added service:new 404 → service:new',
  ])
  assert.is(changes[1]?.note, 'stripSlug, register')
})

test('another way to check the TLS of a target is a change, and is said to be at the target', () => {
  const [change] = diffOf(
    '{id: x.com, target: "https://a"}',
    '{id: x.com, target: "https://a", upstreamTls: {insecure: true}}',
  )
  assert.equal([change?.kind, change?.note], ['changed', 'target https://a: how its instances are used'])
})

test('who is let in by hosts is a change of all URLs of those hosts, and losing it is flagged', () => {
  const hosts = (list: string) => `
routes:
  - {id: "*.x.com", target: "http://all"}
  - {id: a.x.com, target: "http://a"}
  - {id: a.x.com/api, target: "http://api"}
  - {id: y.com, target: "http://y"}
hosts: [${list}]
`
  const auth = (name: string) => `{name: "${name}", tls: {clientAuth: {ca: clients.pem}}}`
  const snapshot = (list: string) => compiled({'a.yaml': hosts(list)})
  const told = (from: string, to: string) =>
    diffSnapshots(snapshot(from), snapshot(to)).map(change => `${brief(change)}: ${change.note}`)
  const gone = 'access-lost: tls.clientAuth required → none'
  assert.equal(told(auth('a.x.com'), ''), [
    `changed a.x.com a.x.com → a.x.com ${gone}`,
    `changed a.x.com/api a.x.com/api → a.x.com/api ${gone}`,
  ])
  // A name that only `hosts:` knows has a piece of its own: the wildcard's routes with other rules.
  assert.equal(told('', auth('b.x.com')), [
    'changed b.x.com *.x.com → *.x.com access-gained: tls.clientAuth none → required',
  ])
  assert.equal(told(auth('*.x.com'), auth('a.x.com')), [`changed *.x.com *.x.com → *.x.com ${gone}`])
  assert.equal(told('{name: y.com, tls: {hsts: 1h, redirect: false}}', ''), [
    'changed y.com y.com → y.com: tls.redirect false → true; tls.hsts 1h → none',
  ])
  assert.equal(told(auth('a.x.com'), auth('a.x.com')), [])
})

test('what a route answers itself is compared, too', () => {
  const [change] = diffOf('{id: x.com, respond: {body: a}}', '{id: x.com, respond: {body: b}}')
  assert.equal([change?.kind, change?.note], ['changed', 'respond'])
})

test('certificates are ordered for new public names only', () => {
  const hosts = (...names: string[]) =>
    compiled({'a.yaml': names.map(name => `- {id: "${name}", target: "http://a"}`).join('\n')})
  const before = hosts('old.com', 'kept.com', 'kept.com/a')
  const after = hosts(
    'kept.com',
    'new.com/x',
    'new.com/y',
    '*.new.com',
    '*',
    'localhost',
    'x.localhost',
    '127.0.0.1',
    '[::1]',
  )
  assert.equal(diffCertificates(before, after), {order: ['*.new.com', 'new.com'], drop: ['old.com']})
})

test(`diff lists exactly the pieces on which two routers disagree (${PAIRS} pairs)`, () => {
  for (let seed = 1; seed <= PAIRS; seed++) {
    const random = createRandom(seed)
    const [a, b] = pairOf(random)
    const [before, after] = [compiled({'a.yaml': a}), compiled({'a.yaml': b})]
    const all = diffSnapshots(before, after)
    const isOfHost = ({space}: Change) => !space.startsWith('service:')
    const changes = new Map(all.filter(isOfHost).map(change => [change.space, change]))
    const portOf = (yaml: string) => /one:(\d)/.exec(yaml)?.[1]
    assert.equal(
      all.filter(change => !isOfHost(change)).map(({space}) => space),
      portOf(a) === portOf(b) ? [] : ['service:one'],
    )
    const [old, now] = [routerOf(before), routerOf(after)]
    const sets = [before.routes, after.routes]
    const agree = (host: string, path: string) => {
      const [was, is] = [old(host, path), now(host, path)]
      const change = changes.get(spaceOf(sets, host, path))
      const context = `seed ${seed}: ${host}${path}\n${a}\nbecomes\n${b}`
      assert.is(change === undefined, isDeepStrictEqual(was, is), context)
      if (change) assert.equal([change.before?.id, change.after?.id], [was?.id, is?.id], context)
    }
    for (let i = 0; i < URLS; i++) agree(random.pick(HOSTS), pathOf(random))
    // Every listed piece has a URL, and the routers disagree about it.
    for (const space of changes.keys()) {
      const [host = '', ...rest] = space.split('/')
      agree(host.replace('*.', 'fresh.').replace(/^\*$/, 'nobody'), `/${rest.join('/')}`)
    }
  }
})

test.run()

// ---

const PATTERNS = ['x.com', 'a.x.com', 'b.x.com', '*.x.com', 'a.b.x.com', '*', 'localhost', '*.a.x.com']
const HOSTS = ['x.com', 'a.x.com', 'b.x.com', 'c.x.com', 'a.b.x.com', 'q.a.x.com', 'localhost', 'other', 'com']
const SEGMENTS = ['a', 'b', 'ab', 'c']

function pathOf(random: Random): string {
  const depth = random.below(4)
  const path = Array.from({length: depth}, () => `/${random.pick(SEGMENTS)}`).join('')
  return path + (depth === 0 || random.chance(0.2) ? '/' : '')
}

// The second set is the first with some routes gone, some changed and some new, as commits are.
function pairOf(random: Random): [string, string] {
  const first = new Map(Array.from({length: random.below(8)}, () => [idOf(random), actionOf(random)]))
  const second = new Map(first)
  for (const id of first.keys()) {
    const fate = random.below(5)
    if (fate === 0) second.delete(id)
    if (fate === 1) second.set(id, actionOf(random))
  }
  for (let i = random.below(4); i > 0; i--) second.set(idOf(random), actionOf(random))
  return [yamlOf(first, random), yamlOf(second, random)]
}

function idOf(random: Random): string {
  return random.pick(PATTERNS) + pathOf(random).replace(/\/$/, '')
}

const ACTIONS = [
  'target: "http://a"',
  'target: "http://b"',
  'target: "http://a", stripPrefix: true',
  'target: "http://a", timeouts: {idle: 1s}',
  'target: "http://a", headers: {request: {set: {x-a: "1"}}}',
  'target: "http://a", retry: {times: 1}',
  'service: one',
  'service: two',
  'target: "http://a", variants: [{name: v, when: {methods: [POST]}, service: one}]',
  'target: "http://a", mirror: {service: one, share: 10%}',
  'split: [{service: one, share: 50%}, {service: two, share: 50%}]',
  'split: [{service: one, share: 60%}, {service: two, share: 40%}]',
  'redirect: {to: "https://r.example"}',
  'respond: {status: 204}',
]

function actionOf(random: Random): string {
  return random.pick(ACTIONS)
}

function yamlOf(routes: ReadonlyMap<string, string>, random: Random): string {
  const lines = [...routes].map(([id, action]) => `  - {id: "${id}", ${action}}`)
  const port = random.chance(0.8) ? 1 : 2
  return [
    'services:',
    `  - {slug: one, instances: ["http://one:${port}"]}`,
    '  - {slug: two, instances: ["http://two:1"]}',
    ...(lines.length === 0 ? [] : ['routes:', ...lines]),
    '',
  ].join('\n')
}

// What a request meets, spelled out by itself: the route and everything behind the keys that it names.
function routerOf(
  snapshot: Snapshot,
): (host: string, path: string) => (Omit<Route, 'source'> & {reached: unknown}) | null {
  const routing = createRouting<Route>()
  for (const route of snapshot.routes) addRoute(routing, route.host, route.prefix, route)
  return (host, path) => {
    const owner = findHost(routing, host)
    const route = owner && matchPrefix(owner, path)
    if (!route) return null
    const {source: _, ...rest} = route
    const {action, variants, mirror} = route
    const parts = [action, ...variants.map(variant => variant.action)].flatMap((each): {pool: string}[] =>
      each.kind === 'split' ? [...each.parts] : each.kind === 'forward' ? [each] : [],
    )
    const pools = [...parts, ...(mirror ? [mirror] : [])].map(part => snapshot.pools.find(({key}) => key === part.pool))
    const members = pools.flatMap(pool => pool?.members ?? [])
    const instances = members.map(member => snapshot.instances.find(({key}) => key === member.instance))
    return {...rest, reached: {pools, instances}}
  }
}

// The piece of URL space that a URL lies in, found the slow way: the most specific pattern that either set has, and the
// longest of the prefixes that the owners of the host in both have.
function spaceOf(sets: readonly (readonly Route[])[], host: string, path: string): string {
  const matching = [host, `*.${host.split('.').slice(1).join('.')}`, '*']
  const ownerIn = (routes: readonly Route[]) => matching.find(pattern => routes.some(route => route.host === pattern))
  const prefixes = sets
    .flatMap(routes => routes.filter(route => route.host === ownerIn(routes)).map(({prefix}) => prefix))
    .filter(prefix => path === prefix || path.startsWith(`${prefix}/`))
    .sort((a, b) => b.length - a.length)
  return (ownerIn(sets.flat()) ?? '') + (prefixes[0] ?? '')
}
