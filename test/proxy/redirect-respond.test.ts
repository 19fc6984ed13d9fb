// Answers that need no instance: redirects and fixed responses.

import {test} from 'uvu'
import * as assert from 'uvu/assert'
import {clientOf} from '../helpers/client.ts'
import {scoped} from '../helpers/scoped.ts'
import {messageOf, requestFor, served} from '../helpers/written.ts'

const REDIRECTS = `
- {id: default.localhost/old, redirect: {to: "https://new.example.com/"}}
- {id: to.localhost, redirect: {to: "https://new.example.com", status: 301}}
- {id: to.localhost/302, redirect: {to: "https://new.example.com", status: 302}}
- {id: to.localhost/303, redirect: {to: "https://new.example.com", status: 303}}
- {id: to.localhost/307, redirect: {to: "https://new.example.com", status: 307}}
- {id: to.localhost/308, redirect: {to: "https://new.example.com", status: 308}}
- {id: place.localhost/old, redirect: {to: "https://new.example.com:8443/base//"}}
- {id: exact.localhost/old, redirect: {to: "https://new.example.com/landing/?a=1#top", exact: true}}
- {id: path.localhost/old, redirect: {to: /new}}
- {id: root.localhost/old, redirect: {to: /}}
- {id: query.localhost/old, redirect: {to: "https://new.example.com/find/?next=/#top"}}
- {id: idn.localhost/old, redirect: {to: "https://bücher.example/é"}}
- {id: edited.localhost, redirect: {to: /new}, headers: {response: {set: {Cache-Control: no-store}, remove: [date]}}}
`

// What is asked for, the status, and where it leads.
const CASES: readonly (readonly [string, number, string])[] = [
  ['default.localhost/old/page?q', 308, 'https://new.example.com/page?q'],
  ['default.localhost/old', 308, 'https://new.example.com'],
  ['to.localhost/', 301, 'https://new.example.com/'],
  ['to.localhost/page?a=1&b', 301, 'https://new.example.com/page?a=1&b'],
  ['to.localhost/302/x', 302, 'https://new.example.com/x'],
  ['to.localhost/303/x', 303, 'https://new.example.com/x'],
  ['to.localhost/307/x', 307, 'https://new.example.com/x'],
  ['to.localhost/308/x', 308, 'https://new.example.com/x'],
  ['to.localhost//evil.example/%2e%2e', 301, 'https://new.example.com//'],
  ['to.localhost//evil.example', 301, 'https://new.example.com//evil.example'],
  ['place.localhost/old/page', 308, 'https://new.example.com:8443/base/page'],
  ['exact.localhost/old/page?q', 308, 'https://new.example.com/landing/?a=1#top'],
  ['path.localhost/old/page?q', 308, '/new/page?q'],
  ['path.localhost/old//page', 308, '/new//page'],
  ['root.localhost/old', 308, '/'],
  ['root.localhost/old?q', 308, '/?q'],
  ['root.localhost/old/', 308, '/'],
  ['root.localhost/old//evil.example', 308, '/evil.example'],
  ['root.localhost/old///evil.example/?q', 308, '/evil.example/?q'],
  ['root.localhost/old/%2Fevil.example', 308, '/%2Fevil.example'],
  ['root.localhost/old/a%0d%0aX:b', 400, ''],
  ['query.localhost/old', 308, 'https://new.example.com/find?next=/#top'],
  ['query.localhost/old/page?q', 308, 'https://new.example.com/find/page?next=/&q#top'],
  ['idn.localhost/old/page', 308, 'https://xn--bcher-kva.example/%C3%A9/page'],
]

const REASONS: Readonly<Record<number, string>> = {
  301: 'Moved Permanently',
  302: 'Found',
  303: 'See Other',
  307: 'Temporary Redirect',
  308: 'Permanent Redirect',
  400: 'Bad Request',
}

test(
  'a redirect leads to its place, with what stands behind the prefix and the query',
  scoped(async scope => {
    const {ask, instance} = await served(scope, REDIRECTS)
    for (const [url, status, location] of CASES) {
      const {answer} = await ask(requestFor(url))
      assert.is(answer.line, `HTTP/1.1 ${status} ${REASONS[status]}`, url)
      assert.equal(answer.values('location'), location === '' ? [] : [location], url)
      if (status === 400) continue
      assert.equal([answer.values('content-length'), answer.values('date').length, answer.body], [['0'], 1, ''], url)
    }
    assert.is(instance.accepted(), 0)
  }),
)

test(
  'HEAD and other methods are redirected alike, and the connection serves the next request',
  scoped(async scope => {
    const {port} = await served(scope, REDIRECTS)
    const client = await clientOf(scope, port)
    for (const [index, method] of ['GET', 'HEAD', 'DELETE', 'OPTIONS', 'POST'].entries()) {
      const length = method === 'POST' ? 'Content-Length: 0\r\n' : ''
      client.send(`${method} /x HTTP/1.1\r\nHost: to.localhost\r\n${length}\r\n`)
      await client.until(new RegExp(`^(?:HTTP/1\\.1 301[^]*?\\r\\n\\r\\n){${index + 1}}$`))
    }
    assert.not.match(client.text(), /Connection/)
  }),
)

test(
  'behind a request whose body nobody reads the connection ends: its bytes are never taken for a request',
  scoped(async scope => {
    const {port} = await served(scope, REDIRECTS)
    const smuggled = 'GET /smuggled HTTP/1.1\r\nHost: to.localhost\r\n\r\n'
    for (const framing of [`Content-Length: ${smuggled.length}`, 'Transfer-Encoding: chunked']) {
      const client = await clientOf(scope, port)
      const body = framing.startsWith('T') ? `${smuggled.length.toString(16)}\r\n${smuggled}\r\n0\r\n\r\n` : smuggled
      client.send(`POST /x HTTP/1.1\r\nHost: to.localhost\r\n${framing}\r\n\r\n${body}${smuggled}`)
      const {text, reset} = await client.ended()
      assert.equal([text.split('HTTP/1.1').length - 1, reset], [1, false], framing)
      assert.match(text, /\r\nConnection: close\r\n/)
    }
  }),
)

test(
  'the headers of a route are written into its redirect, and Date cannot be left out',
  scoped(async scope => {
    const {ask} = await served(scope, REDIRECTS)
    const {answer} = await ask(requestFor('edited.localhost/x'))
    assert.equal([answer.values('cache-control'), answer.values('location')], [['no-store'], ['/new/x']])
    assert.is(answer.values('date').length, 1)
  }),
)

// --- respond

const BODY = 'Grüße\n€ 😀 \r\n\r\nHTTP/1.1 200 OK'
const RESPONDS = `
- {id: x.localhost, respond: {body: ${JSON.stringify(BODY)}}}
- {id: x.localhost/default, respond: {}}
- {id: x.localhost/204, respond: {status: 204, body: ignored}}
- {id: x.localhost/304, respond: {status: 304, headers: {ETag: '"1"'}}}
- {id: x.localhost/teapot, respond: {status: 418, body: short and stout}}
- {id: x.localhost/odd, respond: {status: 299}}
- {id: x.localhost/json, respond: {status: 503, body: '{}', headers: {content-TYPE: application/json, Retry-After: "60", X-Latin: é}}}
- {id: x.localhost/date, respond: {headers: {date: "Mon, 01 Jan 2024 00:00:00 GMT"}}}
- {id: x.localhost/edited, respond: {body: a, headers: {X-A: "1"}}, headers: {response: {add: {X-A: "2"}, remove: [content-type]}}}
`

test(
  'a fixed response has its status, its headers and its body in UTF-8 with the length in bytes',
  scoped(async scope => {
    const {ask, instance} = await served(scope, RESPONDS)
    const {answer} = await ask(requestFor('x.localhost/any/path?q'))
    assert.is(answer.line, 'HTTP/1.1 200 OK')
    assert.is(Buffer.from(answer.body, 'latin1').toString('utf8'), BODY)
    assert.equal(answer.values('content-length'), [String(Buffer.byteLength(BODY))])
    assert.equal(answer.values('content-type'), ['text/plain; charset=utf-8'])
    assert.equal([answer.values('date').length, answer.values('connection')], [1, ['close']])
    const json = (await ask(requestFor('x.localhost/json'))).answer
    assert.equal([json.line, json.body], ['HTTP/1.1 503 Service Unavailable', '{}'])
    assert.equal(json.fields.slice(0, 4), [
      'content-TYPE: application/json',
      'Retry-After: 60',
      'X-Latin: \xc3\xa9',
      'Content-Length: 2',
    ])
    assert.is(instance.accepted(), 0)
  }),
)

// path, status line, Content-Length, body
const FIXED: readonly (readonly [string, string, readonly string[], string])[] = [
  ['/default', 'HTTP/1.1 200 OK', ['0'], ''],
  ['/204', 'HTTP/1.1 204 No Content', [], ''],
  ['/304', 'HTTP/1.1 304 Not Modified', [], ''],
  ['/teapot', "HTTP/1.1 418 I'm a Teapot", ['15'], 'short and stout'],
  ['/odd', 'HTTP/1.1 299 ', ['0'], ''],
]

test(
  'every status is framed as it must be',
  scoped(async scope => {
    const {ask} = await served(scope, RESPONDS)
    for (const [path, line, length, body] of FIXED) {
      const {answer} = await ask(requestFor(`x.localhost${path}`))
      assert.equal([answer.line, answer.values('content-length'), answer.body], [line, length, body], path)
    }
    assert.equal((await ask(requestFor('x.localhost/304'))).answer.values('etag'), ['"1"'])
  }),
)

test(
  'HEAD gets the head that GET gets, and nothing behind it, so that the next answer is in its place',
  scoped(async scope => {
    const {port, ask} = await served(scope, RESPONDS)
    const client = await clientOf(scope, port)
    client.send('HEAD / HTTP/1.1\r\nHost: x.localhost\r\n\r\nGET /teapot HTTP/1.1\r\nHost: x.localhost\r\n\r\n')
    const text = await client.until('short and stout')
    const [head = '', ...rest] = text.split('\r\n\r\n')
    assert.equal([rest.length, rest[0]?.startsWith('HTTP/1.1 418')], [2, true])
    const whole = (await ask(requestFor('x.localhost/'))).answer
    const withoutDate = (fields: readonly string[]) => fields.filter(field => !/^(date|connection):/i.test(field))
    assert.equal(withoutDate(messageOf(`${head}\r\n\r\n`).fields), withoutDate(whole.fields))
  }),
)

test(
  'pipelined requests to fixed responses are answered in order on one connection',
  scoped(async scope => {
    const {port} = await served(scope, RESPONDS)
    const client = await clientOf(scope, port)
    const paths = Array.from({length: 300}, (_, index) => ['/teapot', '/204', '/json'][index % 3])
    const requests = paths.map(path => `GET ${path} HTTP/1.1\r\nHost: x.localhost\r\n\r\n`)
    client.send(requests.join('') + requestFor('x.localhost/default'))
    const {text} = await client.ended()
    assert.equal(
      [...text.matchAll(/HTTP\/1\.1 (\d+)/g)].map(match => match[1]),
      [...paths.map(path => ({'/teapot': '418', '/204': '204'})[path ?? ''] ?? '503'), '200'],
    )
  }),
)

test(
  'a response with a Date of its own has just that one, and the headers of the route are applied to it',
  scoped(async scope => {
    const {ask} = await served(scope, RESPONDS)
    const dated = (await ask(requestFor('x.localhost/date'))).answer
    assert.equal(dated.values('date'), ['Mon, 01 Jan 2024 00:00:00 GMT'])
    const edited = (await ask(requestFor('x.localhost/edited'))).answer
    assert.equal([edited.values('x-a'), edited.values('content-type'), edited.body], [['1', '2'], [], 'a'])
  }),
)

test(
  'a client of HTTP/1.0 that asks for it is kept after an answer of ours',
  scoped(async scope => {
    const {port} = await served(scope, RESPONDS)
    const client = await clientOf(scope, port)
    client.send('GET /teapot HTTP/1.0\r\nHost: x.localhost\r\nConnection: keep-alive\r\n\r\n')
    assert.match(await client.until('stout'), /\r\nConnection: keep-alive\r\n/)
    client.send('GET /teapot HTTP/1.0\r\nHost: x.localhost\r\n\r\n')
    const {text} = await client.ended()
    assert.match(text, /stout[\s\S]+Connection: close\r\n\r\nshort and stout$/)
  }),
)

test.run()
