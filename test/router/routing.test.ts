import {test} from 'uvu'
import * as assert from 'uvu/assert'
import {normalizeHost} from '../../src/router/host.ts'
import {decidePath} from '../../src/router/path.ts'
import {addRoute, createRouting, findHost, matchPrefix} from '../../src/router/routing.ts'

const IDS = [
  'x.localhost',
  'x.localhost/app',
  'x.localhost/app/admin',
  'only.example.com/api',
  '*.example.com',
  '*.example.com/app',
  '*/health',
]

// host, path, owner
const CASES: readonly (readonly [string, string, string | null])[] = [
  ['x.localhost', '/', 'x.localhost'],
  ['x.localhost', '/anything/else', 'x.localhost'],
  ['x.localhost', '/app', 'x.localhost/app'],
  ['x.localhost', '/app/', 'x.localhost/app'],
  ['x.localhost', '/app/page', 'x.localhost/app'],
  ['x.localhost', '/apple', 'x.localhost'],
  ['x.localhost', '/app/admin', 'x.localhost/app/admin'],
  ['x.localhost', '/app/admin/settings/deep', 'x.localhost/app/admin'],
  ['x.localhost', '/app/administrator', 'x.localhost/app'],
  ['x.localhost', '//app', 'x.localhost'],
  ['x.localhost', '/app//admin', 'x.localhost/app'],
  ['x.localhost', '/App', 'x.localhost'],
  ['x.localhost', '/app;v=1', 'x.localhost'],
  ['a.example.com', '/', '*.example.com'],
  ['a.example.com', '/app/x', '*.example.com/app'],
  ['a.b.example.com', '/', null],
  ['example.com', '/', null],
  ['only.example.com', '/api/x', 'only.example.com/api'],
  ['only.example.com', '/app', null],
  ['nobody.test', '/health', '*/health'],
  ['nobody.test', '/', null],
  ['[::1]', '/health/x', '*/health'],
]

for (const [host, path, owner] of CASES) {
  test(`${host}${path} belongs to ${owner ?? 'nobody'}`, () => {
    const routing = createRouting<string>()
    for (const id of IDS) {
      const slash = id.indexOf('/')
      addRoute(routing, slash < 0 ? id : id.slice(0, slash), slash < 0 ? '' : id.slice(slash), id)
    }
    const routes = findHost(routing, host)
    assert.is(routes === null ? null : matchPrefix(routes, path), owner)
  })
}

const HOSTS: readonly (readonly [string, string])[] = [
  ['Shop.Example.COM', 'shop.example.com'],
  ['shop.example.com:8080', 'shop.example.com'],
  ['shop.example.com.', 'shop.example.com'],
  ['[::1]:80', '[::1]'],
  ['127.0.0.1', '127.0.0.1'],
  ['', ''],
  ['.', ''],
  ['a..b', ''],
  ['a,b', ''],
  ['a/b', ''],
  ['u@a', ''],
  ['a:80x', ''],
  ['a:99999', ''],
  ['a:', ''],
  ['[::1', ''],
  ['a\\b', ''],
  ['a%2eb', ''],
  ['é.com', ''],
  ['a'.repeat(256), ''],
]
for (const [value, host] of HOSTS) {
  test(`Host ${JSON.stringify(value.slice(0, 20))} is ${host === '' ? 'refused' : host}`, () => {
    assert.is(normalizeHost(value), host)
  })
}

const PATHS: readonly (readonly [string, string | null])[] = [
  ['/a/b', '/a/b'],
  ['/a/../b', '/b'],
  ['/a/./b', '/a/b'],
  ['/a/%2e%2E/b', '/b'],
  ['/a/%2e/b', '/a/b'],
  ['/a/b/..', '/a/'],
  ['/a/b/.', '/a/b/'],
  ['/.', '/'],
  ['/..', null],
  ['/../../x', null],
  ['/a/../../x', null],
  ['/a//b', '/a//b'],
  ['/a//../b', '/a/b'],
  ['/.well-known/x', '/.well-known/x'],
  ['/...', '/...'],
  ['/a/..b', '/a/..b'],
  ['/%2F', '/%2F'],
  ['/a%20b', '/a%20b'],
  ['/%e2%82%ac', '/%e2%82%ac'],
  ['/a%00', null],
  ['/a%5Cb', null],
  ['/a\\b', null],
  ['/a%0d%0ab', null],
  ['/a%zz', null],
  ['/a%', null],
  ['/%c0%af', null],
  ['/..;/admin', null],
  ['/a/..;x=1/admin', null],
  ['/a/%2e.;/admin', null],
  ['/a;x=1/b', '/a;x=1/b'],
]
for (const [path, decided] of PATHS) {
  test(`path ${path} is ${decided === null ? 'refused' : `decided as ${decided}`}`, () => {
    assert.is(decidePath(path), decided)
    if (decided !== null) assert.is(decidePath(decided), decided, 'deciding again changes nothing')
  })
}

test.run()
