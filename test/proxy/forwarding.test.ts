import {test} from 'uvu'
import * as assert from 'uvu/assert'
import {clientOf, exchange, getAndClose} from '../helpers/client.ts'
import {OK, originThatAnswers} from '../helpers/origin.ts'
import {proxyOf} from '../helpers/proxy.ts'
import {scoped} from '../helpers/scoped.ts'

test(
  'an instance gets the request as sent, with who asked added and what concerns one hop removed',
  scoped(async scope => {
    const origin = await originThatAnswers(scope, OK)
    const {port} = await proxyOf(scope, {'x.localhost': origin.url})
    await exchange(
      scope,
      port,
      'GET /a?b=%20 HTTP/1.1\r\nhOst: x.localhost\r\nX-Two: 1\r\nConnection: close, X-Hop\r\nX-Hop: gone\r\nx-two: 2\r\n' +
        'X-Forwarded-For: 6.6.6.6\r\nX_Forwarded_Proto: https\r\nProxy: evil\r\nTE: trailers\r\nUpgrade: h2c\r\n\r\n',
    )
    assert.is(
      origin.received[0],
      'GET /a?b=%20 HTTP/1.1\r\nhOst: x.localhost\r\nX-Two: 1\r\nx-two: 2\r\n' +
        'X-Forwarded-For: 127.0.0.1\r\nX-Real-IP: 127.0.0.1\r\nX-Forwarded-Proto: http\r\nX-Forwarded-Host: x.localhost\r\n' +
        'TE: trailers\r\nConnection: TE\r\n\r\n',
    )
  }),
)

test(
  'an answer passes byte for byte but for the fields that concern one hop',
  scoped(async scope => {
    const origin = await originThatAnswers(
      scope,
      'HTTP/1.1 418 Short and stout\r\nX-a: 1\r\nKeep-Alive: timeout=5\r\nConnection: keep-alive, X-Hop\r\nX-Hop: 1\r\nSet-Cookie: a\r\nDate: now\r\nset-cookie: b\r\nContent-Length: 3\r\n\r\ntea',
    )
    const {port} = await proxyOf(scope, {'x.localhost': origin.url})
    const text = await exchange(scope, port, getAndClose('/'))
    assert.is(
      text,
      'HTTP/1.1 418 Short and stout\r\nX-a: 1\r\nSet-Cookie: a\r\nDate: now\r\nset-cookie: b\r\nContent-Length: 3\r\nConnection: close\r\n\r\ntea',
    )
  }),
)

test(
  'both connections are kept and used again',
  scoped(async scope => {
    const origin = await originThatAnswers(scope, OK)
    const {port} = await proxyOf(scope, {'x.localhost': origin.url})
    const client = await clientOf(scope, port)
    for (let i = 1; i <= 20; i++) {
      client.send('GET / HTTP/1.1\r\nHost: x.localhost\r\n\r\n')
      await client.until(new RegExp(`(?:HTTP/1.1 200 OK[^]*?ok){${i}}`))
    }
    assert.is(origin.accepted(), 1)
  }),
)

test(
  'pipelined requests are answered in order',
  scoped(async scope => {
    const origin = await originThatAnswers(scope, head => {
      const path = /^GET (\S+)/.exec(head)?.[1] ?? ''
      return `HTTP/1.1 200 OK\r\nContent-Length: ${path.length}\r\n\r\n${path}`
    })
    const {port} = await proxyOf(scope, {'x.localhost': origin.url})
    const requests = Array.from(
      {length: 100},
      (_, i) => `GET /${i} HTTP/1.1\r\nHost: ${i % 3 ? 'x.localhost' : 'nobody'}\r\n\r\n`,
    )
    const text = await exchange(
      scope,
      port,
      `${requests.join('')}GET /end HTTP/1.1\r\nHost: x.localhost\r\nConnection: close\r\n\r\n`,
    )
    const bodies = [...text.matchAll(/\r\n\r\n(\/\d+|\/end|404)/g)].map(match => match[1])
    assert.equal(bodies, [...Array.from({length: 100}, (_, i) => (i % 3 ? `/${i}` : '404')), '/end'])
  }),
)

test(
  'the base path of a target stands before the path of the request',
  scoped(async scope => {
    const origin = await originThatAnswers(scope, OK)
    const {port} = await proxyOf(scope, {'x.localhost/app': `${origin.url}/base`})
    await exchange(scope, port, getAndClose('/app/page?q'))
    assert.match(origin.received[0] ?? '', /^GET \/base\/app\/page\?q HTTP\/1\.1\r\n/)
  }),
)

test(
  'the opt-in fields are written by us and those of the client replaced',
  scoped(async scope => {
    const origin = await originThatAnswers(scope, OK)
    const forward = {forwarded: true, via: true, requestId: true, traceparent: true}
    const {port} = await proxyOf(scope, {'x.localhost': origin.url}, {forward})
    await exchange(
      scope,
      port,
      'GET / HTTP/1.1\r\nHost: x.localhost\r\nForwarded: for=6.6.6.6\r\nVia: 1.1 other\r\nX-Request-Id: mine\r\n' +
        'traceparent: 00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01\r\nConnection: close\r\n\r\n',
    )
    const head = origin.received[0] ?? ''
    assert.match(head, /\r\nForwarded: for=127\.0\.0\.1;host="x\.localhost";proto=http\r\n/)
    assert.match(head, /\r\nVia: 1\.1 other, 1\.1 routesd\r\n/)
    assert.match(head, /\r\nX-Request-Id: [0-9a-f-]{36}\r\n/)
    assert.match(head, /\r\ntraceparent: 00-0af7651916cd43dd8448eb211c80319c-(?!b7ad6b7169203331)[0-9a-f]{16}-01\r\n/)
    assert.not.match(head, /6\.6\.6\.6|mine/)
  }),
)

test.run()
