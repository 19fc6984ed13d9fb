// stripPrefix, rewrite and base paths: what the instance is asked for, and what it says about its own paths told to the
// client as the client's.

import {test} from 'uvu'
import * as assert from 'uvu/assert'
import {scoped} from '../helpers/scoped.ts'
import {requestFor, served} from '../helpers/written.ts'

const ROUTES = `
- {id: strip.localhost/app, target: "http://INSTANCE", stripPrefix: true}
- {id: strip.localhost, target: "http://INSTANCE/whole"}
- {id: whole.localhost, target: "http://INSTANCE", stripPrefix: true}
- {id: put.localhost/app, target: "http://INSTANCE", rewrite: {prefix: /v2/}}
- {id: put.localhost, target: "http://INSTANCE", rewrite: {prefix: /all}}
- {id: root.localhost/app, target: "http://INSTANCE", rewrite: {prefix: /}}
- {id: base.localhost/app, target: "http://INSTANCE/base/", stripPrefix: true}
- {id: base.localhost/put, target: "http://INSTANCE/base", rewrite: {prefix: /v2}}
- {id: literal.localhost/app, target: "http://INSTANCE", stripPrefix: true, hostHeader: "Internal.example:8080"}
- {id: odd.localhost/app, target: "http://INSTANCE", rewrite: {prefix: /é}}
- {id: keep.localhost/app, target: "http://INSTANCE"}
`

// What the client asks for, and the target that the instance sees.
const REQUESTS: readonly (readonly [string, string])[] = [
  ['strip.localhost/app', '/'],
  ['strip.localhost/app?q=/app', '/?q=/app'],
  ['strip.localhost/app/', '/'],
  ['strip.localhost/app/page', '/page'],
  ['strip.localhost/app/page?', '/page?'],
  ['strip.localhost/app//page', '//page'],
  ['strip.localhost/app/app/app', '/app/app'],
  ['strip.localhost/app/%2Fpage%20x', '/%2Fpage%20x'],
  ['strip.localhost/app/a/../b', '/b'],
  ['strip.localhost/app/..', '/whole/'],
  ['strip.localhost/apple', '/whole/apple'],
  ['strip.localhost/%61pp/page', '/whole/%61pp/page'],
  ['strip.localhost//app/page', '/whole//app/page'],
  ['whole.localhost/page', '/page'],
  ['put.localhost/app', '/v2'],
  ['put.localhost/app/', '/v2/'],
  ['put.localhost/app/page?q', '/v2/page?q'],
  ['put.localhost/app//page', '/v2//page'],
  ['put.localhost/', '/all/'],
  ['put.localhost/page', '/all/page'],
  ['root.localhost/app', '/'],
  ['root.localhost/app/page', '/page'],
  ['base.localhost/app', '/base/'],
  ['base.localhost/app/page', '/base/page'],
  ['base.localhost/put', '/base/v2'],
  ['base.localhost/put/page', '/base/v2/page'],
  ['odd.localhost/app/page', '/%C3%A9/page'],
  ['keep.localhost/app', '/app'],
  ['keep.localhost/app//%2F?a?b', '/app//%2F?a?b'],
]

test(
  'the prefix is stripped, replaced or kept, and everything behind it stays byte for byte',
  scoped(async scope => {
    const {ask} = await served(scope, ROUTES)
    for (const [url, target] of REQUESTS) {
      const {asked} = await ask(requestFor(url))
      assert.is(asked?.line, `GET ${target} HTTP/1.1`, url)
    }
  }),
)

// Location of the instance, and what the client is to see.
const STRIPPED: readonly (readonly [string, string])[] = [
  ['/login', '/app/login'],
  ['/login?next=/home#top', '/app/login?next=/home#top'],
  ['/', '/app/'],
  ['/?a', '/app/?a'],
  ['login', 'login'],
  ['../login', '../login'],
  ['?page=2', '?page=2'],
  ['#top', '#top'],
  ['http://strip.localhost/login?a#b', 'http://strip.localhost/app/login?a#b'],
  ['https://strip.localhost/login', 'https://strip.localhost/app/login'],
  ['https://STRIP.localhost/login', 'https://STRIP.localhost/app/login'],
  ['//strip.localhost/login', '//strip.localhost/app/login'],
  ['https://strip.localhost', 'https://strip.localhost/app/'],
  ['https://strip.localhost?a', 'https://strip.localhost/app/?a'],
  ['http://INSTANCE/login?a#b', '/app/login?a#b'],
  ['https://other.example/login', 'https://other.example/login'],
  ['//other.example/login', '//other.example/login'],
  ['https://strip.localhost.evil.example/login', 'https://strip.localhost.evil.example/login'],
  ['https://strip.localhost:444/login', 'https://strip.localhost:444/login'],
  ['https://user@strip.localhost/login', 'https://user@strip.localhost/login'],
  ['mailto:a@example.com', 'mailto:a@example.com'],
  ['/caf\xc3\xa0', '/app/caf\xc3\xa0'],
]

test(
  'a Location that names this very place gets the stripped prefix back, and no other does',
  scoped(async scope => {
    const {ask, answerWith, instance} = await served(scope, ROUTES)
    for (const [given, seen] of STRIPPED) {
      const location = given.replace('INSTANCE', `127.0.0.1:${instance.port}`)
      answerWith(`HTTP/1.1 302 Found\r\nLocation: ${location}\r\nContent-Length: 0\r\n\r\n`)
      const {answer} = await ask(requestFor('strip.localhost/app/x'))
      assert.equal(answer.values('location'), [seen], given)
    }
  }),
)

// Path of a route, Location or path of a cookie by the instance, and what the client is to see.
const REPLACED: readonly (readonly [string, string, string])[] = [
  ['put.localhost/app/x', '/v2', '/app'],
  ['put.localhost/app/x', '/v2/', '/app/'],
  ['put.localhost/app/x', '/v2/login', '/app/login'],
  ['put.localhost/app/x', '/v20/login', '/v20/login'],
  ['put.localhost/app/x', '/login', '/login'],
  ['put.localhost/x', '/all/login', '/login'],
  ['put.localhost/x', '/all', '/'],
  ['root.localhost/app/x', '/login', '/app/login'],
  ['base.localhost/app/x', '/base/login', '/app/login'],
  ['base.localhost/app/x', '/base', '/app'],
  ['base.localhost/app/x', '/login', '/login'],
  ['base.localhost/put/x', '/base/v2/login', '/put/login'],
  ['keep.localhost/app/x', '/app/login', '/app/login'],
  ['whole.localhost/x', '/login', '/login'],
]

test(
  'where another prefix was put, it gives way to that of the client again, in Location and in cookies',
  scoped(async scope => {
    const {ask, answerWith} = await served(scope, ROUTES)
    for (const [url, given, seen] of REPLACED) {
      answerWith(
        `HTTP/1.1 201 Created\r\nLocation: ${given}\r\nSet-Cookie: a=b; Path=${given}\r\nContent-Length: 0\r\n\r\n`,
      )
      const {answer} = await ask(requestFor(url))
      assert.equal(answer.values('location'), [seen], `${url} ${given}`)
      assert.equal(answer.values('set-cookie'), [`a=b; Path=${seen}`], `${url} ${given}`)
    }
  }),
)

test(
  'the name that the instance was given as Host means this very place too',
  scoped(async scope => {
    const {ask, answerWith} = await served(scope, ROUTES)
    answerWith('HTTP/1.1 302 Found\r\nLocation: http://internal.example:8080/login\r\nContent-Length: 0\r\n\r\n')
    const {answer} = await ask(requestFor('literal.localhost/app/x'))
    assert.equal(answer.values('location'), ['/app/login'])
  }),
)

// A cookie of the instance, and what the client is to see. Path=/app is also for /app itself, Path=/app/ is not
// (RFC 6265 §5.1.4).
const COOKIES: readonly (readonly [string, string])[] = [
  ['a=b; Path=/', 'a=b; Path=/app'],
  ['a=b; HttpOnly; path=/; Secure', 'a=b; HttpOnly; path=/app; Secure'],
  ['a=b;Path=/login;HttpOnly', 'a=b;Path=/app/login;HttpOnly'],
  ['a=b; Path = /login', 'a=b; Path = /app/login'],
  ['a=b; Path=/one; Path=/two', 'a=b; Path=/app/one; Path=/app/two'],
  ['a=b', 'a=b'],
  ['a=b; Path=', 'a=b; Path='],
  ['Path=/x', 'Path=/x'],
  ['a=path=/x; Domain=example.com', 'a=path=/x; Domain=example.com'],
]

test(
  'the path of a cookie follows stripPrefix, and everything else of it stays',
  scoped(async scope => {
    const {ask, answerWith} = await served(scope, ROUTES)
    const lines = COOKIES.map(([given]) => `Set-Cookie: ${given}\r\n`).join('')
    answerWith(`HTTP/1.1 200 OK\r\n${lines}Content-Length: 0\r\n\r\n`)
    const {answer} = await ask(requestFor('strip.localhost/app/x'))
    assert.equal(
      answer.values('set-cookie'),
      COOKIES.map(([, seen]) => seen),
    )
  }),
)

test(
  'lines that a rewrite does not concern keep their bytes',
  scoped(async scope => {
    const {ask, answerWith} = await served(scope, ROUTES)
    answerWith(
      'HTTP/1.1 200 OK\r\nset-COOKIE:a=b\r\nLOCATION:  login \r\nX-A:1\r\nContent-Length: 0\r\nDate: now\r\n\r\n',
    )
    const {answer} = await ask(requestFor('strip.localhost/app/x'))
    assert.equal(answer.fields, [
      'set-COOKIE:a=b',
      'LOCATION:  login ',
      'X-A:1',
      'Date: now',
      'Content-Length: 0',
      'Connection: close',
    ])
  }),
)

test.run()
