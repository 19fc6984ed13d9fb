// Host, authority, and what a request says about who sent it (RFC 9112 §3.2, RFC 9110 §7.2, §7.6).

import {test} from 'uvu'
import * as assert from 'uvu/assert'
import {exchange} from '../helpers/client.ts'
import {accepts, get, refuses, stageOf, statusOf} from '../helpers/inputs.ts'
import {proxyOf} from '../helpers/proxy.ts'
import {recorderOf} from '../helpers/recorder.ts'
import {scoped} from '../helpers/scoped.ts'

const stage = stageOf()
const OURS =
  'X-Forwarded-For: 127.0.0.1\r\nX-Real-IP: 127.0.0.1\r\nX-Forwarded-Proto: http\r\nX-Forwarded-Host: x.localhost\r\n'
const host = (value: string) => `GET /t HTTP/1.1\r\nHost: ${value}\r\n\r\n`
const absolute = (target: string, value = 'x.localhost') => `GET ${target} HTTP/1.1\r\nHost: ${value}\r\n\r\n`

refuses(stage, '22 · HTTP/1.1 without Host is 400 and closes', {status: 400}, [
  'GET /t HTTP/1.1\r\n\r\n',
  'GET /t HTTP/1.1\r\nA: b\r\n\r\n',
  'GET /t HTTP/1.1\r\nHos: x.localhost\r\n\r\n',
  'GET /t HTTP/1.1\r\nX-Forwarded-Host: x.localhost\r\n\r\n',
  'GET http://x.localhost/t HTTP/1.1\r\n\r\n',
  'GET /t HTTP/1.0\r\n\r\n',
])

refuses(stage, '23 · two Host fields are 400 and close', {status: 400}, [
  get('Host: x.localhost'),
  get('Host: y.localhost'),
  get('hOST: x.localhost'),
  get('Host:'),
  get('A: b', 'Host: x.localhost'),
  'GET /t HTTP/1.0\r\nHost: x.localhost\r\nHost: x.localhost\r\n\r\n',
])

refuses(
  stage,
  '24 · an invalid Host is 400 and closes',
  {status: 400},
  [
    ...[
      'a, b',
      'x.localhost, x.localhost',
      'x.localhost,',
      'a/b',
      'x.localhost/',
      'u@x.localhost',
      'a b',
      'x.localhost x',
    ],
    ...['a\x00b', 'x.localhost\x00', 'a\x01', 'a\x7f', '\xe9', '[::1', '::1', '[::1]x', '[x.localhost]', '[]'],
    ...['x.localhost?a', 'x.localhost#a', 'x.localhost\\a', 'x.localhost%2f', 'x%2elocalhost', 'x.localhost;a'],
    ...[
      'x.localhost:99999',
      'x.localhost:65536',
      'x.localhost:80x',
      'x.localhost:-1',
      'x.localhost:80:80',
      'x.localhost:+80',
    ],
    ...[
      '',
      ' ',
      '.',
      '..',
      '.x.localhost',
      'x..localhost',
      'x.localhost..',
      ':80',
      '*',
      '"x.localhost"',
      "x.localhost'",
    ],
    ...['http://x.localhost', 'a'.repeat(256), `${'a.'.repeat(150)}localhost`, 'x.localhost\x0b', 'x\tlocalhost'],
  ].map(host),
)

const PLAIN = new RegExp(`^GET /t HTTP/1\\.1\\r\\nHost: x\\.localhost\\r\\n${OURS}\\r\\n$`)
accepts(stage, '25 · absolute-form with the same host is forwarded in origin-form', absolute('http://x.localhost/t'), {
  seen: [PLAIN],
})
accepts(stage, '25 · absolute-form without a path asks for the root', absolute('http://x.localhost'), {
  seen: ['GET / HTTP/1.1\r\nHost: x.localhost\r\n'],
})
accepts(stage, '25 · absolute-form keeps its query', absolute('http://x.localhost?a=http://b/'), {
  seen: ['GET /?a=http://b/ HTTP/1.1\r\nHost: x.localhost\r\n'],
})
accepts(stage, '25 · absolute-form compares without case', absolute('HTTP://X.localhost/t'), {
  seen: ['GET /t HTTP/1.1\r\nHost: x.localhost\r\n'],
})
accepts(stage, '25 · absolute-form in HTTP/1.0 needs no Host', 'GET http://x.localhost/t HTTP/1.0\r\n\r\n', {
  seen: ['GET /t HTTP/1.1\r\nHost: x.localhost\r\n'],
})

accepts(stage, '25 · absolute-form gives its host in place of an empty one', absolute('http://x.localhost/t', ''), {
  seen: [PLAIN],
})

refuses(stage, '26 · absolute-form with another Host is 400 and closes', {status: 400}, [
  absolute('http://x.localhost/t', 'y.localhost'),
  absolute('http://y.localhost/t', 'x.localhost'),
  absolute('http://x.localhost:81/t', 'x.localhost:82'),
])

refuses(stage, '27 · a target with user, without host or of another scheme is 400 and closes', {status: 400}, [
  absolute('http://u@x.localhost/t'),
  absolute('http://u:p@x.localhost/t'),
  absolute('http://@x.localhost/t'),
  absolute('http:///t'),
  absolute('http://'),
  absolute('http://?a'),
  absolute('ftp://x.localhost/t'),
  absolute('file:///etc/passwd'),
  absolute('javascript:alert(1)'),
  absolute('ws://x.localhost/t'),
  absolute('http:x.localhost/t'),
  absolute('http:/x.localhost/t'),
  absolute('http://x.localhost\\@y.localhost/t'),
  absolute('http://x.localhost:99999/t', 'x.localhost:99999'),
  absolute('http://[::1/t', '[::1'),
])

for (const value of ['X.LOCALHOST', 'x.localhost.', 'x.localhost:80', 'X.localhost.:8080', '\t x.localhost \t']) {
  accepts(stage, '29 · a host is known by any case, port or trailing dot, and forwarded as sent', host(value), {
    seen: [`GET /t HTTP/1.1\r\nHost: ${value}\r\n`],
  })
}
for (const value of [
  'nobody.localhost',
  'localhost',
  'xx.localhost',
  'a.x.localhost',
  '[::1]',
  '127.0.0.1',
  '__proto__',
  'constructor',
]) {
  accepts(stage, '29 · a host that nobody serves is 404', host(value), {statuses: [404], seen: []})
}

const CLAIMS = [
  'X-Forwarded-For: 6.6.6.6',
  'x-forwarded-for: 6.6.6.7',
  'X-Forwarded-Proto: https',
  'X-Forwarded-Host: evil',
  'X-Forwarded-Port: 666',
  'X-Forwarded-Server: evil',
  'X-Forwarded-Prefix: /evil',
  'X-Real-IP: 6.6.6.6',
  'Forwarded: for=6.6.6.6',
]
accepts(stage, '31 · what an untrusted client says about itself is replaced', get(...CLAIMS), {seen: [PLAIN]})

test(
  '31 · what a trusted proxy says is continued, and read from the right',
  scoped(async scope => {
    const origin = await recorderOf(scope)
    const {port} = await proxyOf(scope, {'x.localhost': origin.url}, {edge: {trustedProxies: ['127.0.0.0/8']}})
    await exchange(
      scope,
      port,
      get(
        'X-Forwarded-For: 6.6.6.6, 203.0.113.9, 127.0.0.2',
        'X-Real-IP: 6.6.6.6',
        'X-Forwarded-Proto: https',
        'Connection: close',
      ),
    )
    const request = origin.requests[0] ?? ''
    assert.match(request, /\r\nX-Forwarded-For: 6\.6\.6\.6, 203\.0\.113\.9, 127\.0\.0\.2, 127\.0\.0\.1\r\n/)
    assert.match(request, /\r\nX-Real-IP: 203\.0\.113\.9\r\n/)
    assert.match(request, /\r\nX-Forwarded-Proto: https\r\n/)
    assert.equal(origin.violations, [])
  }),
)

const ALIASES = [
  ...[
    'X_Forwarded_For: 6',
    'X_Forwarded_Proto: https',
    'X.Forwarded.For: 6',
    'X-Forwarded_For: 6',
    'x_real_ip: 6',
    'X.Real.IP: 6',
  ],
  ...[
    'Transfer_Encoding: chunked',
    'Transfer.Encoding: chunked',
    'Content_Length: 5',
    'Content.Length: 5',
    'Keep_Alive: 5',
  ],
  ...['Proxy_Connection: close', 'Proxy.Authorization: x'],
]
accepts(stage, '32 · look-alikes of fields that we write or frame by are dropped', get(...ALIASES), {seen: [PLAIN]})
accepts(stage, '32 · other names with such characters pass', get('X_Other: 1', 'X.Other: 2'), {
  seen: ['GET /t HTTP/1.1\r\nHost: x.localhost\r\nX_Other: 1\r\nX.Other: 2\r\nX-Forwarded-For: '],
})

test(
  '32 · look-alikes of the opt-in fields are dropped when we write those',
  scoped(async scope => {
    const origin = await recorderOf(scope)
    const forward = {forwarded: true, via: true, requestId: true, traceparent: true}
    const {port} = await proxyOf(scope, {'x.localhost': origin.url}, {forward})
    await exchange(
      scope,
      port,
      get('X_Request_Id: evil', 'X.Request.ID: evil', 'X-Request_Id: evil', 'Connection: close'),
    )
    assert.is(origin.requests.length, 1)
    assert.not.match(origin.requests[0] ?? '', /evil/)
    assert.equal(origin.violations, [])
  }),
)

const PROTECTED = ['Authorization: a', 'Cookie: b=c', 'Content-Type: d']
accepts(
  stage,
  '33 · Connection cannot take away what identifies, frames or routes',
  'POST /t HTTP/1.1\r\nConnection: keep-alive, X-Forwarded-For, X-Forwarded-Proto, X-Forwarded-Host, X-Real-IP, Host,\r\n' +
    'Connection: Content-Length, Cookie, Authorization, Content-Type, X-Hop\r\nHost: x.localhost\r\nContent-Length: 5\r\n' +
    `X-Hop: gone\r\n${PROTECTED.join('\r\n')}\r\nX-Forwarded-For: 6.6.6.6\r\n\r\nhello`,
  {
    seen: [
      new RegExp(
        `^POST /t HTTP/1\\.1\\r\\nHost: x\\.localhost\\r\\n${PROTECTED.join('\r\n')}\r\n${OURS}Content-Length: 5\r\n\r\nhello$`,
      ),
    ],
  },
)
accepts(
  stage,
  '33 · Connection cannot take away the transfer coding',
  'POST /t HTTP/1.1\r\nHost: x.localhost\r\nConnection: Transfer-Encoding\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n',
  {seen: [/\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n$/]},
)
test('33 · close among the options closes', async () => {
  const {scope, proxy, settled} = await stage()
  const text = await exchange(scope, proxy.port, get('Connection: X-Hop, Close , Cookie', 'X-Hop: 1', 'Cookie: c'))
  assert.is(statusOf(text), 200)
  await settled(['GET /t HTTP/1.1\r\nHost: x.localhost\r\nCookie: c\r\nX-Forwarded-For: '])
})
refuses(stage, '33 · options that are no tokens are 400 and close', {status: 400}, [
  get('Connection: "close"'),
  get('Connection: close;a'),
  get('Connection: a b'),
  get(`Connection: ${'a,'.repeat(100)}`),
])

const HOP_BY_HOP = [
  ...[
    'Proxy: http://evil',
    'Proxy-Connection: keep-alive',
    'Keep-Alive: timeout=5',
    'HTTP2-Settings: AAMAAABkAAQAAP__',
  ],
  ...['Upgrade: h2c', 'Proxy-Authorization: Basic eA==', 'TE: chunked', 'Trailer: X'],
]
accepts(stage, '34 · fields that concern one hop are dropped', get(...HOP_BY_HOP), {seen: [PLAIN]})
accepts(stage, '34 · TE is at most forwarded as trailers', get('Connection: TE', 'TE: trailers, chunked;q=0.5, gzip'), {
  seen: [
    /^GET \/t HTTP\/1\.1\r\nHost: x\.localhost\r\n(?:(?:TE: trailers|Connection: TE)\r\n|X-(?:Forwarded|Real).*\r\n)+\r\n$/,
  ],
})

test.run()
