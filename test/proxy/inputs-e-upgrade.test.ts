// Requests for a WebSocket (RFC 6455 §4, RFC 9110 §7.8). Who takes an agreement for granted forwards what a client sent
// behind its request as the next one (Envoy CVE-2026-73548): nothing of that may reach the instance before its 101.

import {createHash} from 'node:crypto'
import {test} from 'uvu'
import * as assert from 'uvu/assert'
import {answerOf, clientOf, exchange} from '../helpers/client.ts'
import {get, post, refuses, SMUGGLED, stageOf, statusOf} from '../helpers/inputs.ts'
import {originOf} from '../helpers/origin.ts'
import {proxyOf} from '../helpers/proxy.ts'
import {scoped} from '../helpers/scoped.ts'
import {until} from '../helpers/until.ts'

const stage = stageOf()
const KEY = 'dGhlIHNhbXBsZSBub25jZQ=='
const ACCEPT = createHash('sha1').update(`${KEY}258EAFA5-E914-47DA-95CA-C5AB0DC85B11`).digest('base64')
const ASKED = ['Connection: Upgrade', 'Upgrade: websocket']
const VERSION = 'Sec-WebSocket-Version: 13'
const HANDSHAKE = get(...ASKED, VERSION, `Sec-WebSocket-Key: ${KEY}`)
const AGREED = `HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Accept: ${ACCEPT}\r\n\r\n`

refuses(stage, '69 · a handshake that is none is refused and closes', {status: [400, 426, 501]}, [
  get(...ASKED, 'Sec-WebSocket-Version: 777', `Sec-WebSocket-Key: ${KEY}`) + SMUGGLED,
  get(...ASKED, 'Sec-WebSocket-Version: 8', `Sec-WebSocket-Key: ${KEY}`) + SMUGGLED,
  get(...ASKED, `Sec-WebSocket-Key: ${KEY}`) + SMUGGLED,
  get(...ASKED, VERSION, VERSION, `Sec-WebSocket-Key: ${KEY}`, 'Sec-WebSocket-Version: 8') + SMUGGLED,
  get(...ASKED, VERSION) + SMUGGLED,
  get(...ASKED, VERSION, 'Sec-WebSocket-Key:') + SMUGGLED,
  get(...ASKED, VERSION, 'Sec-WebSocket-Key: short') + SMUGGLED,
  get(...ASKED, VERSION, `Sec-WebSocket-Key: ${KEY}`, 'Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==') + SMUGGLED,
  post([...ASKED, VERSION, `Sec-WebSocket-Key: ${KEY}`, 'Content-Length: 5'], 'hello') + SMUGGLED,
  post([...ASKED, VERSION, `Sec-WebSocket-Key: ${KEY}`, 'Transfer-Encoding: chunked'], '0\r\n\r\n') + SMUGGLED,
  get(...ASKED, VERSION, `Sec-WebSocket-Key: ${KEY}`, `Content-Length: ${SMUGGLED.length}`) + SMUGGLED,
  get(...ASKED, VERSION, `Sec-WebSocket-Key: ${KEY}`, 'Transfer-Encoding: chunked') + SMUGGLED,
  HANDSHAKE.replace('GET', 'HEAD') + SMUGGLED,
])

test(
  '69 · what a client sends behind its handshake reaches the instance after the agreement, and not before',
  scoped(async scope => {
    const sockets: {write(text: string): unknown}[] = []
    const origin = await originOf(scope, (socket, _, connection) => {
      sockets[connection] = socket
    })
    const {port} = await proxyOf(scope, {'x.localhost': origin.url})
    const client = await clientOf(scope, port)
    client.send(`${HANDSHAKE}early`)
    await until('the handshake', () => (origin.received[0] ?? '').includes('\r\n\r\n'))
    client.send(' bird')
    // Another request through the same worker: what was forwarded before it has come when it has.
    const other = await clientOf(scope, port)
    other.send(get())
    await until('another request', () => (origin.received[1] ?? '').includes('\r\n\r\n'))
    assert.ok(origin.received[0]?.endsWith('\r\n\r\n'), origin.received[0])
    sockets[0]?.write(AGREED)
    await until('the early bytes', () => origin.received[0]?.endsWith('\r\n\r\nearly bird'))
  }),
)

test(
  '69 · after the agreement bytes pass both ways, and the end of one side ends the other',
  scoped(async scope => {
    const origin = await originOf(scope, (socket, text) => {
      socket.write(text.includes('\r\n\r\n') ? `${AGREED}hello` : text.toUpperCase())
    })
    const {port, plane} = await proxyOf(scope, {'x.localhost': origin.url})
    const client = await clientOf(scope, port)
    client.send(`${HANDSHAKE}early`)
    const text = await client.until('EARLY')
    assert.match(text, /^HTTP\/1\.1 101 [\s\S]*\r\n\r\nhelloEARLY$/)
    assert.match(text, new RegExp(`\r\nsec-websocket-accept: ${ACCEPT.replaceAll('+', '\\+')}\r\n`, 'i'))
    client.send(SMUGGLED.trim())
    await client.until('GET /SMUGGLED')
    assert.is(origin.accepted(), 1)
    client.destroy()
    await until('the end at the instance', () => origin.open() === 0)
    await until('the books', () => plane.instanceStats(origin.url).inFlight === 0)
    await until('the books', () => plane.routeStats('x.localhost').inFlight === 0)
  }),
)

const NO_AGREEMENTS: readonly (readonly [what: string, answer: string])[] = [
  ['has the wrong proof', AGREED.replace(ACCEPT, 'AAAAAAAAAAAAAAAAAAAAAAAAAAA=')],
  ['has no proof', AGREED.replace(/Sec-WebSocket-Accept: .*\r\n/, '')],
  ['is for another protocol', AGREED.replace('Upgrade: websocket', 'Upgrade: h2c')],
  ['is for no protocol', AGREED.replace('Upgrade: websocket\r\n', '')],
]
for (const [what, answer] of NO_AGREEMENTS) {
  test(
    `69 · a 101 that ${what} is 502, and both connections are closed`,
    scoped(async scope => {
      const origin = await originOf(scope, (socket, text) => void (text.includes('\r\n\r\n') && socket.write(answer)))
      const {port} = await proxyOf(scope, {'x.localhost': origin.url})
      const client = await clientOf(scope, port)
      client.send(HANDSHAKE + SMUGGLED)
      const {text} = await client.ended()
      assert.is(statusOf(text), 502)
      assert.not.match(text, /HTTP\/1\.1 101/)
      await until('the end at the instance', () => origin.open() === 0)
      assert.not.match(origin.received.join(''), /smuggled/)
    }),
  )
}

for (const answer of [
  'HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nno',
  'HTTP/1.1 403 Forbidden\r\nContent-Length: 2\r\n\r\nno',
  'HTTP/1.1 426 Upgrade Required\r\nUpgrade: websocket\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nno\r\n0\r\n\r\n',
]) {
  test(
    `69 · an answer other than 101 is passed on, and both connections are closed: ${answer.slice(9, 12)}`,
    scoped(async scope => {
      const origin = await originOf(scope, (socket, text) => void (text.includes('\r\n\r\n') && socket.write(answer)))
      const {port, plane} = await proxyOf(scope, {'x.localhost': origin.url})
      const client = await clientOf(scope, port)
      client.send(HANDSHAKE + SMUGGLED)
      const {text} = await client.ended()
      assert.is(answerOf(text).status, Number(answer.slice(9, 12)))
      assert.is(answerOf(text).body, 'no')
      assert.ok(answerOf(text).isComplete)
      assert.is(answerOf(text).rest, '')
      await until('the end at the instance', () => origin.open() === 0)
      assert.not.match(origin.received.join(''), /smuggled/)
      await until('the books', () => plane.instanceStats(origin.url).inFlight === 0)
    }),
  )
}

for (const [what, answer] of [
  ['nothing', ''],
  ['half a head', 'HTTP/1.1 101 Switching'],
  ['no HTTP', 'hello\r\n\r\n'],
] as const) {
  test(
    `69 · an instance that answers a handshake with ${what} and closes is 502`,
    scoped(async scope => {
      const origin = await originOf(scope, (socket, text) => void (text.includes('\r\n\r\n') && socket.end(answer)))
      const {port, plane} = await proxyOf(scope, {'x.localhost': origin.url})
      const text = await exchange(scope, port, HANDSHAKE + SMUGGLED)
      assert.is(statusOf(text), 502)
      await until('the end at the instance', () => origin.open() === 0)
      assert.not.match(origin.received.join(''), /smuggled/)
      await until('the books', () => plane.instanceStats(origin.url).inFlight === 0)
    }),
  )
}

for (const how of ['closes', 'resets'] as const) {
  test(
    `73 · a client that ${how} in the middle of its handshake ends it at the instance`,
    scoped(async scope => {
      const origin = await originOf(scope, () => {})
      const {port, plane} = await proxyOf(scope, {'x.localhost': origin.url})
      const client = await clientOf(scope, port)
      client.send(HANDSHAKE)
      await until('the handshake', () => (origin.received[0] ?? '').includes('\r\n\r\n'))
      if (how === 'resets') client.socket.resetAndDestroy()
      else client.destroy()
      await until('the end at the instance', () => origin.open() === 0)
      await until('the books', () => plane.instanceStats(origin.url).inFlight === 0)
    }),
  )
}

test.run()
