// Frames as RFC 9113 has them, written by hand: what is allowed however it is cut, what ends a stream, what ends a connection.

import {test} from 'uvu'
import * as assert from 'uvu/assert'
import type {Scope} from '../../../src/base/scope.ts'
import {authorityOf} from '../../helpers/authority.ts'
import {blackholeOf} from '../../helpers/blackhole.ts'
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

const PRIORITY = 2
const PUSH_PROMISE = 5
const WINDOW_UPDATE = 8
const ACK = 1
const PADDED = 8
const HAS_PRIORITY = 32

const GET = [
  [':method', 'GET'],
  [':scheme', 'https'],
  [':authority', 'x.localhost'],
  [':path', '/'],
] as const
const POST = [[':method', 'POST'], ...GET.slice(1)] as const

async function clientOf(scope: Scope, target: string): Promise<FrameClient> {
  const certificates = [authorityOf(scope).certificate(['x.localhost'])]
  const {httpsPort} = await proxyOf(scope, {'x.localhost': target}, {certificates})
  return framesTo(scope, httpsPort)
}

const bodyOf = (client: FrameClient, stream: number) =>
  Buffer.concat(
    client
      .frames()
      .filter(([type, of]) => type === DATA && of === stream)
      .map(([, , payload]) => payload),
  ).toString()

const codeOf = (client: FrameClient, type: number, stream: number) =>
  client
    .frames()
    .find(([t, of]) => t === type && of === stream)?.[2]
    .readUInt32BE(type === GOAWAY ? 4 : 0)

const uint32 = (value: number) => {
  const bytes = Buffer.alloc(4)
  bytes.writeUInt32BE(value)
  return bytes
}

function frameOf(type: number, flags: number, stream: number, payload: Buffer): Buffer {
  const head = Buffer.alloc(9)
  head.writeUIntBE(payload.length, 0, 3)
  head[3] = type
  head[4] = flags
  head.writeUInt32BE(stream, 5)
  return Buffer.concat([head, payload])
}

check(
  'a request is the same however its bytes are cut, with padding, priority, continuation and trailers',
  scoped(async scope => {
    const origin = await originThatAnswers(scope, OK)
    const client = await clientOf(scope, origin.url)
    const head = hpack([...POST, ['content-length', '6'], ['x-own', '1']])
    const bytes = (stream: number) =>
      Buffer.concat([
        frameOf(
          HEADERS,
          PADDED | HAS_PRIORITY,
          stream,
          Buffer.concat([Buffer.from([3, 0, 0, 0, 0, 15]), head.subarray(0, 20), Buffer.alloc(3)]),
        ),
        frameOf(CONTINUATION, 0, stream, head.subarray(20, 21)),
        frameOf(CONTINUATION, END_HEADERS, stream, head.subarray(21)),
        frameOf(DATA, 0, stream, Buffer.from('abc')),
        frameOf(DATA, PADDED, stream, Buffer.concat([Buffer.from([5]), Buffer.from('def'), Buffer.alloc(5)])),
        frameOf(HEADERS, END_HEADERS | END_STREAM, stream, hpack([['x-trailer', '1']])),
      ])
    const {length} = bytes(1)
    for (let cut = 0, stream = 1; cut < length; cut += 3, stream += 2) {
      const all = bytes(stream)
      client.socket.write(all.subarray(0, cut))
      await new Promise(resolve => setImmediate(resolve))
      client.socket.write(all.subarray(cut))
      await until('an answer', () => bodyOf(client, stream) === 'ok')
      assert.is(codeOf(client, RST_STREAM, stream), undefined)
    }
    for (const request of origin.received.join('').split(/(?=POST)/)) {
      assert.match(request, /^POST \/ HTTP\/1\.1\r\n.*x-own: 1\r\n.*Content-Length: 6\r\n\r\nabcdef$/s)
    }
  }),
)

check(
  'PING is answered, SETTINGS are acknowledged, and what nobody knows is passed over',
  scoped(async scope => {
    const client = await clientOf(scope, (await originThatAnswers(scope, OK)).url)
    client.frame(PING, 0, 0, Buffer.from('12345678'))
    client.frame(PING, ACK, 0, Buffer.from('87654321'))
    client.frame(99, 255, 7, Buffer.from('?'))
    client.frame(PRIORITY, 0, 1, Buffer.alloc(5))
    client.frame(SETTINGS, 0, 0, Buffer.from([0xff, 0xff, 0, 0, 0, 1]))
    client.frame(HEADERS, END_HEADERS | END_STREAM, 1, hpack(GET))
    await until('an answer', () => bodyOf(client, 1) === 'ok')
    const pings = client.frames().filter(([type]) => type === PING)
    assert.equal(
      pings.map(([, , payload]) => payload.toString()),
      ['12345678'],
    )
    assert.is(client.frames().filter(([type, , payload]) => type === SETTINGS && payload.length === 0).length, 2)
  }),
)

check(
  'a client gets as many bytes as its windows allow, and the rest when they are wider',
  scoped(async scope => {
    const body = 'x'.repeat(100_000)
    const client = await clientOf(scope, (await originThatAnswers(scope, `HTTP/1.1 200 OK\r\n\r\n${body}`)).url)
    const window = (bytes: number) => Buffer.concat([Buffer.from([0, 4]), uint32(bytes)])
    client.frame(SETTINGS, 0, 0, window(10))
    client.frame(HEADERS, END_HEADERS | END_STREAM, 1, hpack(GET))
    await until('ten bytes', () => bodyOf(client, 1).length === 10)
    client.frame(WINDOW_UPDATE, 0, 1, uint32(5))
    await until('five more', () => bodyOf(client, 1).length === 15)
    // Less than what it has had: the window is below nothing.
    client.frame(SETTINGS, 0, 0, window(0))
    client.frame(WINDOW_UPDATE, 0, 1, uint32(3))
    client.frame(PING, 0, 0, Buffer.alloc(8))
    await until('an answer to the ping', () => client.frames().some(([type]) => type === PING))
    assert.is(bodyOf(client, 1).length, 15)
    client.frame(SETTINGS, 0, 0, window(1_000_000))
    await until('all of the connection', () => bodyOf(client, 1).length === 65_535)
    client.frame(WINDOW_UPDATE, 0, 0, uint32(100_000))
    await until('the rest', () => bodyOf(client, 1) === body)
    await until('the end', () => client.frames().length > 0 && codeOf(client, RST_STREAM, 1) === undefined)
  }),
)

check(
  'a client may send as much as was allowed, and no more',
  scoped(async scope => {
    const client = await clientOf(scope, await blackholeOf(scope))
    client.frame(HEADERS, END_HEADERS, 1, hpack(POST))
    client.frame(HEADERS, END_HEADERS, 3, hpack(POST))
    for (let i = 0; i < 4; i++) client.frame(DATA, 0, 1, Buffer.alloc(i === 3 ? 16_383 : 16_384))
    client.frame(PING, 0, 0, Buffer.alloc(8))
    await until('an answer to the ping', () => client.frames().some(([type]) => type === PING))
    assert.is(codeOf(client, RST_STREAM, 1), undefined)
    client.frame(DATA, 0, 1, Buffer.alloc(1))
    await until('a reset', () => codeOf(client, RST_STREAM, 1) === 3)
    assert.is(codeOf(client, GOAWAY, 0), undefined)
  }),
)

check(
  'what the bodies of refused and failed requests took of the connection is given back',
  scoped(async scope => {
    const client = await clientOf(scope, (await originThatAnswers(scope, OK)).url)
    const refused = hpack([...POST.slice(0, 3), [':path', '/%00']])
    const tooShort = hpack([...POST, ['content-length', '20000']])
    // Four times what a client may send before anything is given back.
    for (let sent = 0, stream = 1; sent < 4 << 20; sent += 3 * 16_384, stream += 4) {
      client.frame(HEADERS, END_HEADERS, stream, refused)
      client.frame(DATA, 0, stream, Buffer.alloc(16_384))
      client.frame(HEADERS, END_HEADERS, stream + 2, tooShort)
      client.frame(DATA, 0, stream + 2, Buffer.alloc(16_384))
      client.frame(DATA, 0, stream + 2, Buffer.alloc(16_384))
      await until('the stream to end', () => codeOf(client, RST_STREAM, stream + 2) === 1 || client.isClosed())
    }
    assert.is(codeOf(client, GOAWAY, 0), undefined)
  }),
)

check(
  'trailers that are none, a body behind the end and a second head reset their stream',
  scoped(async scope => {
    const client = await clientOf(scope, (await originOf(scope, () => {})).url)
    client.frame(HEADERS, END_HEADERS, 1, hpack(POST))
    client.frame(HEADERS, END_HEADERS | END_STREAM, 1, hpack([[':path', '/b']]))
    client.frame(HEADERS, END_HEADERS, 3, hpack(POST))
    client.frame(HEADERS, END_HEADERS, 3, hpack([['x-own', '1']]))
    client.frame(HEADERS, END_HEADERS | END_STREAM, 5, hpack(POST))
    client.frame(DATA, 0, 5, Buffer.alloc(1))
    client.frame(HEADERS, END_HEADERS | END_STREAM, 7, hpack(POST))
    client.frame(HEADERS, END_HEADERS | END_STREAM, 7, hpack([['x-own', '1']]))
    client.frame(HEADERS, END_HEADERS, 9, hpack(POST))
    client.frame(WINDOW_UPDATE, 0, 9, uint32(0))
    client.frame(HEADERS, END_HEADERS, 11, hpack(POST))
    client.frame(WINDOW_UPDATE, 0, 11, uint32(0x7f_ff_ff_ff))
    await until('the last', () => codeOf(client, RST_STREAM, 11) !== undefined)
    assert.equal(
      [1, 3, 5, 7, 9, 11].map(stream => codeOf(client, RST_STREAM, stream)),
      [1, 1, 5, 5, 1, 3],
    )
    assert.is(codeOf(client, GOAWAY, 0), undefined)
  }),
)

check(
  'the hundred and first stream at once is refused, and may be asked again',
  scoped(async scope => {
    const client = await clientOf(scope, (await originOf(scope, () => {})).url)
    for (let stream = 1; stream <= 201; stream += 2) client.frame(HEADERS, END_HEADERS | END_STREAM, stream, hpack(GET))
    await until('a refusal', () => codeOf(client, RST_STREAM, 201) === 7)
    assert.is(client.frames().filter(([type]) => type === RST_STREAM).length, 1)
    client.frame(RST_STREAM, 0, 1, uint32(8))
    client.frame(
      HEADERS,
      END_HEADERS | END_STREAM,
      203,
      hpack([[':method', 'GET'], ...GET.slice(1, 3), [':path', '/%00']]),
    )
    await until('an answer', () => client.frames().some(([type, stream]) => type === HEADERS && stream === 203))
  }),
)

const settings = (id: number, value: number) => Buffer.concat([Buffer.from([0, id]), uint32(value)])

const BREACHES: readonly (readonly [string, number, readonly [number, number, number, Buffer]])[] = [
  ['DATA on no stream', 1, [DATA, 0, 0, Buffer.alloc(1)]],
  ['DATA on a stream that has not begun', 1, [DATA, 0, 1, Buffer.alloc(1)]],
  ['a padding that is longer than its frame', 1, [DATA, PADDED, 0, Buffer.from([9, 1])]],
  ['HEADERS on no stream', 1, [HEADERS, END_HEADERS, 0, hpack(GET)]],
  ['HEADERS on a stream of the server', 1, [HEADERS, END_HEADERS, 2, hpack(GET)]],
  ['HEADERS that are too short', 1, [HEADERS, END_HEADERS | HAS_PRIORITY, 1, Buffer.alloc(3)]],
  ['HEADERS that are no block', 9, [HEADERS, END_HEADERS, 1, Buffer.from([0x80])]],
  ['CONTINUATION of nothing', 1, [CONTINUATION, END_HEADERS, 1, hpack(GET)]],
  ['RST_STREAM on no stream', 1, [RST_STREAM, 0, 0, uint32(8)]],
  ['RST_STREAM of a stream that has not begun', 1, [RST_STREAM, 0, 1, uint32(8)]],
  ['RST_STREAM that is too long', 6, [RST_STREAM, 0, 1, Buffer.alloc(5)]],
  ['SETTINGS on a stream', 1, [SETTINGS, 0, 1, Buffer.alloc(0)]],
  ['SETTINGS that are cut', 6, [SETTINGS, 0, 0, Buffer.alloc(5)]],
  ['SETTINGS in an acknowledgement', 6, [SETTINGS, ACK, 0, settings(4, 1)]],
  ['a window that is too large', 3, [SETTINGS, 0, 0, settings(4, 0x80_00_00_00)]],
  ['a frame size that is too small', 1, [SETTINGS, 0, 0, settings(5, 16_383)]],
  ['PUSH_PROMISE', 1, [PUSH_PROMISE, END_HEADERS, 1, Buffer.concat([uint32(2), hpack(GET)])]],
  ['PING on a stream', 1, [PING, 0, 1, Buffer.alloc(8)]],
  ['PING that is too short', 6, [PING, 0, 0, Buffer.alloc(7)]],
  ['GOAWAY on a stream', 1, [GOAWAY, 0, 1, Buffer.alloc(8)]],
  ['WINDOW_UPDATE by nothing', 1, [WINDOW_UPDATE, 0, 0, uint32(0)]],
  ['WINDOW_UPDATE beyond what a window may be', 3, [WINDOW_UPDATE, 0, 0, uint32(0x7f_ff_ff_ff)]],
  ['WINDOW_UPDATE of a stream that has not begun', 1, [WINDOW_UPDATE, 0, 1, uint32(1)]],
  ['a frame that is too large', 6, [DATA, 0, 1, Buffer.alloc(16_385)]],
]

for (const [what, code, frame] of BREACHES) {
  check(
    `${what} ends the connection with ${code}`,
    scoped(async scope => {
      const origin = await originThatAnswers(scope, OK)
      const client = await clientOf(scope, origin.url)
      client.frame(...frame)
      await until('the end', () => client.isClosed())
      assert.is(codeOf(client, GOAWAY, 0), code)
      assert.equal(origin.received, [])
    }),
  )
}

check(
  'another frame within a block of fields ends the connection',
  scoped(async scope => {
    const client = await clientOf(scope, (await originThatAnswers(scope, OK)).url)
    client.frame(HEADERS, END_STREAM, 1, hpack(GET))
    client.frame(PING, 0, 0, Buffer.alloc(8))
    await until('the end', () => client.isClosed())
    assert.is(codeOf(client, GOAWAY, 0), 1)
  }),
)

check(
  'fields of all bytes that may be in one pass in both directions, as nghttp2 packs and reads them',
  scoped(async scope => {
    const all = Array.from({length: 256}, (_, i) => String.fromCharCode(i)).filter(c => /[\x21-\x7e\x80-\xff]/.test(c))
    const value = all.join('')
    const answer = `HTTP/1.1 200 OK\r\nX-Back: ${value}\r\nX-Long: ${'y'.repeat(40_000)}\r\nContent-Length: 2\r\n\r\nok`
    const origin = await originThatAnswers(scope, () => answer)
    const certificates = [authorityOf(scope).certificate(['x.localhost'])]
    const {httpsPort} = await proxyOf(scope, {'x.localhost': origin.url}, {certificates})
    const session = await http2To(scope, httpsPort)
    for (let round = 0; round < 3; round++) {
      const {headers, body} = await ask(session, {'x-all': value, 'x-short': 'aaaaaaaaaaaaaaaaaaaa'})
      assert.is(headers['x-back'], value)
      assert.is(String(headers['x-long']).length, 40_000)
      assert.is(body, 'ok')
    }
    assert.is(origin.received.join('').split(`x-all: ${value}\r\n`).length, 4)
  }),
)

test.run()
