// Heads of answers that are none, or are none of HTTP/1.1 as RFC 9112 has it: the client is told 502, and the connection to
// the instance is never used again.

import {test} from 'uvu'
import * as assert from 'uvu/assert'
import {createScope, type Scope} from '../../src/base/scope.ts'
import {answerOf, clientOf, exchange} from '../helpers/client.ts'
import {type Fault, type FaultyOrigin, faultyOf} from '../helpers/faulty.ts'
import {get, shown, statusesOf} from '../helpers/inputs.ts'
import {proxyOf, type Proxy as ServedProxy} from '../helpers/proxy.ts'
import {until} from '../helpers/until.ts'

let opened: Promise<{scope: Scope; origin: FaultyOrigin; proxy: ServedProxy}> | null = null

const BODY = 'Content-Length: 2\r\n\r\nok'
const ok = (...fields: readonly string[]) => `HTTP/1.1 200 OK\r\n${fields.map(field => `${field}\r\n`).join('')}${BODY}`
const framed = (...fields: readonly string[]) =>
  `HTTP/1.1 200 OK\r\n${fields.map(field => `${field}\r\n`).join('')}\r\n2\r\nok\r\n0\r\n\r\n`

refuses(
  '77 · an answer that is not HTTP/1.x is 502',
  [
    ...[
      '\r\n\r\n',
      'hello\r\n\r\n',
      '<html>hello</html>\r\n\r\n',
      '\x00\r\n\r\n',
      '\x16\x03\x01\x00\x02\x02\x28\r\n\r\n',
    ],
    ...[
      'SSH-2.0-x\r\n\r\n',
      '220 ready\r\n\r\n',
      'ICY 200 OK\r\n\r\n',
      'PRI * HTTP/2.0\r\n\r\n',
      'HTTP/0.9 200 OK\r\n\r\n',
    ],
    ...[
      'HTTP/9.9',
      'HTTP/2.0',
      'HTTP/1.2',
      'HTTP/1.10',
      'HTTP/01.1',
      'HTTP/1',
      'http/1.1',
      'HTTPS/1.1',
      ' HTTP/1.1',
      '\r\nHTTP/1.1',
    ].map(version => `${version} 200 OK\r\n${BODY}`),
    ...[
      '2x0',
      '1000',
      '000',
      '099',
      '600',
      '999',
      '20',
      '2',
      '',
      '+20',
      '-20',
      '2 00',
      '\xb200',
      '200OK',
      '200\tOK',
      '0x1',
    ].map(status => `HTTP/1.1 ${status}${/[\tK]$/.test(status) ? '' : ' OK'}\r\n${BODY}`),
    ...['  200 OK', '\t200 OK', '200 OK', ' 200 O\x00K', ' 200 O\rK', ' 200 O\x01K', ' 200 O\x7fK', ' 200 OK\r'].map(
      rest => `HTTP/1.1${rest}\r\n${BODY}`,
    ),
  ].map(answer => ({answer, ending: 'waits'})),
)
refuses(
  '77 · an answer that ends before its head is 502',
  [
    ...[
      '',
      'H',
      'HTTP/1.1',
      'HTTP/1.1 200 OK',
      'HTTP/1.1 200 OK\r\n',
      'HTTP/1.1 200 OK\r\nA: b\r\n',
      'HTTP/1.1 200 OK\n\nok',
    ],
    ...['HTTP/1.1 200 OK\nContent-Length: 2\n\nok', 'HTTP/1.1 200 OK\r\rok', '<html>hello</html>'],
  ].flatMap(answer => [
    {answer, ending: 'closes' as const},
    {answer, ending: 'resets' as const},
  ]),
)
passes('77 · a status line without a phrase, or of HTTP/1.0, is none the worse', [
  {answer: `HTTP/1.1 200\r\n${BODY}`, ending: 'waits'},
  {answer: `HTTP/1.1 200 \r\n${BODY}`, ending: 'waits'},
  {answer: `HTTP/1.0 200 OK\r\n${BODY}`, ending: 'closes'},
  {answer: `HTTP/1.1 200 \xe9 \t"\r\n${BODY}`, ending: 'waits'},
])

refuses(
  '79 · an answer of unclear length is 502',
  [
    ...['5', '15', '0'].flatMap(length => [
      framed(`Content-Length: ${length}`, 'Transfer-Encoding: chunked'),
      framed('Transfer-Encoding: chunked', `Content-Length: ${length}`),
    ]),
    ...[
      '+2',
      '-2',
      '0x2',
      '2x',
      '',
      '2, 2',
      '2 2',
      '2,',
      '2.0',
      '"2"',
      '\x002',
      '9007199254740993',
      '18446744073709551618',
    ].map(length => `HTTP/1.1 200 OK\r\nContent-Length: ${length}\r\n\r\nok`),
    ok('Content-Length: 2'),
    ok('Content-Length: 3'),
    ok('Content-Length: 0'),
    ok('Content-Length : 2'),
    ...[
      'gzip',
      'gzip, chunked',
      'chunked, gzip',
      'identity',
      'xchunked',
      'chunked, chunked',
      '',
      ',chunked',
      'chunked,',
      '"chunked"',
    ].map(coding => framed(`Transfer-Encoding: ${coding}`)),
    framed('Transfer-Encoding: chunked', 'Transfer-Encoding: chunked'),
    framed('Transfer-Encoding: \x0bchunked'),
    framed('Transfer-Encoding : chunked'),
    framed('Transfer-Encoding:\r\n chunked'),
    framed('Transfer-Encoding: chunked').replace('1.1', '1.0'),
  ].map(answer => ({answer, ending: 'waits'})),
)
passes('79 · leading zeros in a length are decimal', [
  {answer: 'HTTP/1.1 200 OK\r\nContent-Length: 002\r\n\r\nok', ending: 'waits'},
])

refuses(
  '80 · a field that is none is 502',
  [
    ...[
      'A: b\x00c',
      'A: b\rc',
      'A: b\nc',
      'A: b\x01c',
      'A: b\x7fc',
      'A: b\r\n c',
      'A: b\r\n\tc',
      ' A: b',
      '\tA: b',
      'A',
      ': b',
      ':',
    ],
    ...[
      'A : b',
      'A\t: b',
      'A B: c',
      'A(: b',
      '\xe9: b',
      'A\x00: b',
      'A\x7f: b',
      'A"B: c',
      'just words',
      'Connection: "x"',
    ],
  ].map(field => ({answer: ok(field), ending: 'waits'})),
)
passes(
  '80 · other bytes in values pass',
  [{answer: ok('A: \t\x80\xff"', 'B:', '__proto__: c'), ending: 'waits'}],
  /\r\nA: \t\x80\xff"\r\nB:\r\n__proto__: c\r\n/,
)

const LARGE = `A: ${'a'.repeat(500_000)}`
refuses('81 · a head without measure is 502', [
  {answer: ok(LARGE), ending: 'waits'},
  {answer: Array.from({length: 600}, () => 'a'.repeat(1000)), ending: 'waits'},
  {
    answer: ['HTTP/1.1 200 OK\r\n', ...Array.from({length: 600}, (_, index) => `A${index}: ${'a'.repeat(1000)}\r\n`)],
    ending: 'waits',
  },
  {answer: ok(...Array.from({length: 1000}, (_, index) => `A${index}: b`)), ending: 'waits'},
  {answer: ok(...Array.from({length: 250}, () => 'Connection: x')), ending: 'waits'},
])
passes('81 · a large head within measure passes', [
  {answer: ok(...Array.from({length: 150}, (_, index) => `A${index}: ${'b'.repeat(300)}`)), ending: 'waits'},
])

test('81 · interim answers without end are 502', async () => {
  const {scope, origin, proxy} = await stage()
  const path = origin.on({answer: 'HTTP/1.1 102 Processing\r\n\r\n'.repeat(2000) + ok(), ending: 'waits'})
  const text = await exchange(scope, proxy.port, get('Connection: close').replace('/t', path))
  assert.equal(statusesOf(text), [502])
  assert.ok((text.match(/ 102 /g)?.length ?? 0) <= 32)
})
test('81 · a few interim answers are passed on, but 100, which we gave ourselves', async () => {
  const {scope, origin, proxy} = await stage()
  const interim = 'HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n'
  const path = origin.on({
    answer: `HTTP/1.1 100 Continue\r\n\r\n${interim}${interim}${ok()}`,
    ending: 'waits',
    isSound: true,
  })
  const text = await exchange(scope, proxy.port, get('Connection: close').replace('/t', path))
  assert.ok(text.startsWith(`${interim}${interim}HTTP/1.1 200 OK\r\n`), text)
  const old = await exchange(scope, proxy.port, `GET ${path} HTTP/1.0\r\nHost: x.localhost\r\n\r\n`)
  assert.match(old, /^HTTP\/1\.1 200 OK\r\n/)
})
refuses('81 · interim answers that are not valid, or without a final one, are 502', [
  {answer: `HTTP/1.1 103 Early Hints\r\nA : b\r\n\r\n${ok()}`, ending: 'waits'},
  {answer: `HTTP/1.1 199 \x00\r\n\r\n${ok()}`, ending: 'waits'},
  {answer: 'HTTP/1.1 103 Early Hints\r\n\r\n', ending: 'closes'},
  {answer: 'HTTP/1.1 100 Continue\r\n\r\n', ending: 'resets'},
  {answer: 'HTTP/1.1 100 Continue\r\n\r\nhello\r\n\r\n', ending: 'waits'},
])

refuses('82 · an unsolicited 101 is 502', [
  {answer: 'HTTP/1.1 101 Switching Protocols\r\n\r\n', ending: 'waits'},
  {
    answer: 'HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n\x81\x00',
    ending: 'waits',
  },
  {answer: 'HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: h2c\r\n\r\n', ending: 'closes'},
  {answer: `HTTP/1.1 103 Early Hints\r\n\r\nHTTP/1.1 101 Switching Protocols\r\n\r\n`, ending: 'waits'},
])

test('77-82 · all of these were counted as errors of the instance, and none is still under way', async () => {
  const {origin, proxy} = await stage()
  await until('the end of all requests', () => proxy.plane.instanceStats(origin.url).inFlight === 0)
  assert.ok(proxy.plane.instanceStats(origin.url).errors > 100)
  assert.is(origin.reused(), 0)
})

test.after(async () => (await opened)?.scope.close())
test.run()

// ---

function stage() {
  opened ??= (async () => {
    const scope = createScope()
    const origin = await faultyOf(scope)
    return {scope, origin, proxy: await proxyOf(scope, {'x.localhost': origin.url}, {timeouts: {responseMs: 2000}})}
  })()
  return opened
}

function refuses(name: string, faults: readonly Fault[]): void {
  for (const fault of faults) {
    test(`${name}: ${shown(fault.answer)}, ${fault.ending}`, async () => {
      const {scope, origin, proxy} = await stage()
      const path = origin.on(fault)
      const client = await clientOf(scope, proxy.port)
      client.send(get().replace('/t', path) + get('Connection: close'))
      const {text, reset} = await client.ended()
      assert.is(reset, false)
      const bad = answerOf(text)
      assert.is(bad.status, 502, `502 was expected, not ${JSON.stringify(text.slice(0, 1000))}`)
      assert.match(bad.head, /\r\nProxy-Status: routesd; error=http_\w+\r\n|error=connection_terminated\r\n/)
      // The fault is the instance's: the client's connection and its next request are none the worse.
      assert.is(answerOf(bad.rest).body, 'ok', `another answer was expected, not ${JSON.stringify(bad.rest)}`)
      assert.is(origin.reused(), 0, 'the connection to the instance was used again')
    })
  }
}

function passes(name: string, faults: readonly Fault[], pattern = /^HTTP\/1\.1 200 /): void {
  for (const fault of faults) {
    test(`${name}: ${shown(fault.answer)}`, async () => {
      const {scope, origin, proxy} = await stage()
      const text = await exchange(
        scope,
        proxy.port,
        get('Connection: close').replace('/t', origin.on({...fault, isSound: true})),
      )
      assert.match(text, pattern)
      assert.is(answerOf(text).body, 'ok')
      assert.ok(answerOf(text).isComplete)
    })
  }
}
