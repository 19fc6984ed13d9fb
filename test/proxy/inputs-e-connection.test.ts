// What becomes of connections: other protocols, too many of them, clients that leave, sides that are slow (RFC 9112 §9).

import {test} from 'uvu'
import * as assert from 'uvu/assert'
import {answerOf, clientOf, exchange} from '../helpers/client.ts'
import {accepts, get, post, SMUGGLED, stageOf, statusOf} from '../helpers/inputs.ts'
import {OK, originOf} from '../helpers/origin.ts'
import {proxyOf} from '../helpers/proxy.ts'
import {scoped} from '../helpers/scoped.ts'
import {until} from '../helpers/until.ts'

const stage = stageOf()
const CLOSE = get('Connection: close')
/** More than all buffers on the way hold, those of the kernel included. */
const MUCH_BYTES = 64 << 20
/** What those may hold: twice the 6 MiB of a receive buffer and 4 MiB of a send buffer, and our own. */
const BUFFERS_BYTES = 24 << 20

for (const fields of [
  ['Connection: Upgrade, HTTP2-Settings', 'Upgrade: h2c', 'HTTP2-Settings: AAMAAABkAAQAAP__'],
  ['Connection: upgrade', 'Upgrade: h2c'],
  ['Connection: Upgrade', 'Upgrade: TLS/1.0, h2c'],
  ['Connection: Upgrade', 'Upgrade: foo/2'],
  ['Connection: Upgrade'],
  ['Upgrade: h2c'],
  ['Upgrade: websocket'],
]) {
  accepts(stage, '68 · an upgrade other than websocket is ignored and dropped', get(...fields) + get(), {
    statuses: [200, 200],
    seen: [/^GET \/t HTTP\/1\.1\r\nHost: x\.localhost\r\n(?:X-(?:Forwarded|Real).*\r\n)+\r\n$/, 'GET /t HTTP/1.1\r\n'],
  })
}

test(
  '72 · one connection more than the listener takes is 503 and closes; the others go on, and a place is given again',
  scoped(async scope => {
    const origin = await originOf(scope, socket => void socket.write(OK))
    const {port} = await proxyOf(scope, {'x.localhost': origin.url}, {edge: {maxConnections: 3}})
    const clients = [await clientOf(scope, port), await clientOf(scope, port), await clientOf(scope, port)]
    for (const client of clients) {
      client.send(get())
      await client.until('ok')
    }
    const refused = await clientOf(scope, port)
    const {text} = await refused.ended()
    assert.is(statusOf(text), 503)
    clients[0]?.send(get())
    await clients[0]?.until(/ok[\s\S]*ok$/)
    clients[1]?.destroy()
    await until('a place', async () => statusOf(await exchange(scope, port, CLOSE)) === 200)
  }),
)

test(
  '70 · one address gets no more connections than the settings allow it',
  scoped(async scope => {
    const origin = await originOf(scope, socket => void socket.write(OK))
    const {port} = await proxyOf(scope, {'x.localhost': origin.url}, {edge: {perClient: 2}})
    const first = await clientOf(scope, port)
    const second = await clientOf(scope, port)
    for (const client of [first, second]) {
      client.send(get())
      await client.until('ok')
    }
    const {text} = await (await clientOf(scope, port)).ended()
    assert.is(statusOf(text), 503)
    second.destroy()
    await until('a place', async () => statusOf(await exchange(scope, port, CLOSE)) === 200)
  }),
)

const LEAVING: readonly (readonly [when: string, sent: string, answer: string])[] = [
  ['in the middle of its request', post(['Content-Length: 100'], 'abc'), ''],
  ['in the middle of its chunks', post(['Transfer-Encoding: chunked'], '5\r\nab'), ''],
  ['while it waits', get(), ''],
  ['in the middle of the answer', get(), 'HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nabc'],
  [
    'in the middle of the chunks of the answer',
    get(),
    'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n',
  ],
  ['in the middle of an answer without a length', get(), 'HTTP/1.1 200 OK\r\n\r\nabc'],
  ['between interim and final answer', get(), 'HTTP/1.1 103 Early Hints\r\nLink: </abc>\r\n\r\n'],
]
for (const [when, sent, answer] of LEAVING) {
  for (const how of ['closes', 'resets', 'half-closes'] as const) {
    if (how === 'half-closes' && answer !== '') continue
    test(
      `73 · a client that ${how} ${when} ends the request at the instance`,
      scoped(async scope => {
        const origin = await originOf(scope, socket => {
          socket.write(answer)
          // A close looks like a half-close until something is written to it.
          const timer = setInterval(() => socket.write(answer === '' ? '' : '1\r\nx\r\n'), 50)
          socket.on('close', () => clearInterval(timer))
        })
        const {port, plane} = await proxyOf(scope, {'x.localhost': origin.url})
        const client = await clientOf(scope, port)
        client.send(sent)
        if (answer === '') await until('the request', () => (origin.received[0] ?? '').includes('\r\n\r\n'))
        else await client.until('abc')
        if (how === 'resets') client.socket.resetAndDestroy()
        else if (how === 'half-closes') client.end()
        else client.destroy()
        await until('the end of the request at the instance', () => origin.open() === 0)
        await until('the books', () => plane.instanceStats(origin.url).inFlight === 0)
        assert.is(plane.instanceStats(origin.url).errors, 0)
        await until('the books', () => plane.routeStats('x.localhost').inFlight === 0)
      }),
    )
  }
}

test(
  '74 · a client that does not read holds back the instance, and gets everything when it does',
  scoped(async scope => {
    const block = Buffer.alloc(1 << 20, 'x')
    let written = 0
    const origin = await originOf(scope, socket => {
      socket.write(`HTTP/1.1 200 OK\r\nContent-Length: ${MUCH_BYTES}\r\n\r\n`)
      const more = () => {
        while (written < MUCH_BYTES && socket.writable) {
          written += block.length
          if (!socket.write(block)) break
        }
      }
      socket.on('drain', more)
      more()
    })
    const {port} = await proxyOf(scope, {'x.localhost': origin.url})
    const client = await clientOf(scope, port)
    client.socket.pause()
    client.send(CLOSE)
    await settles(() => written)
    assert.ok(written > 0 && written < BUFFERS_BYTES, `${written} bytes were taken for a client that reads none`)
    client.socket.resume()
    const {text} = await client.ended(20_000)
    assert.ok(answerOf(text).isComplete)
    assert.is(answerOf(text).body.length, MUCH_BYTES)
  }),
)

test(
  '74 · an instance that does not read holds back the client, and gets everything when it does',
  scoped(async scope => {
    let received = 0
    let read = () => {}
    const origin = await originOf(scope, (socket, text) => {
      if (received === 0) {
        socket.pause()
        read = () => socket.resume()
      }
      received += text.length
      if (received > MUCH_BYTES) socket.write(OK)
    })
    const {port} = await proxyOf(scope, {'x.localhost': origin.url})
    const client = await clientOf(scope, port)
    client.send(post([`Content-Length: ${MUCH_BYTES}`, 'Connection: close'], ''))
    const block = Buffer.alloc(1 << 20, 'x')
    let written = 0
    const more = () => {
      while (written < MUCH_BYTES) {
        written += block.length
        if (!client.socket.write(block)) break
      }
    }
    client.socket.on('drain', more)
    more()
    await settles(() => written)
    assert.ok(written < BUFFERS_BYTES, `${written} bytes were taken for an instance that reads none`)
    read()
    const {text} = await client.ended(20_000)
    assert.is(statusOf(text), 200)
    assert.is(answerOf(text).body, 'ok')
  }),
)

test(
  '75 · a byte on an idle connection to the instance ends it, and is nobody’s answer',
  scoped(async scope => {
    const sockets: {write(text: string): unknown}[] = []
    const origin = await originOf(scope, (socket, _, connection) => {
      sockets[connection] = socket
      socket.write(OK)
    })
    const {port} = await proxyOf(scope, {'x.localhost': origin.url})
    const client = await clientOf(scope, port)
    client.send(get())
    await client.until(/ok$/)
    sockets[0]?.write('HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nevil')
    await until('the end of the connection', () => origin.open() === 0)
    client.send(CLOSE)
    const {text} = await client.ended()
    assert.not.match(text, /evil/)
    assert.match(text, /ok[\s\S]*ok$/)
    assert.is(origin.accepted(), 2)
  }),
)

const REUSED: readonly (readonly [string, string, 'fin' | 'reset', string, number, number])[] = [
  ['a GET is tried once more', get(), 'fin', '', 200, 2],
  ['a GET is tried once more', get(), 'reset', '', 200, 2],
  ['a PUT with a short body is tried once more', get().replace('GET', 'PUT'), 'reset', '', 200, 2],
  ['a POST is not tried again', post(['Content-Length: 5'], 'hello'), 'fin', '', 502, 1],
  ['a POST without a body is not tried again', post(['Content-Length: 0'], ''), 'reset', '', 502, 1],
  ['a GET of which something came back is not tried again', get(), 'fin', 'H', 502, 1],
  ['a GET of which an interim answer came back is not tried again', get(), 'fin', 'HTTP/1.1 103 Hi\r\n\r\n', 502, 1],
]
for (const [what, sent, how, part, status, accepted] of REUSED) {
  test(
    `76 · when the instance ends an idle connection as we write, ${what}: ${how}`,
    scoped(async scope => {
      let answered = 0
      const origin = await originOf(scope, (socket, _, connection) => {
        if (connection > 0 || answered++ === 0) socket.write(OK)
        else if (how === 'reset') socket.resetAndDestroy()
        else socket.end(part)
      })
      const {port} = await proxyOf(scope, {'x.localhost': origin.url})
      const client = await clientOf(scope, port)
      client.send(get())
      await client.until(/ok$/)
      client.send(sent)
      await until('the second answer', () => client.text().split(/HTTP\/1\.1 [2-5]/).length === 3)
      assert.is(Number(/ok[\s\S]*HTTP\/1\.1 ([2-5]\d\d)/.exec(client.text())?.[1]), status)
      assert.is(origin.accepted(), accepted)
      client.destroy()
      assert.is(statusOf(await exchange(scope, port, CLOSE)), 200)
    }),
  )
}

test(
  '76 · a request that fails on a new connection as well is 502, after two tries',
  scoped(async scope => {
    let answered = 0
    const origin = await originOf(scope, socket => {
      if (answered++ === 0) socket.write(OK)
      else socket.end()
    })
    const {port} = await proxyOf(scope, {'x.localhost': origin.url})
    const client = await clientOf(scope, port)
    client.send(get())
    await client.until(/ok$/)
    client.send(CLOSE + SMUGGLED)
    const {text} = await client.ended()
    assert.match(text, /ok[\s\S]*HTTP\/1\.1 502 /)
    assert.is(answered, 3)
    assert.is(origin.accepted(), 2)
  }),
)

test.run()

// Resolves when a number has stood still for a while: there is nothing to look at that says "no more comes".
async function settles(look: () => number): Promise<void> {
  let last = -1
  let sinceMs = performance.now()
  await until(
    'standstill',
    () => {
      if (look() !== last) {
        last = look()
        sinceMs = performance.now()
      }
      return last > 0 && performance.now() - sinceMs > 500
    },
    15_000,
  )
}
