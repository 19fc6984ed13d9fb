// The path is decided once: what was routed is what is forwarded (RFC 3986 §5.2.4, §6.2.2). '/admin' has a route of its
// own, so that a path which the two sides read in two ways would be seen at the wrong instance.

import {test} from 'uvu'
import * as assert from 'uvu/assert'
import {createScope} from '../../src/base/scope.ts'
import {exchange} from '../helpers/client.ts'
import {accepts, refuses, stageOf, statusOf} from '../helpers/inputs.ts'
import {proxyOf} from '../helpers/proxy.ts'
import {recorderOf} from '../helpers/recorder.ts'

const stage = stageOf()
const line = (target: string) => `GET ${target} HTTP/1.1\r\nHost: x.localhost\r\n\r\n`

const DECIDED: readonly (readonly [asked: string, forwarded: string])[] = [
  ['/a/../b', '/b'],
  ['/a/./b', '/a/b'],
  ['/a/b/../../c', '/c'],
  ['/a/.', '/a/'],
  ['/a/..', '/'],
  ['/.', '/'],
  ['/./', '/'],
  ['/a/%2e%2e/b', '/b'],
  ['/a/%2E%2e/b', '/b'],
  ['/a/.%2e/b', '/b'],
  ['/a/%2e./b', '/b'],
  ['/a/%2E./b', '/b'],
  ['/a/%2e/b', '/a/b'],
  ['/a/%2E', '/a/'],
  ['/a/../b?x=/../y', '/b?x=/../y'],
  ['/a/..?x', '/?x'],
  ['//../b', '/b'],
  ['/a//../b', '/a/b'],
]
for (const [asked, forwarded] of DECIDED) {
  accepts(stage, `63 · dot segments are removed before anything is decided, to ${forwarded}`, line(asked), {
    seen: [`GET ${forwarded} HTTP/1.1\r\n`],
  })
}

refuses(
  stage,
  '63 · a path that climbs above the root is 400 and closes',
  {status: 400},
  [
    '/..',
    '/../',
    '/../x',
    '/../../x',
    '/a/../../x',
    '/%2e%2e',
    '/%2e%2e/x',
    '/.%2E/x',
    '/a/%2e%2e/%2e%2e/x',
    '/./../x',
  ].map(line),
)

refuses(
  stage,
  '64 · an escape or byte that servers read in two ways is 400 and closes',
  {status: 400},
  [
    ...[
      '/%00',
      '/a%00b',
      '/a\\b',
      '/\\',
      '/a/..\\b',
      '/%5c',
      '/a%5Cb',
      '/..%5c',
      '/%0d%0aX:%20y',
      '/%0D',
      '/%0a',
      '/a%0Ab',
    ],
    ...['/%', '/%2', '/%zz', '/%2x', '/%x2', '/%%2e', '/a%', '/%u002e', '/%c0%af', '/%C0%AE', '/%c1%9c', '/%c0'],
  ].map(line),
)

const KEPT = [
  ...[
    '/a%2fb',
    '/a%2Fb',
    '/%2f',
    '/%2F..%2f',
    '/a%2f..%2fb',
    '/%252e%252e/',
    '/%41',
    '/%7e',
    '/a%20b',
    '/%e2%82%ac',
    '/%ff',
  ],
  ...[
    '/a/...',
    '/a/..b',
    '/a/b..',
    '/.well-known/x',
    '/a.b/.c',
    '/a/%2e%2e%2e',
    '/a/%2ex',
    '/~a',
    "/a'b",
    '/a"b',
    '/a|b',
    '/a^b',
  ],
  ...[
    '/{a}',
    '/<a>',
    '/a:b',
    '/a@b',
    '/a=b&c',
    '/a+b',
    '/a*b',
    '/a,b',
    '/[a]',
    '/`a`',
    '/a;b',
    '/a;b=c/d',
    '/a;',
    '/;',
  ],
  ...['/?', '/??', '/?a?b', '/?%00', '/?\\', '/?%zz', '/?a/../b', '/a?b=http://c/../d', '/a?;..;'],
]
for (const target of KEPT) {
  accepts(stage, '64 · everything else is forwarded byte for byte', line(target), {
    seen: [`GET ${target} HTTP/1.1\r\n`],
  })
}

for (const target of [
  '//evil.example/x',
  '//',
  '///',
  '/a//b',
  '//x.localhost',
  '//u@evil',
  '/http://evil/',
  '//evil.example:80/..a',
]) {
  accepts(stage, '65 · doubled slashes are kept and never become an authority', line(target), {
    seen: [`GET ${target} HTTP/1.1\r\nHost: x.localhost\r\n`],
  })
}

refuses(
  stage,
  '66 · a parameter on a double dot is 400 and closes',
  {status: 400},
  ['/..;/admin', '/a/..;/admin', '/..;a=b/x', '/a/..;', '/%2e%2e;/x', '/.%2e;/x', '/a/%2E.;x/..', '/a;/..;b/c'].map(
    line,
  ),
)
accepts(stage, '66 · a double dot behind a segment with parameters removes that segment', line('/x;a=1/..'), {
  seen: ['GET / HTTP/1.1\r\n'],
})
accepts(stage, '66 · the same in the middle', line('/a;/../b'), {seen: ['GET /b HTTP/1.1\r\n']})

const ADMIN = [
  '/admin',
  '/admin/',
  '/admin?x',
  '/admin/x',
  '/a/../admin',
  '/%2e/admin',
  '/admin/../admin/y',
  '/./admin/.',
  '/a/%2e%2e/admin/z',
]
const NOT_ADMIN = [
  '/administer',
  '/Admin',
  '/%61dmin',
  '/admin/..',
  '/admin/../x',
  '/a/admin',
  '//admin',
  '/admin%2fx',
  '/admin;x',
  '/admin.',
]

for (const [route, targets] of [
  ['admin', ADMIN],
  ['other', NOT_ADMIN],
] as const) {
  test(`67 · the route that is chosen and the path that is forwarded are the same reading: ${route}`, async () => {
    const scope = createScope()
    try {
      const origins = {admin: await recorderOf(scope), other: await recorderOf(scope)}
      const hosts = Array.from({length: 150}, (_, index) => [`h${index}.localhost`, 'http://127.0.0.1:1'])
      const routes = {
        ...Object.fromEntries(hosts),
        'x.localhost': origins.other.url,
        'x.localhost/admin': origins.admin.url,
      }
      const {port} = await proxyOf(scope, routes)
      for (const target of targets) {
        const seen = origins[route].requests.length
        const text = await exchange(
          scope,
          port,
          `GET ${target} HTTP/1.1\r\nHost: X.localhost.:80\r\nConnection: close\r\n\r\n`,
        )
        assert.is(statusOf(text), 200, target)
        assert.is(origins[route].requests.length, seen + 1, `${target} came to the wrong instance`)
        const path = /^GET ([^ ?]+)/.exec(origins[route].requests[seen] ?? '')?.[1] ?? ''
        assert.is(/^\/admin(?:\/|$)/.test(path), route === 'admin', `${target} was forwarded as ${path}`)
      }
    } finally {
      await scope.close()
    }
  })
}

test.run()
