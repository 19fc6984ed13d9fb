// What single steps of a request cost, in nanoseconds: the best of several rounds, so that a busy machine does not count.

import {MemberEntry, PoolEntry} from '../../src/proxy/entries.ts'
import type {Exchange} from '../../src/proxy/exchange.ts'
import {editFields, restorePaths} from '../../src/proxy/head-policy.ts'
import type {ClientConnection} from '../../src/proxy/http1/client.ts'
import {parseRequestHead, RequestHead} from '../../src/proxy/http1/request-head.ts'
import {parseResponseHead, ResponseHead} from '../../src/proxy/http1/response-head.ts'
import {Origin} from '../../src/proxy/origin.ts'
import {pick} from '../../src/proxy/pick.ts'
import {Ticks} from '../../src/proxy/ticks.ts'
import {addRoute, createRouting, findHost, matchPrefix, type Routing} from '../../src/router/routing.ts'
import {createSegment, laneOf, loadsOf} from '../../src/scoreboard/segment.ts'
import type {Balance} from '../../src/snapshot/snapshot.ts'

const ROUNDS = 9

/** Nanoseconds of one call, the best of ROUNDS rounds of `calls`. */
export function nanoseconds(calls: number, step: (i: number) => unknown): number {
  let best = Number.POSITIVE_INFINITY
  let kept: unknown
  for (let round = 0; round < ROUNDS; round++) {
    const began = process.hrtime.bigint()
    for (let i = 0; i < calls; i++) kept = step(i)
    best = Math.min(best, Number(process.hrtime.bigint() - began) / calls)
  }
  // Read, so that no step can be optimised away.
  if (kept === ROUNDS) throw new Error('unreachable')
  return best
}

const PREFIXES = ['', '/app', '/app/admin', '/api/v1']
const PATHS = ['/1k', '/app/page/one', '/app/admin/settings', '/api/v1/orders/7', '/apple']

/** A routing of `count` routes as people have them: four prefixes a host. */
export function routingOf(count: number): {routing: Routing<number>; hosts: string[]} {
  const routing = createRouting<number>()
  const hosts = Array.from({length: Math.max(1, count / PREFIXES.length)}, (_, i) => `t${i}.example.test`)
  for (const [i, host] of hosts.entries()) for (const prefix of PREFIXES) addRoute(routing, host, prefix, i)
  return {routing, hosts}
}

/** Nanoseconds of a match among `count` routes, when requests name `asked` of their hosts. */
export function matchCost(count: number, asked = 256): number {
  const {routing, hosts} = routingOf(count)
  const names = Array.from({length: asked}, (_, i) => hosts[(i * 7919) % hosts.length] ?? '')
  return nanoseconds(200_000, i => {
    const routes = findHost(routing, names[i % asked] ?? '')
    return routes && matchPrefix(routes, PATHS[i % PATHS.length] ?? '')
  })
}

const WRK = Buffer.from('GET /1k HTTP/1.1\r\nHost: x.localhost\r\n\r\n')
const BROWSER = Buffer.from(
  'GET /app/page?id=42 HTTP/1.1\r\nHost: x.localhost\r\nConnection: keep-alive\r\nUpgrade-Insecure-Requests: 1\r\n' +
    'User-Agent: Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/142.0.0.0 Safari/537.36\r\n' +
    'Accept: text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,image/webp,*/*;q=0.8\r\n' +
    'Sec-Fetch-Site: same-origin\r\nSec-Fetch-Mode: navigate\r\nReferer: https://x.localhost/app\r\n' +
    'Accept-Encoding: gzip, deflate, br, zstd\r\nAccept-Language: en-GB,en;q=0.9,de;q=0.8\r\n' +
    `Cookie: session=${'a1b2c3d4'.repeat(24)}; theme=dark\r\n\r\n`,
)
const ANSWER = Buffer.from(
  'HTTP/1.1 200 OK\r\nServer: nginx\r\nDate: Sat, 21 Nov 2026 10:00:00 GMT\r\nContent-Type: text/plain\r\n' +
    'Last-Modified: Sat, 21 Nov 2026 09:00:00 GMT\r\nETag: "6b016f73-400"\r\nAccept-Ranges: bytes\r\n' +
    'Content-Length: 1024\r\nConnection: keep-alive\r\n\r\n',
)

/** Nanoseconds of a pick among `count` instances, each with requests under way. */
export function pickCost(balance: Balance, count: number): number {
  const segment = createSegment(2)
  const books = {counters: laneOf(segment, 0), loads: loadsOf(segment), lanes: 2, resolutions: new Int32Array(1)}
  const states = new Int32Array(createSegment(1))
  const members = Array.from({length: count}, (_, slot) => {
    const host = `10.0.${slot >> 8}.${slot & 255}`
    const keepalive = {idle: 64, timeoutMs: 60_000}
    const instance = {
      key: `http://${host}:80`,
      scheme: 'http',
      host,
      port: 80,
      protocol: 'http1',
      tls: null,
      keepalive,
      slot,
    } as const
    const origin = new Origin(instance, books)
    // In an order in which the least loaded one is not soon found.
    origin.loads[origin.load] = 1 + ((slot * 7919) % 31)
    return new MemberEntry({id: '', basePath: '', weight: 1, isBackup: false, isDown: false, slot}, origin, states, 0)
  })
  const pool = {
    key: 's',
    name: 's',
    members: [],
    protocol: 'http1' as const,
    balance,
    rotation: members.map((_, index) => index),
    sticky: null,
    slowStartMs: 0,
    passive: null,
    circuit: null,
    maxInFlight: 0,
    queue: null,
    slot: 0,
  }
  const place = {states: new Int32Array(new SharedArrayBuffer(64)), at: 0, own: 0, ticks: new Ticks(), waiting: null}
  const entry = new PoolEntry(pool, members, place)
  const head = new RequestHead()
  const client = {isTrusted: false, address: '10.1.2.3'} as unknown as ClientConnection
  const exchange = {client} as unknown as Exchange
  return nanoseconds(50_000, i => pick(entry, exchange, head, PATHS[i % PATHS.length] ?? ''))
}

export const BALANCES: readonly Balance[] = [
  {kind: 'round-robin'},
  {kind: 'least-connections'},
  {kind: 'random-two'},
  {kind: 'hash', by: {kind: 'uri'}},
  {kind: 'hash', by: {kind: 'client'}},
]

/** What people call it: 'hash by uri'. */
export function nameOf(balance: Balance): string {
  return balance.kind === 'hash' ? `hash by ${balance.by.kind}` : balance.kind
}

/** Name and nanoseconds of each step. */
export function microBenchmarks(): (readonly [string, number])[] {
  const taken = {requestId: false, traceparent: false, via: false}
  const request = new RequestHead()
  const response = new ResponseHead()
  const fields = ANSWER.latin1Slice(17, ANSWER.length - 2)
  const edits = {drop: ['server', 'x-powered-by'], append: 'X-Frame-Options: DENY\r\n', ifMissing: []}
  return [
    [
      'parse a request of wrk (41 bytes)',
      nanoseconds(200_000, () => parseRequestHead(WRK, 0, WRK.length, 100, taken, request)),
    ],
    [
      `parse a request of a browser (${BROWSER.length} bytes)`,
      nanoseconds(100_000, () => parseRequestHead(BROWSER, 0, BROWSER.length, 100, taken, request)),
    ],
    [
      `parse an answer (${ANSWER.length} bytes)`,
      nanoseconds(100_000, () => parseResponseHead(ANSWER, ANSWER.length, 200, response)),
    ],
    ['edit the fields of an answer', nanoseconds(100_000, () => editFields(fields, edits))],
    ['restore paths in an answer', nanoseconds(100_000, () => restorePaths(fields, {cut: 4, put: ''}, '/app', []))],
    ['match among 10 routes', matchCost(10)],
    ['match among 10,000 routes', matchCost(10_000)],
    ['match among 100,000 routes', matchCost(100_000)],
    ...BALANCES.map(balance => [`pick among 300 busy instances, ${nameOf(balance)}`, pickCost(balance, 300)] as const),
  ]
}
