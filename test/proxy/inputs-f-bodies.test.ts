// Bodies of answers that break off, lie about their length or never come (RFC 9112 §6.3, §8). What has begun cannot become
// a 502 any more: then the client's connection is cut in a way that nobody takes for the end of the answer.

import {test} from 'uvu'
import * as assert from 'uvu/assert'
import {createScope, type Scope} from '../../src/base/scope.ts'
import {answerOf, clientOf, exchange, getAndClose} from '../helpers/client.ts'
import {type Fault, type FaultyOrigin, faultyOf} from '../helpers/faulty.ts'
import {get, shown, statusOf} from '../helpers/inputs.ts'
import {proxyOf, type Proxy as ServedProxy, snapshotOf} from '../helpers/proxy.ts'
import {scoped} from '../helpers/scoped.ts'

let opened: Promise<{scope: Scope; origin: FaultyOrigin; proxy: ServedProxy}> | null = null

const COUNTED = 'HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\n'
const CHUNKED = 'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n'

const CUT = [
  ...['', '1', '123456789'].map(part => COUNTED + part),
  ...[
    '',
    '5',
    '5\r',
    '5\r\n',
    '5\r\nhel',
    '5\r\nhello',
    '5\r\nhello\r',
    '5\r\nhello\r\n',
    '5\r\nhello\r\n0',
    '5\r\nhello\r\n0\r',
  ].map(part => CHUNKED + part),
  ...['5\r\nhello\r\n0\r\n', '5\r\nhello\r\n0\r\n\r', '5\r\nhello\r\n0\r\nA: b\r\n', '5;a', '5;a="'].map(
    part => CHUNKED + part,
  ),
  `HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n${'x'.repeat(99_999)}`,
]
breaks(
  '78 · an answer that breaks off never ends cleanly',
  CUT.flatMap(answer => [
    {answer, ending: 'closes' as const},
    {answer, ending: 'resets' as const},
  ]),
)
for (const ending of ['closes', 'resets'] as const) {
  test(`78 · a client of HTTP/1.0, to whom the end of the connection is the end, is reset: ${ending}`, async () => {
    const {scope, origin, proxy} = await stage()
    const client = await clientOf(scope, proxy.port)
    client.send(`GET ${origin.on({answer: `${CHUNKED}5\r\nhello\r\n`, ending})} HTTP/1.0\r\nHost: x.localhost\r\n\r\n`)
    const {text, reset} = await client.ended()
    assert.ok(reset || statusOf(text) === 502, `this looks like an answer: ${JSON.stringify(text)}`)
  })
}
breaks('78 · an answer without a length that is reset never ends cleanly', [
  {answer: 'HTTP/1.1 200 OK\r\n\r\nhello', ending: 'resets'},
  {answer: ['HTTP/1.1 200 OK\r\n\r\n', 'hello'], ending: 'resets'},
])
breaks(
  '79 · chunks that are none break the answer off',
  [
    ...[
      'x\r\n',
      '-5\r\nhello',
      '0x5\r\nhello',
      '5 \r\nhello\r\n',
      '5\nhello\r\n',
      '5\r\nhelloXX',
      '5\r\nhello\n0\r\n\r\n',
      '\r\n',
      '5;\r\n',
    ],
    ...[
      'ffffffffffffffff\r\n',
      '5\r\nhello\r\n\r\n',
      '5\r\nhello\r\n0\n\r\n',
      '5\r\nhello\r\n0\r\nA\r\n\r\n',
      '5\r\nhello\r\n0\r\n A: b\r\n\r\n',
    ],
    ...[
      '5\r\nhello\r\n0\r\nA: b\x00\r\n\r\n',
      `5\r\nhello\r\n0\r\nA: ${'b'.repeat(200_000)}\r\n\r\n`,
      `5;a=${'b'.repeat(65_536)}\r\nhello\r\n`,
    ],
  ].map(part => ({answer: CHUNKED + part, ending: 'waits'})),
)
breaks('83 · an answer that stalls is broken off', [
  {answer: `${COUNTED}hello`, ending: 'waits'},
  {answer: `${CHUNKED}5\r\nhel`, ending: 'waits'},
  {answer: `${CHUNKED}5\r\nhello\r\n`, ending: 'waits'},
  {answer: 'HTTP/1.1 200 OK\r\n\r\nhello', ending: 'waits'},
])

type Extra = readonly [what: string, method: string, answer: string, body: string]
const EXTRA: readonly Extra[] = [
  [
    'behind a counted body',
    'GET',
    'HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhelloHTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nevil',
    'hello',
  ],
  ['behind a counted body', 'GET', 'HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello\r\n', 'hello'],
  ['behind an empty body', 'GET', 'HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\nevil', ''],
  ['behind the last chunk', 'GET', `${CHUNKED}5\r\nhello\r\n0\r\n\r\nevil`, 'hello'],
  ['behind 204', 'GET', 'HTTP/1.1 204 No Content\r\n\r\nevil', ''],
  ['behind 204 with a length', 'GET', 'HTTP/1.1 204 No Content\r\nContent-Length: 4\r\n\r\nevil', ''],
  [
    'behind 204 in chunks',
    'GET',
    'HTTP/1.1 204 No Content\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nevil\r\n0\r\n\r\n',
    '',
  ],
  ['behind 304', 'GET', 'HTTP/1.1 304 Not Modified\r\nContent-Length: 4\r\n\r\nevil', ''],
  ['behind the answer to HEAD', 'HEAD', 'HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nevil', ''],
  ['behind the answer to HEAD in chunks', 'HEAD', `${CHUNKED}4\r\nevil\r\n0\r\n\r\n`, ''],
  ['behind the answer to HEAD', 'HEAD', 'HTTP/1.1 404 Not Found\r\n\r\nevil', ''],
]
for (const [what, method, answer, body] of EXTRA) {
  test(`82 · what an instance sends ${what} is dropped with the connection: ${shown(answer)}`, async () => {
    const {scope, origin, proxy} = await stage()
    const before = origin.reused()
    const path = origin.on({answer, ending: 'waits'})
    const client = await clientOf(scope, proxy.port)
    client.send(get().replace('GET /t', `${method} ${path}`) + get('Connection: close'))
    const {text} = await client.ended()
    const first = answerOf(text, method)
    assert.is(first.body, body)
    assert.ok(first.isComplete)
    assert.is(answerOf(first.rest).body, 'ok', `another answer was expected, not ${JSON.stringify(first.rest)}`)
    assert.not.match(text, /evil/)
    assert.is(origin.reused(), before, 'the connection to the instance was used again')
  })
}

test(
  '83 · an instance that never answers is 504, and the connection to it is closed',
  scoped(async scope => {
    const origin = await faultyOf(scope)
    const {port} = await proxyOf(scope, {'x.localhost': origin.url}, {timeouts: {responseMs: 200}})
    const path = origin.on({answer: '', ending: 'waits'})
    const half = origin.on({answer: 'HTTP/1.1 200 OK\r\nA: ', ending: 'waits'})
    for (const asked of [path, half]) {
      const client = await clientOf(scope, port)
      client.send(get().replace('/t', asked) + get('Connection: close'))
      const {text} = await client.ended()
      assert.is(statusOf(text), 504)
      assert.match(text, /\r\nProxy-Status: routesd; error=http_response_timeout\r\n/)
      assert.is(answerOf(answerOf(text).rest).body, 'ok')
    }
    assert.is(origin.reused(), 0)
  }),
)

test('83 · a head and a body that come byte by byte are an answer like any other', async () => {
  const {scope, origin, proxy} = await stage()
  for (const answer of [`${COUNTED}0123456789`, `${CHUNKED}a;x=y\r\n0123456789\r\n0\r\nA: b\r\n\r\n`]) {
    const path = origin.on({answer: [...answer], ending: 'waits', isSound: true})
    const text = await exchange(scope, proxy.port, getAndClose(path))
    assert.is(answerOf(text).body, '0123456789')
    assert.ok(answerOf(text).isComplete)
  }
})

test(
  '83 · an instance that is not there is 502',
  scoped(async scope => {
    const origin = await faultyOf(scope)
    await origin.close()
    const {port} = await proxyOf(scope, {'x.localhost': origin.url})
    const text = await exchange(scope, port, getAndClose('/'))
    assert.is(statusOf(text), 502)
    assert.match(text, /\r\nProxy-Status: routesd; error=connection_refused\r\n/)
  }),
)

test('84 · escapes in what an instance sends are never decoded', async () => {
  const {scope, origin, proxy} = await stage()
  const fields = 'Location: /%0d%0aSet-Cookie:%20evil=1\r\nSet-Cookie: a=%0d%0ab\r\nRefresh: 0;url=/%0D%0AX: y\r\n'
  const path = origin.on({
    answer: `HTTP/1.1 302 Found\r\n${fields}Content-Length: 0\r\n\r\n`,
    ending: 'waits',
    isSound: true,
  })
  const text = await exchange(scope, proxy.port, getAndClose(path))
  assert.ok(text.includes(fields))
  assert.is(text.match(/^set-cookie:/gim)?.length, 1)
})

test(
  '84 · escapes in what a client asks for are never decoded into an answer of ours',
  scoped(async scope => {
    const origin = await faultyOf(scope)
    const {port, plane} = await proxyOf(scope, {'x.localhost': origin.url})
    const snapshot = snapshotOf({'x.localhost': origin.url}, {revision: 'redirects'})
    const action = {kind: 'redirect', to: 'https://y.localhost/new', status: 308, isExact: false} as const
    await plane.apply({...snapshot, routes: snapshot.routes.map(route => ({...route, action}))})
    const text = await exchange(scope, port, getAndClose('/a%20b/%3f?x=%0d%0aSet-Cookie:%20evil=1'))
    assert.is(statusOf(text), 308)
    assert.match(text, /\r\nLocation: https:\/\/y\.localhost\/new\/a%20b\/%3f\?x=%0d%0aSet-Cookie:%20evil=1\r\n/)
    assert.not.match(text, /^set-cookie/im)
    const doubled = await exchange(scope, port, getAndClose('//evil.example/..;x=%0d%0a'))
    assert.is(statusOf(doubled), 400)
  }),
)

test.after(async () => (await opened)?.scope.close())
test.run()

// ---

function stage() {
  opened ??= (async () => {
    const scope = createScope()
    const origin = await faultyOf(scope)
    return {
      scope,
      origin,
      proxy: await proxyOf(scope, {'x.localhost': origin.url}, {timeouts: {idleMs: 200, responseMs: 2000}}),
    }
  })()
  return opened
}

function breaks(name: string, faults: readonly Fault[]): void {
  for (const fault of faults) {
    test(`${name}: ${shown(fault.answer)}, ${fault.ending}`, async () => {
      const {scope, origin, proxy} = await stage()
      const client = await clientOf(scope, proxy.port)
      client.send(get().replace('/t', origin.on(fault)) + get())
      const {text, reset} = await client.ended()
      const answer = answerOf(text)
      const isTold = answer.status === 502 && !answer.rest.includes('HTTP/')
      const isUnclean =
        answer.status === 200 &&
        (reset || (/^(?:Content-Length|Transfer-Encoding):/im.test(answer.head) && !answer.isComplete))
      assert.ok(
        isTold || isUnclean || answer.status === 0,
        `this looks like an answer: ${JSON.stringify(text.slice(0, 1000))}`,
      )
      assert.is(statusOf(await exchange(scope, proxy.port, get('Connection: close'))), 200)
      assert.is(origin.reused(), 0, 'the connection to the instance was used again')
    })
  }
}
