// What a hostile client of HTTP/2 may cost: little, and the connection ends. Frames are written by hand.

import {test} from 'uvu'
import * as assert from 'uvu/assert'
import type {Scope} from '../../../src/base/scope.ts'
import {authorityOf} from '../../helpers/authority.ts'
import {hasOpenssl} from '../../helpers/certificates.ts'
import {
  ask,
  CONTINUATION,
  DATA,
  END_HEADERS,
  END_STREAM,
  type FrameClient,
  framesTo,
  GOAWAY,
  HEADERS,
  hpack,
  http2To,
  PING,
  RST_STREAM,
  SETTINGS,
} from '../../helpers/http2-client.ts'
import {OK, originOf, originThatAnswers} from '../../helpers/origin.ts'
import {proxyOf} from '../../helpers/proxy.ts'
import {scoped} from '../../helpers/scoped.ts'
import {until} from '../../helpers/until.ts'

if (!hasOpenssl) console.log('SKIP tests of HTTP/2: openssl is missing')
const check = hasOpenssl ? test : test.skip

const GET = [
  [':method', 'GET'],
  [':scheme', 'https'],
  [':authority', 'x.localhost'],
  [':path', '/'],
] as const

async function secured(scope: Scope, target: string, edge: {headerTimeoutMs?: number; idleTimeoutMs?: number} = {}) {
  const certificates = [authorityOf(scope).certificate(['x.localhost'])]
  const proxy = await proxyOf(scope, {'x.localhost': target}, {certificates, edge})
  return {...proxy, client: await framesTo(scope, proxy.httpsPort)}
}

// Ends well for us: the connection is over, the worker is not, and others are served.
async function survives(scope: Scope, {httpsPort, plane}: Awaited<ReturnType<typeof secured>>) {
  assert.is((await ask(await http2To(scope, httpsPort))).status, 200)
  assert.equal(
    plane.workers().map(({restarts}) => restarts),
    [0],
  )
}

const isOver = (client: FrameClient) => client.isClosed() || client.frames().some(([type]) => type === GOAWAY)
const resetOf = (client: FrameClient, stream: number) =>
  client
    .frames()
    .find(([type, of]) => type === RST_STREAM && of === stream)?.[2]
    .readUInt32BE(0)

const MALFORMED: readonly (readonly [string, readonly (readonly [string, string])[]])[] = [
  ['a connection-specific field', [...GET, ['connection', 'close']]],
  ['transfer-encoding', [...GET, ['transfer-encoding', 'chunked']]],
  ['an upgrade', [...GET, ['upgrade', 'websocket']]],
  ['te that is more than trailers', [...GET, ['te', 'gzip']]],
  ['upper case', [...GET, ['X-Own', '1']]],
  ['a pseudo-field behind a field', [...GET.slice(0, 3), ['x-own', '1'], [':path', '/']]],
  ['a pseudo-field twice', [...GET, [':path', '/b']]],
  ['no path', GET.slice(0, 3)],
  ['an unknown pseudo-field', [...GET, [':protocol', 'websocket']]],
]

for (const [what, fields] of MALFORMED) {
  check(
    `${what} is refused and nothing of it reaches an instance`,
    scoped(async scope => {
      const origin = await originThatAnswers(scope, OK)
      const {client} = await secured(scope, origin.url)
      client.frame(HEADERS, END_HEADERS | END_STREAM, 1, hpack(fields))
      await until('a reset or the end', () => resetOf(client, 1) === 1 || isOver(client))
      assert.equal(origin.received, [])
    }),
  )
}

// nghttp2 leaves out the field, as nginx does.
const DROPPED: readonly (readonly [string, readonly [string, string]])[] = [
  ['a line end in a value', ['x-own', 'a\r\nx-evil: 1']],
  ['a NUL in a value', ['x-own', 'a\0b']],
  ['a space in a name', ['x own', '1']],
  ['a colon in a name', ['x:own', '1']],
]

for (const [what, field] of DROPPED) {
  check(
    `${what} does not reach an instance`,
    scoped(async scope => {
      const origin = await originThatAnswers(scope, OK)
      const {client} = await secured(scope, origin.url)
      client.frame(HEADERS, END_HEADERS | END_STREAM, 1, hpack([...GET, field]))
      await until('an answer', () => isOver(client) || client.frames().some(([, stream]) => stream === 1))
      assert.not.match(origin.received.join(''), /own|evil/)
    }),
  )
}

const ODD: readonly (readonly [string, readonly (readonly [string, string])[]])[] = [
  ['a path without a slash', [...GET.slice(0, 3), [':path', 'http://x.localhost/']]],
  ['a space in the path', [...GET.slice(0, 3), [':path', '/ HTTP/1.1']]],
  ['a space in the method', [[':method', 'GET /evil'], ...GET.slice(1)]],
  [
    'CONNECT',
    [
      [':method', 'CONNECT'],
      [':authority', 'x.localhost:443'],
    ],
  ],
]

for (const [what, fields] of ODD) {
  check(
    `${what} is answered with 4xx or a reset and reaches no instance`,
    scoped(async scope => {
      const origin = await originThatAnswers(scope, OK)
      const {client} = await secured(scope, origin.url)
      client.frame(HEADERS, END_HEADERS | END_STREAM, 1, hpack(fields))
      await until('an answer', () => isOver(client) || client.frames().some(([, stream]) => stream === 1))
      assert.equal(origin.received, [])
    }),
  )
}

for (const [sent, length] of [
  ['abc', '2'],
  ['abc', '4'],
] as const) {
  check(
    `a body of ${sent.length} that says ${length} is refused, and its connection to the instance not used again`,
    scoped(async scope => {
      const origin = await originOf(scope, () => {})
      const {client, plane} = await secured(scope, origin.url)
      const fields = [[':method', 'POST'], ...GET.slice(1), ['content-length', length]] as const
      client.frame(HEADERS, END_HEADERS, 1, hpack(fields))
      client.frame(DATA, END_STREAM, 1, Buffer.from(sent))
      await until('a reset', () => resetOf(client, 1) === 1 || isOver(client))
      await until('no connection', () => origin.open() === 0)
      assert.is(plane.routeStats('x.localhost').inFlight, 0)
    }),
  )
}

check(
  'rapid resets end the connection (CVE-2023-44487)',
  scoped(async scope => {
    const origin = await originThatAnswers(scope, OK)
    const served = await secured(scope, origin.url)
    const cancel = Buffer.from([0, 0, 0, 8])
    const head = hpack(GET)
    for (let stream = 1; stream < 20_000 && !isOver(served.client); stream += 2) {
      served.client.frame(HEADERS, END_HEADERS | END_STREAM, stream, head)
      served.client.frame(RST_STREAM, 0, stream, cancel)
      if (stream % 200 === 1) await new Promise(resolve => setImmediate(resolve))
    }
    await until('the end', () => isOver(served.client))
    assert.ok(origin.accepted() < 1000, `${origin.accepted()} connections`)
    await until('all to be let go', () => served.plane.routeStats('x.localhost').inFlight === 0)
    await survives(scope, served)
  }),
)

check(
  'resets that a client provokes end the connection, too (CVE-2025-8671)',
  scoped(async scope => {
    const served = await secured(scope, (await originThatAnswers(scope, OK)).url)
    const head = hpack([...GET, ['connection', 'close']])
    for (let stream = 1; stream < 20_000 && !isOver(served.client); stream += 2) {
      served.client.frame(HEADERS, END_HEADERS | END_STREAM, stream, head)
      if (stream % 200 === 1) await new Promise(resolve => setImmediate(resolve))
    }
    await until('the end', () => isOver(served.client))
    await survives(scope, served)
  }),
)

const FLOODS: readonly (readonly [string, (client: FrameClient, i: number) => void])[] = [
  ['PING', client => client.frame(PING, 0, 0, Buffer.alloc(8))],
  ['SETTINGS', client => client.frame(SETTINGS, 0, 0, Buffer.from([0, 4, 0, 0, 0xff, 0xff]))],
  [
    'CONTINUATION',
    (client, i) => {
      if (i === 0) client.frame(HEADERS, 0, 1, hpack(GET))
      else client.frame(CONTINUATION, 0, 1, hpack([[`x-${i}`, 'v'.repeat(100)]]))
    },
  ],
  [
    'empty CONTINUATION',
    (client, i) => {
      if (i === 0) client.frame(HEADERS, 0, 1, hpack(GET))
      else client.frame(CONTINUATION, 0, 1, Buffer.alloc(0))
    },
  ],
]

for (const [what, send] of FLOODS) {
  check(
    `a flood of ${what} frames ends the connection`,
    scoped(async scope => {
      const served = await secured(scope, (await originThatAnswers(scope, OK)).url)
      const {client} = served
      client.socket.pause()
      for (let i = 0; i < 100_000 && !client.socket.destroyed; i++) {
        send(client, i)
        if (i % 1000 !== 0) continue
        if (i > 20_000) client.socket.resume()
        await new Promise(resolve => setImmediate(resolve))
        if (isOver(client)) break
      }
      client.socket.resume()
      await until('the end', () => isOver(client), 10_000)
      await survives(scope, served)
    }),
  )
}

check(
  'more fields than the settings allow, and larger ones, are refused',
  scoped(async scope => {
    const served = await secured(scope, (await originThatAnswers(scope, OK)).url)
    const session = await http2To(scope, served.httpsPort)
    const many = Object.fromEntries(Array.from({length: 150}, (_, i) => [`x-${i}`, '1']))
    const answers = [await ask(session, many), await ask(session, {'x-large': 'x'.repeat(40_000)})]
    for (const {status, code} of answers) assert.ok(status === 431 || code !== 0, `${status} ${code}`)
    const crumbs = Array.from({length: 5_000}, (_, i) => ['cookie', `c${i}=1`] as const)
    served.client.frame(HEADERS, END_STREAM, 1, hpack(GET))
    for (let i = 0; i < crumbs.length; i += 500) {
      const isLast = i + 500 >= crumbs.length
      served.client.frame(CONTINUATION, isLast ? END_HEADERS : 0, 1, hpack(crumbs.slice(i, i + 500)))
    }
    await until('a refusal', () => resetOf(served.client, 1) !== undefined || isOver(served.client))
    await survives(scope, served)
  }),
)

check(
  'connections that say nothing, or only half of something, are let go',
  scoped(async scope => {
    const edge = {headerTimeoutMs: 500, idleTimeoutMs: 500}
    const served = await secured(scope, (await originThatAnswers(scope, OK)).url, edge)
    const half = await framesTo(scope, served.httpsPort)
    half.frame(HEADERS, 0, 1, hpack(GET))
    const idle = await http2To(scope, served.httpsPort)
    assert.is((await ask(idle)).status, 200)
    await until('the silent one', () => served.client.isClosed())
    await until('the half one', () => half.isClosed())
    await until('the idle one', () => idle.closed)
  }),
)

test.run()
