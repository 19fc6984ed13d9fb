import {test} from 'uvu'
import * as assert from 'uvu/assert'
import {normalizeId} from '../../src/base/route-id.ts'
import {parseTarget} from '../../src/control/config/target.ts'

test('two ways to write one route have one normal form', () => {
  const same: readonly (readonly [string, string, string])[] = [
    ['x.localhost', 'x.localhost', ''],
    ['X.LocalHost/', 'x.localhost', ''],
    ['x.localhost./app/', 'x.localhost', '/app'],
    ['*', '*', ''],
    ['*/app', '*', '/app'],
    ['*.Example.com/a/b', '*.example.com', '/a/b'],
    ['bücher.example', 'xn--bcher-kva.example', ''],
    ['BÜCHER.example', 'xn--bcher-kva.example', ''],
    ['my_app.internal', 'my_app.internal', ''],
    ['127.0.0.1/app', '127.0.0.1', '/app'],
    ['[0:0::1]/app', '[::1]', '/app'],
    ['x.localhost/App;v=1', 'x.localhost', '/App;v=1'],
  ]
  for (const [id, host, prefix] of same) assert.equal(normalizeId(id), {host, prefix}, id)
})

test('an id that could never match is refused', () => {
  const refused = [
    '',
    '/',
    'http://x',
    'x:80',
    'x:80/a',
    'u@x',
    '*x',
    'x.*',
    '*.*.x',
    '*.',
    '.x',
    'x..y',
    '-x.y',
    'x-.y',
    'x y',
    '[::1',
    '[::1]:80',
    '[1]',
    'x/a b',
    'x/%61',
    'x/a?b',
    'x/a#b',
    'x/*',
    'x//a',
    'x/a//',
    'x/.',
    'x/..',
    'x/a/../b',
    'x/..;/a',
    'x/a\\b',
    'x/é',
    `${'a'.repeat(64)}.x`,
    'x/\u0000',
  ]
  for (const id of refused) assert.ok('problem' in normalizeId(id), id)
})

test('a normal form is its own normal form', () => {
  for (const id of ['X.localhost/a/', '*.bücher.example/x', '[0::1]/a', '*/']) {
    const once = normalizeId(id)
    assert.ok(!('problem' in once))
    assert.equal(normalizeId(once.host + once.prefix), once)
  }
})

test('a target is read into what will be dialled', () => {
  assert.equal(parseTarget('http://App-Frontend:3000/base/'), {
    scheme: 'http',
    host: 'app-frontend',
    port: 3000,
    basePath: '/base',
  })
  assert.equal(parseTarget('https://[::1]'), {scheme: 'https', host: '::1', port: 443, basePath: ''})
  assert.equal(parseTarget('HTTP://10.0.0.1'), {scheme: 'http', host: '10.0.0.1', port: 80, basePath: ''})
})

test('a target that is not plainly one origin is refused', () => {
  const refused = [
    '',
    'app:3000',
    '//app',
    'http:app',
    'ftp://app',
    'http://',
    'http://:80',
    'http://u:p@app',
    'http://app?x',
    'http://app#x',
    'http://app:0',
    'http://app:65536',
    'http://app:8o',
    'http://0x7f.1',
    'http://2130706433',
    'http://127.1',
    'http://[::1',
    'http://[fe80::1%25eth0]',
    'http://a b',
    'http://app/a/../b',
    'http://app/%2e%2e/b',
    'http://app/%zz',
    'http://app/é',
    'http://app\\b',
    'http://app/a\nb',
  ]
  for (const target of refused) assert.ok('problem' in parseTarget(target), target)
})

test.run()
