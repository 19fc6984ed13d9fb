// What a head loses, gains and keeps on its way: the rules that hold for every route, and `headers` and `hostHeader` of one.

import {test} from 'uvu'
import * as assert from 'uvu/assert'
import {clientOf, exchange} from '../helpers/client.ts'
import {OK, originOf, originThatAnswers} from '../helpers/origin.ts'
import {scoped} from '../helpers/scoped.ts'
import {messageOf, requestFor, served, type Written} from '../helpers/written.ts'

const PLAIN = '- {id: x.localhost, target: "http://INSTANCE"}'

/** What stands behind the client's own fields in every request. */
const ABOUT_THE_CLIENT = [
  'X-Forwarded-For: 127.0.0.1',
  'X-Real-IP: 127.0.0.1',
  'X-Forwarded-Proto: http',
  'X-Forwarded-Host: x.localhost',
]

/** The fields of the client that reached the instance, without those that we write. */
async function passed(written: Written, fields: string): Promise<readonly string[]> {
  const {asked} = await written.ask(requestFor('x.localhost/', {fields}))
  return (asked?.fields ?? []).filter(field => !ABOUT_THE_CLIENT.includes(field) && field !== 'Host: x.localhost')
}

const KEPT = [
  'X-One: 1',
  'x-ONE:2',
  'X-One:  spaced  ',
  'X-Empty:',
  'Cookie: a=1',
  'Cookie: b=2',
  'X-Under_score: kept',
  'X.Dotted: kept',
  'X-Latin: caf\xe9 \xc3\xa9',
  'Via: 1.0 other',
  'X-Request-Id: mine',
  'traceparent: mine',
  "X-!#$%&'*+^`|~: token",
]

test(
  'fields that concern no proxy keep their order, case, spaces, bytes and duplicates',
  scoped(async scope => {
    const written = await served(scope, PLAIN)
    assert.equal(await passed(written, KEPT.map(field => `${field}\r\n`).join('')), KEPT)
  }),
)

test(
  'the four fields about the client are always sent, each once, and nobody else writes them',
  scoped(async scope => {
    const {ask} = await served(scope, PLAIN)
    const forged = [
      'X-Forwarded-For: 6.6.6.6',
      'x-forwarded-for: 6.6.6.7',
      'X-Forwarded-Proto: https',
      'X-Forwarded-Host: evil.example',
      'X-Forwarded-Port: 666',
      'X-Forwarded-Server: evil',
      'X-Forwarded-Prefix: /evil',
      'X-Forwarded-Anything: evil',
      'X-Real-IP: 6.6.6.6',
      'Forwarded: for=6.6.6.6',
      'X-Kept: 1',
    ]
    const {asked} = await ask(requestFor('x.localhost/', {fields: forged.map(field => `${field}\r\n`).join('')}))
    assert.equal(asked?.fields, ['Host: x.localhost', 'X-Kept: 1', ...ABOUT_THE_CLIENT])
  }),
)

const LOOK_ALIKES = [
  'X_Forwarded_For',
  'X-Forwarded_For',
  'x_forwarded_proto',
  'X.Forwarded.Host',
  'X_Forwarded_Whatever',
  'X.Real.IP',
  'X_Real_Ip',
  'Transfer_Encoding',
  'Transfer.Encoding',
  'Content.Length',
  'CONTENT_LENGTH',
  'Keep_Alive',
  'Proxy_Connection',
  'Proxy.Authorization',
]

for (const name of LOOK_ALIKES) {
  test(
    `${name} is dropped: a server may read it as the field that it looks like`,
    scoped(async scope => {
      const origin = await originThatAnswers(scope, OK)
      const written = await served(scope, PLAIN.replace('INSTANCE', `127.0.0.1:${origin.port}`))
      await exchange(
        scope,
        written.port,
        requestFor('x.localhost/', {fields: `X-Before: 1\r\n${name}: 6\r\nX-After: 1\r\n`}),
      )
      assert.equal(messageOf(origin.received[0] ?? '').fields, [
        'Host: x.localhost',
        'X-Before: 1',
        'X-After: 1',
        ...ABOUT_THE_CLIENT,
      ])
    }),
  )
}

const HOP_BY_HOP = [
  'Keep-Alive: timeout=5',
  'Proxy-Connection: keep-alive',
  'Proxy-Authorization: Basic x',
  'Proxy-Authenticate: Basic',
  'Proxy: http://evil.example',
  'HTTP2-Settings: AAMAAABk',
  'Upgrade: h2c',
  'Trailer: X-Sum',
  'TE: gzip',
]

test(
  'fields of one hop are not passed on to the instance',
  scoped(async scope => {
    const written = await served(scope, PLAIN)
    for (const field of HOP_BY_HOP) assert.equal(await passed(written, `${field}\r\n`), [], field)
    assert.equal(await passed(written, 'Connection: upgrade\r\nUpgrade: h2c\r\nHTTP2-Settings: x\r\n'), [])
  }),
)

test(
  'what Connection names is removed, on several lines, in any case, wherever it stands',
  scoped(async scope => {
    const written = await served(scope, PLAIN)
    const fields =
      'X-Hop: 1\r\nX-Kept: 1\r\nConnection: x-hop ,, X-OTHER\r\nX-Other: 1\r\nx-hop: 2\r\nConnection: x-third\r\nX-Third: 1\r\n'
    assert.equal(await passed(written, fields), ['X-Kept: 1'])
  }),
)

test(
  'Connection cannot take away what routes, frames, identifies or authorises',
  scoped(async scope => {
    const {ask} = await served(scope, PLAIN)
    const named = [
      'host',
      'content-length',
      'content-type',
      'authorization',
      'cookie',
      'x-forwarded-for',
      'x-forwarded-host',
      'x-real-ip',
    ]
    const fields = `Connection: ${named.join(', ')}\r\nAuthorization: Basic x\r\nCookie: a=b\r\nContent-Type: text/plain\r\n`
    const {asked} = await ask(requestFor('x.localhost/', {method: 'POST', fields, body: 'body'}))
    assert.equal(asked?.fields, [
      'Host: x.localhost',
      'Authorization: Basic x',
      'Cookie: a=b',
      'Content-Type: text/plain',
      ...ABOUT_THE_CLIENT,
      'Content-Length: 4',
    ])
    assert.is(asked?.body, 'body')
  }),
)

test(
  'what Connection of the instance names is removed, and not what the client needs to read the answer',
  scoped(async scope => {
    const {ask, answerWith} = await served(scope, PLAIN)
    const kept = [
      'Content-Type: text/html',
      'Content-Encoding: identity',
      'Set-Cookie: a=b',
      'set-cookie: c=d',
      'Location: /x',
      'Vary: accept',
      'Date: now',
    ]
    const named = kept.map(field => field.slice(0, field.indexOf(':'))).join(', ')
    answerWith(
      `HTTP/1.1 200 OK\r\nX-Hop: 1\r\n${kept.map(field => `${field}\r\n`).join('')}Connection: X-HOP, content-length, ${named}\r\n` +
        'x-hop: 2\r\nConnection: keep-alive\r\nKeep-Alive: timeout=5\r\nUpgrade: h2c\r\nProxy-Connection: close\r\nContent-Length: 2\r\n\r\nok',
    )
    const {answer} = await ask(requestFor('x.localhost/'))
    assert.equal(answer.fields, [...kept, 'Content-Length: 2', 'Connection: close'])
    assert.is(answer.body, 'ok')
  }),
)

test(
  'Date is added where the instance sends none, and kept where it sends one',
  scoped(async scope => {
    const {ask, answerWith} = await served(scope, PLAIN)
    for (const line of ['date: Mon, 01 Jan 2024 00:00:00 GMT', 'Date:']) {
      answerWith(`HTTP/1.1 200 OK\r\n${line}\r\nContent-Length: 0\r\n\r\n`)
      assert.equal((await ask(requestFor('x.localhost/'))).answer.fields[0], line)
      assert.is((await ask(requestFor('x.localhost/'))).answer.values('date').length, 1)
    }
    answerWith('HTTP/1.1 200 OK\r\nX-Date: no\r\nContent-Length: 0\r\n\r\n')
    const [date = '', ...more] = (await ask(requestFor('x.localhost/'))).answer.values('date')
    assert.equal(more, [])
    // RFC 9110 §5.6.7: IMF-fixdate.
    assert.match(date, /^(Mon|Tue|Wed|Thu|Fri|Sat|Sun), \d\d [A-Z][a-z]{2} \d{4} \d\d:\d\d:\d\d GMT$/)
    assert.ok(Math.abs(Date.parse(date) - Date.now()) < 5_000, date)
  }),
)

// --- hostHeader

const HOSTS = `
- {id: preserve.localhost, target: "http://INSTANCE"}
- {id: explicit.localhost, target: "http://INSTANCE", hostHeader: preserve}
- {id: target.localhost, target: "http://INSTANCE", hostHeader: target}
- {id: literal.localhost, target: "http://INSTANCE", hostHeader: "Internal.example:8080"}
- {id: idn.localhost, target: "http://INSTANCE", hostHeader: "bücher.example:8080"}
- {id: set.localhost, target: "http://INSTANCE", headers: {request: {set: {Host: set.example}}}}
`

const HOST_CASES: readonly (readonly [string, string])[] = [
  ['preserve.localhost', 'preserve.localhost'],
  ['Explicit.LOCALHOST.:8080', 'Explicit.LOCALHOST.:8080'],
  ['target.localhost', 'INSTANCE'],
  ['literal.localhost', 'Internal.example:8080'],
  ['idn.localhost', 'xn--bcher-kva.example:8080'],
  ['set.localhost', 'set.example'],
]

test(
  'hostHeader preserves the Host of the client, or writes that of the target or a literal, and the client is told of as sent',
  scoped(async scope => {
    const {ask, instance} = await served(scope, HOSTS)
    for (const [host, given] of HOST_CASES) {
      const {asked} = await ask(requestFor(`${host}/`, {fields: 'X-After: 1\r\n'}))
      assert.equal(asked?.values('host'), [given.replace('INSTANCE', `127.0.0.1:${instance.port}`)], host)
      assert.equal(asked?.values('x-forwarded-host'), [host])
      assert.equal(asked?.values('x-after'), ['1'])
    }
  }),
)

test(
  'a Host that is written takes the place of the one that came, wherever that stood',
  scoped(async scope => {
    const {ask} = await served(scope, HOSTS)
    const {asked} = await ask(
      'GET / HTTP/1.1\r\nX-A: 1\r\nConnection: close, X-A\r\nX-B: 1\r\nhOST:literal.localhost\r\nX-C: 1\r\n\r\n',
    )
    assert.equal(asked?.fields.slice(0, 3), ['X-B: 1', 'Host: Internal.example:8080', 'X-C: 1'])
  }),
)

test(
  'a request in absolute form reaches the instance in origin form, with the Host of its target',
  scoped(async scope => {
    const {ask} = await served(scope, HOSTS)
    const both = await ask(
      'GET http://preserve.localhost/a?b HTTP/1.1\r\nHost: preserve.localhost\r\nConnection: close\r\n\r\n',
    )
    assert.equal([both.asked?.line, both.asked?.fields[0]], ['GET /a?b HTTP/1.1', 'Host: preserve.localhost'])
    const old = await ask('GET http://preserve.localhost HTTP/1.0\r\nX-A: 1\r\n\r\n')
    assert.equal(old.asked?.line, 'GET / HTTP/1.1')
    assert.equal(old.asked?.values('host'), ['preserve.localhost'])
    const written = await ask('GET http://literal.localhost/ HTTP/1.0\r\nX-A: 1\r\n\r\n')
    assert.equal(written.asked?.values('host'), ['Internal.example:8080'])
  }),
)

// --- headers

const HEADERS = `
- id: x.localhost
  target: "http://INSTANCE"
  headers:
    request:
      set: {X-Set: ours, X-New: "new"}
      add: {X-Add: ours, x-set: "and more"}
      remove: [x-gone, X-NOT-THERE]
    response:
      set: {X-Set: ours, X-New: "caf\\u00e9 \\u010a"}
      add: {X-Add: ours}
      remove: [X-Powered-By, server, x-not-there]
- {id: secure.localhost, target: "http://INSTANCE", headers: {security: default}}
- {id: secure.localhost/own, target: "http://INSTANCE", headers: {security: default, response: {set: {X-Frame-Options: DENY}}}}
- {id: secure.localhost/without, target: "http://INSTANCE", headers: {security: default, response: {remove: [referrer-policy]}}}
- {id: secure.localhost/fixed, respond: {body: ok, headers: {Referrer-Policy: no-referrer}}, headers: {security: default}}
`

test(
  'fields of a request are removed, set in place of all that were there, and added behind',
  scoped(async scope => {
    const {ask} = await served(scope, HEADERS)
    const fields =
      'X-SET: 1\r\nX-Gone: 1\r\nx-add: theirs\r\nX-Gone-Not: 1\r\nx-gone: 2\r\nx-set: 2\r\nX-Set-Not: 1\r\n'
    const {asked} = await ask(requestFor('x.localhost/', {fields}))
    assert.equal(asked?.fields, [
      'Host: x.localhost',
      'x-add: theirs',
      'X-Gone-Not: 1',
      'X-Set-Not: 1',
      ...ABOUT_THE_CLIENT,
      'X-Set: ours',
      'X-New: new',
      'X-Add: ours',
      'x-set: and more',
    ])
  }),
)

test(
  'a route may write or remove what is said about the client, and nothing is said twice',
  scoped(async scope => {
    const edits = '{set: {X-Forwarded-Proto: https}, remove: [x-real-ip]}'
    const {ask} = await served(scope, PLAIN.replace('}', `, headers: {request: ${edits}}}`))
    const {asked} = await ask(requestFor('x.localhost/', {fields: 'X-Forwarded-Proto: gopher\r\n'}))
    assert.equal(asked?.fields.slice(1), [
      'X-Forwarded-For: 127.0.0.1',
      'X-Forwarded-Host: x.localhost',
      'X-Forwarded-Proto: https',
    ])
  }),
)

test(
  'a Date that a route sets or removes is one Date in the end',
  scoped(async scope => {
    const fixed = 'Mon, 01 Jan 2024 00:00:00 GMT'
    const routes = `- {id: set.localhost, target: "http://INSTANCE", headers: {response: {set: {Date: "${fixed}"}}}}
- {id: remove.localhost, target: "http://INSTANCE", headers: {response: {remove: [date]}}}`
    const {ask, answerWith} = await served(scope, routes)
    for (const own of ['', 'Date: theirs\r\n']) {
      answerWith(`HTTP/1.1 200 OK\r\n${own}Content-Length: 0\r\n\r\n`)
      assert.equal((await ask(requestFor('set.localhost/'))).answer.values('date'), [fixed])
      const [date, ...more] = (await ask(requestFor('remove.localhost/'))).answer.values('date')
      assert.equal([date === undefined, date === 'theirs', more], [false, false, []])
    }
  }),
)

test(
  'fields of an answer are removed, set and added, and a value beyond ASCII goes as UTF-8',
  scoped(async scope => {
    const {ask, answerWith} = await served(scope, HEADERS)
    answerWith(
      'HTTP/1.1 200 OK\r\nServer: old\r\nx-powered-by: PHP\r\nx-set: 1\r\nX-Kept: 1\r\nX-Set: 2\r\nX-Add: theirs\r\nDate: now\r\nContent-Length: 2\r\n\r\nok',
    )
    const {answer} = await ask(requestFor('x.localhost/'))
    assert.equal(answer.fields, [
      'X-Kept: 1',
      'X-Add: theirs',
      'Date: now',
      'X-Set: ours',
      'X-New: caf\xc3\xa9 \xc4\x8a',
      'X-Add: ours',
      'Content-Length: 2',
      'Connection: close',
    ])
    assert.is(answer.body, 'ok')
  }),
)

// path, field of the instance, what the client gets: X-Content-Type-Options, X-Frame-Options, Referrer-Policy
const SECURITY: readonly (readonly [string, string, readonly string[]])[] = [
  ['/', '', ['nosniff', 'SAMEORIGIN', 'strict-origin-when-cross-origin']],
  ['/', 'x-frame-OPTIONS: DENY', ['nosniff', 'DENY', 'strict-origin-when-cross-origin']],
  ['/', 'Referrer-Policy:', ['nosniff', 'SAMEORIGIN', '']],
  ['/own', 'X-Frame-Options: ALLOW', ['nosniff', 'DENY', 'strict-origin-when-cross-origin']],
  ['/without', 'Referrer-Policy: origin', ['nosniff', 'SAMEORIGIN', 'strict-origin-when-cross-origin']],
  ['/fixed', '', ['nosniff', 'SAMEORIGIN', 'no-referrer']],
]

test(
  'the security preset fills in what the instance does not say itself',
  scoped(async scope => {
    const {ask, answerWith} = await served(scope, HEADERS)
    for (const [path, field, values] of SECURITY) {
      answerWith(`HTTP/1.1 200 OK\r\n${field === '' ? '' : `${field}\r\n`}Content-Length: 0\r\n\r\n`)
      const {answer} = await ask(requestFor(`secure.localhost${path}`))
      const names = ['x-content-type-options', 'x-frame-options', 'referrer-policy']
      assert.equal(
        names.flatMap(name => answer.values(name)),
        values,
        `${path} ${field}`,
      )
    }
  }),
)

// --- trailers

const TRAILED =
  'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nTrailer: X-Sum\r\n\r\n3;ext=1\r\nabc\r\n0\r\nX-Sum: 1\r\n' +
  'Authorization: x\r\nSet-Cookie: a=b\r\nx-forwarded-for: 6.6.6.6\r\nX-Late: 2\r\n\r\n'

test(
  'trailers of an answer reach the client that takes them, without the fields that have no place there',
  scoped(async scope => {
    const {ask, answerWith} = await served(scope, PLAIN)
    answerWith(TRAILED)
    const {answer} = await ask(requestFor('x.localhost/', {fields: 'TE: trailers\r\n'}))
    assert.equal([answer.values('trailer'), answer.values('transfer-encoding')], [['X-Sum'], ['chunked']])
    assert.is(answer.body, '3\r\nabc\r\n0\r\nX-Sum: 1\r\nX-Late: 2\r\n\r\n')
  }),
)

test(
  'trailers arrive the same wherever the answer was cut into reads',
  scoped(async scope => {
    let cut = 0
    let goOn = () => {}
    const origin = await originOf(scope, socket => {
      socket.write(TRAILED.slice(0, cut))
      goOn = () => void socket.write(TRAILED.slice(cut))
    })
    const {port} = await served(scope, PLAIN.replace('INSTANCE', `127.0.0.1:${origin.port}`))
    const from = TRAILED.indexOf('\r\n0\r\n')
    for (cut = from; cut < TRAILED.length; cut++) {
      const client = await clientOf(scope, port)
      client.send(requestFor('x.localhost/', {fields: 'TE: trailers\r\n'}))
      await client.until('abc')
      goOn()
      const {text} = await client.ended()
      assert.is(
        messageOf(text).body,
        '3\r\nabc\r\n0\r\nX-Sum: 1\r\nX-Late: 2\r\n\r\n',
        `cut at ${cut - from} of ${TRAILED.length - from}`,
      )
    }
  }),
)

test(
  'trailers are dropped for a client that did not ask for them, and for HTTP/1.0 the chunks too',
  scoped(async scope => {
    const {ask, answerWith} = await served(scope, PLAIN)
    answerWith(TRAILED)
    for (const fields of ['', 'TE: gzip\r\n']) {
      const {answer} = await ask(requestFor('x.localhost/', {fields}))
      assert.equal([answer.values('trailer'), answer.body], [[], '3\r\nabc\r\n0\r\n\r\n'])
    }
    const {answer} = await ask('GET / HTTP/1.0\r\nHost: x.localhost\r\nTE: trailers\r\n\r\n')
    assert.equal([answer.values('trailer'), answer.values('transfer-encoding'), answer.body], [[], [], 'abc'])
  }),
)

test(
  'trailers of a request are not passed on',
  scoped(async scope => {
    const {ask} = await served(scope, PLAIN)
    const {asked} = await ask(
      'POST / HTTP/1.1\r\nHost: x.localhost\r\nTransfer-Encoding: chunked\r\nTrailer: X-Sum\r\nConnection: close\r\n\r\n' +
        '3\r\nabc\r\n0\r\nX-Sum: 1\r\nCookie: a=b\r\n\r\n',
    )
    assert.equal([asked?.values('trailer'), asked?.body], [[], '3\r\nabc\r\n0\r\n\r\n'])
  }),
)

// --- HTTP/1.0

test(
  'a client of HTTP/1.0 is kept only when it asks, and the instance is spoken to in HTTP/1.1',
  scoped(async scope => {
    const {port, ask, instance} = await served(scope, PLAIN)
    const closed = await ask('GET / HTTP/1.0\r\nHost: x.localhost\r\n\r\n')
    assert.equal([closed.asked?.line, closed.answer.values('connection')], ['GET / HTTP/1.1', ['close']])
    const client = await clientOf(scope, port)
    client.send('GET / HTTP/1.0\r\nHost: x.localhost\r\nConnection: Keep-Alive\r\n\r\n')
    assert.match(await client.until(/\r\n\r\nok/), /\r\nConnection: keep-alive\r\n/)
    client.send('GET / HTTP/1.0\r\nHost: x.localhost\r\n\r\n')
    const {text} = await client.ended()
    assert.match(text, /ok[\s\S]+\r\nConnection: close\r\n\r\nok$/)
    assert.is(instance.requests.length, 3)
  }),
)

test(
  'an instance of HTTP/1.0 answers a client of HTTP/1.1 in HTTP/1.1',
  scoped(async scope => {
    const origin = await originOf(scope, socket => void socket.end('HTTP/1.0 200 OK\r\n\r\nok'))
    const {port} = await served(scope, PLAIN.replace('INSTANCE', `127.0.0.1:${origin.port}`))
    const text = await exchange(scope, port, requestFor('x.localhost/'))
    const answer = messageOf(text)
    assert.equal([answer.line, answer.values('transfer-encoding')], ['HTTP/1.1 200 OK', ['chunked']])
    assert.is(answer.body, '2\r\nok\r\n0\r\n\r\n')
  }),
)

test.run()
