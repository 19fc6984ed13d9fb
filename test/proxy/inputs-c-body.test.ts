// Bodies that are announced, waited for, late, or answered before they have come (RFC 9110 §10.1.1, RFC 9112 §7.5, §9.3).

import {test} from 'uvu'
import * as assert from 'uvu/assert'
import {clientOf, exchange} from '../helpers/client.ts'
import {accepts, get, post, refuses, SMUGGLED, stageOf, statusesOf, statusOf} from '../helpers/inputs.ts'
import {OK, originOf} from '../helpers/origin.ts'
import {proxyOf} from '../helpers/proxy.ts'
import {recorderOf} from '../helpers/recorder.ts'
import {scoped} from '../helpers/scoped.ts'
import {until} from '../helpers/until.ts'

const stage = stageOf()
const EXPECT = 'Expect: 100-continue'

for (const [framing, body] of [
  ['Content-Length: 5', 'hello'],
  ['Transfer-Encoding: chunked', '5\r\nhello\r\n0\r\n\r\n'],
] as const) {
  test(`59 · a client that expects 100 gets it before it sends: ${framing}`, async () => {
    const {scope, proxy, origin, settled} = await stage()
    const client = await clientOf(scope, proxy.port)
    client.send(post([EXPECT, framing], ''))
    assert.is(await client.until('\r\n\r\n'), 'HTTP/1.1 100 Continue\r\n\r\n')
    client.send(body + get())
    const text = await client.until(/ok[\s\S]*ok$/)
    assert.equal(statusesOf(text), [200, 200])
    assert.is(text.match(/100 Continue/g)?.length, 1)
    assert.ok(origin.requests.at(-2)?.endsWith(body), 'the body was not forwarded')
    client.destroy()
    await settled(['POST /t HTTP/1.1\r\nHost: x.localhost\r\nX-', 'GET /t HTTP/1.1\r\n'])
  })
}
test('59 · the expectation is known in any case', async () => {
  const {scope, proxy} = await stage()
  const client = await clientOf(scope, proxy.port)
  client.send(post(['eXPECT: 100-Continue', 'Content-Length: 5'], ''))
  await client.until('HTTP/1.1 100 Continue\r\n\r\n')
  client.destroy()
})
accepts(stage, '59 · a body that did not wait needs no 100', post([EXPECT, 'Content-Length: 5'], 'hello') + get(), {
  statuses: [200, 200],
  seen: [/\r\nContent-Length: 5\r\n\r\nhello$/, 'GET /t HTTP/1.1\r\n'],
})
accepts(stage, '59 · an expectation without a body is dropped', get(EXPECT) + get(), {
  statuses: [200, 200],
  seen: ['GET /t HTTP/1.1\r\nHost: x.localhost\r\nX-Forwarded-For: ', 'GET /t HTTP/1.1\r\n'],
})
refuses(
  stage,
  '59 · any other expectation is 417 and closes',
  {status: 417},
  [
    'y 100-continue',
    '200-ok',
    '100-continue, x',
    '100-continue, 100-continue',
    '100-continue;q=1',
    '100',
    '',
    '"100-continue"',
  ].map(value => post([`Expect: ${value}`, 'Content-Length: 5'], `hello${SMUGGLED}`)),
)
test('59 · HTTP/1.0 is never sent a 100', async () => {
  const {scope, proxy, settled} = await stage()
  const client = await clientOf(scope, proxy.port)
  client.send(`POST /t HTTP/1.0\r\nHost: x.localhost\r\n${EXPECT}\r\nContent-Length: 5\r\n\r\nhe`)
  client.send('llo')
  const {text} = await client.ended()
  assert.is(statusOf(text), 200)
  assert.not.match(text, /100 Continue/)
  client.destroy()
  await settled(['POST /t HTTP/1.1\r\nHost: x.localhost\r\nX-'])
})

for (const framing of ['Content-Length: 10', 'Transfer-Encoding: chunked']) {
  test(`60 · a body that ends before its end is never completed: ${framing}`, async () => {
    const {scope, proxy, origin, settled} = await stage()
    const client = await clientOf(scope, proxy.port)
    client.send(post([framing], '3\r\nabc'))
    await until('the part that was sent', () => origin.received.some(text => text.includes('abc')))
    client.end()
    const {text} = await client.ended()
    assert.not.match(text, /HTTP\/1\.1 2/)
    await until('the end of the connection to the instance', () => proxy.plane.instanceStats(origin.url).inFlight === 0)
    await settled()
  })
}

test(
  '60 · a body that stalls is 408 and closes, and the connection to the instance is not used again',
  scoped(async scope => {
    const origin = await recorderOf(scope)
    const {port} = await proxyOf(scope, {'x.localhost': origin.url})
    const client = await clientOf(scope, port)
    client.send(post(['Content-Length: 100'], 'abc'))
    const {text} = await client.ended(15_000)
    assert.is(statusOf(text), 408)
    assert.match(text, /\r\nConnection: close\r\n/)
    assert.is(statusOf(await exchange(scope, port, get('Connection: close'))), 200)
    assert.is(origin.requests.length, 1)
    assert.is(origin.accepted(), 2)
    await until('the end of the connection with the half request', () => origin.open() === 1)
  }),
)

test('61 · a hundred requests in one write are answered in order, and the bad one among them ends it', async () => {
  const {scope, proxy, settled} = await stage()
  const good = (index: number) => `GET /${index} HTTP/1.1\r\nHost: x.localhost\r\n\r\n`
  const before = Array.from({length: 50}, (_, index) => good(index))
  const after = Array.from({length: 49}, (_, index) => good(index + 51))
  const bytes = [...before, 'GET /bad HTTP/1.1\r\nHost: x.localhost\r\nA : b\r\n\r\n', ...after].join('')
  const text = await exchange(scope, proxy.port, bytes)
  assert.equal(statusesOf(text), [...before.map(() => 200), 400])
  await settled(before.map((_, index) => `GET /${index} HTTP/1.1\r\n`))
})

test(
  '61 · a pipelined request is not forwarded before the one ahead of it is answered',
  scoped(async scope => {
    let waiting = 0
    let most = 0
    const origin = await originOf(scope, (socket, text) => {
      waiting += text.split('\r\n\r\n').length - 1
      most = Math.max(most, waiting)
      setImmediate(() => {
        waiting--
        socket.write(OK)
      })
    })
    const {port} = await proxyOf(scope, {'x.localhost': origin.url})
    const client = await clientOf(scope, port)
    client.send(get().repeat(20))
    await until('twenty answers', () => client.text().split('\nok').length === 21)
    assert.is(most, 1)
    assert.is(origin.accepted(), 1)
  }),
)

for (const status of ['401 Unauthorized', '413 Content Too Large', '200 OK']) {
  for (const [framing, part] of [
    ['Content-Length: 1000000', 'x'.repeat(1000)],
    ['Transfer-Encoding: chunked', '3e8\r\n'],
  ] as const) {
    test(
      `62 · an answer before the end of the request closes both connections: ${status}, ${framing}`,
      scoped(async scope => {
        const origin = await originOf(scope, (socket, text, connection) => {
          if (connection > 0) socket.write(OK)
          else if (text.includes('\r\n\r\n')) socket.write(`HTTP/1.1 ${status}\r\nContent-Length: 5\r\n\r\nearly`)
        })
        const {port} = await proxyOf(scope, {'x.localhost': origin.url})
        const client = await clientOf(scope, port)
        client.send(post([framing], part))
        const {text, reset} = await client.ended()
        assert.is(reset, false)
        assert.match(text, new RegExp(`^HTTP/1\\.1 ${status}\\r\\n`))
        assert.match(text, /\r\nConnection: close\r\n[\s\S]*\r\nearly$/)
        // What follows is the rest of the body to whoever still reads it, and must not become a request.
        client.send(SMUGGLED)
        assert.is(statusOf(await exchange(scope, port, get('Connection: close'))), 200)
        assert.is(origin.accepted(), 2)
        assert.not.match(origin.received.join(''), /smuggled/)
      }),
    )
  }
}

test(
  '62 · an answer to an expectation other than 100 closes behind it',
  scoped(async scope => {
    const origin = await originOf(scope, (socket, text) => {
      if (text.includes('\r\n\r\n')) socket.write('HTTP/1.1 401 Unauthorized\r\nContent-Length: 0\r\n\r\n')
    })
    const {port} = await proxyOf(scope, {'x.localhost': origin.url})
    const client = await clientOf(scope, port)
    client.send(post([EXPECT, 'Content-Length: 50'], ''))
    const {text} = await client.ended()
    assert.is(statusOf(text), 401)
    assert.match(text, /\r\nConnection: close\r\n/)
  }),
)

test.run()
