// Answers that reach the client as the instance sent them, but for fields that go no further: they are copied as bytes, and
// must say what they would say if they had been composed anew.

import {test} from 'uvu'
import * as assert from 'uvu/assert'
import {createRandom} from '../fuzz/random.ts'
import {clientOf} from '../helpers/client.ts'
import {originThatAnswers} from '../helpers/origin.ts'
import {proxyOf} from '../helpers/proxy.ts'
import {scoped} from '../helpers/scoped.ts'
import {until} from '../helpers/until.ts'
import {type Message, messageOf, served} from '../helpers/written.ts'

const ASKED = 'GET / HTTP/1.1\r\nHost: x.localhost\r\n\r\n'
const DATE = 'Date: Mon, 01 Jan 2024 00:00:00 GMT\r\n'

test(
  'an answer keeps its status line, its lines and their order, the length among them',
  scoped(async scope => {
    const kept = `Server: a\r\n${DATE}content-LENGTH:  6 \r\nX-Latin: caf\xe9\r\nx-latin:two\r\nEtag: "1"\r\n`
    const origin = await originThatAnswers(
      scope,
      `HTTP/1.1 203 As You Like\r\nKeep-Alive: timeout=60\r\n${kept}Connection: Keep-Alive\r\nAge: 1\r\nUpgrade: h2c\r\n\r\nhe\x00\xfflo`,
    )
    const {port} = await proxyOf(scope, {'x.localhost': origin.url})
    const client = await clientOf(scope, port)
    const answer = `HTTP/1.1 203 As You Like\r\n${kept}Age: 1\r\n\r\nhe\x00\xfflo`
    for (let asked = 1; asked <= 3; asked++) {
      client.send(ASKED)
      await until('the answer', () => client.text().length >= asked * answer.length)
      assert.is(client.text(), answer.repeat(asked))
    }
    assert.is(origin.accepted(), 1)
  }),
)

test(
  'a length with a zero before its digits is said in our words',
  scoped(async scope => {
    let length = ''
    const origin = await originThatAnswers(scope, () => `HTTP/1.1 200 OK\r\n${DATE}Content-Length: ${length}\r\n\r\n`)
    const {port} = await proxyOf(scope, {'x.localhost': origin.url})
    for (length of ['00', '0000000000000000', '0']) {
      const client = await clientOf(scope, port)
      client.send(ASKED)
      assert.equal(messageOf(await client.until('\r\n\r\n')).values('content-length'), ['0'], length)
    }
  }),
)

/** A line of an answer each, of which some go no further and some decide how the answer is made. */
const LINES = [
  DATE,
  'date: now\r\n',
  'Connection: keep-alive\r\n',
  'connection: Keep-Alive\r\n',
  'Connection:keep-alive\r\n',
  'Connection:xkeep-alive\r\nxkeep-alive: 1\r\n',
  'Connection: X-Hop\r\nX-Hop: 1\r\n',
  'Connection: keep-alive, x-named\r\nx-named: 1\r\n',
  'Keep-Alive: timeout=60, max=5\r\n',
  'Proxy-Connection: keep-alive\r\n',
  'Upgrade: h2c\r\n',
  'Trailer: X-Sum\r\n',
  'Server: nginx\r\n',
  'X-Empty:\r\n',
  'Set-Cookie: a=b\r\n',
  'set-cookie: c=d; Path=/\r\n',
  'LOCATION: /login\r\n',
  'X-Frame-Options: DENY\r\n',
]
const LENGTHS = [
  'Content-Length: 4\r\n',
  'content-length:4\r\n',
  'Content-Length: 0004\r\n',
  'Content-Length:\t 4 \t\r\n',
]
const STATUS_LINES = ['HTTP/1.1 200 OK', 'HTTP/1.1 404 ', 'HTTP/1.1 200', 'HTTP/1.0 500 Oh no', 'HTTP/1.1 500 Oh no']
const GOES_NO_FURTHER = /^(keep-alive|proxy-connection|upgrade|trailer|x-hop|x-named|xkeep-alive):/i
const CASES = 200

/** Where X-Mark is taken away, every answer is composed anew. */
const ROUTES = `
- {id: x.localhost, target: "http://INSTANCE"}
- {id: x.localhost/app, target: "http://INSTANCE", stripPrefix: true}
- {id: x.localhost/more, target: "http://INSTANCE", stripPrefix: true, headers: {response: {ADDED}, security: default}}
- {id: x.localhost/paths, target: "http://INSTANCE", stripPrefix: true, headers: {response: {PATHS}}}
- {id: composed.localhost, target: "http://INSTANCE", headers: {response: {remove: [X-Mark]}}}
- {id: composed.localhost/app, target: "http://INSTANCE", stripPrefix: true, headers: {response: {remove: [X-Mark]}}}
- {id: composed.localhost/more, target: "http://INSTANCE", stripPrefix: true, headers: {response: {remove: [X-Mark], ADDED}, security: default}}
- {id: composed.localhost/paths, target: "http://INSTANCE", stripPrefix: true, headers: {response: {remove: [X-Mark], PATHS}}}
`
  .replaceAll('PATHS', 'add: {Set-Cookie: "a=b; Path=/", Location: /login}')
  .replaceAll('ADDED', 'set: {Server: us}, add: {X-Empty: x, Date: now}')

test(
  'an answer says the same when it is passed on as when it is composed, whatever lines it has in whatever order',
  scoped(async scope => {
    const {port, answerWith} = await served(scope, ROUTES)
    const {below, pick} = createRandom(1)
    for (let i = 0; i < CASES; i++) {
      const linesOf = () => Array.from({length: below(5)}, () => pick(LINES)).join('')
      const answer = `${pick(STATUS_LINES)}\r\n${linesOf()}${pick(LENGTHS)}${linesOf()}X-Mark: 1\r\n\r\nbody`
      answerWith(answer)
      for (const {path, minor, fields} of ASKERS) {
        const [passed, composed] = await Promise.all(
          ['x', 'composed'].map(async name => {
            const client = await clientOf(scope, port)
            client.send(`GET ${path} HTTP/1.${minor}\r\nHost: ${name}.localhost\r\n${fields}\r\n`)
            const message = messageOf(await client.until('\r\n\r\nbody'))
            client.destroy()
            return message
          }),
        )
        const what = JSON.stringify({answer, path, minor, fields})
        assert.equal(passed?.values('x-mark'), ['1'], what)
        assert.equal(composed?.values('x-mark'), [], what)
        assert.is(passed?.line, composed?.line, what)
        assert.is(passed?.body, composed?.body, what)
        for (const name of ['content-length', 'connection'])
          assert.equal(passed?.values(name), composed?.values(name), what)
        assert.equal(datesOf(passed), datesOf(composed), what)
        assert.equal(othersOf(passed), othersOf(composed), what)
        assert.not(
          passed?.fields.some(field => GOES_NO_FURTHER.test(field)),
          what,
        )
      }
    }
  }),
)

const ASKERS = [
  {path: '/', minor: 1, fields: ''},
  {path: '/app/', minor: 1, fields: ''},
  {path: '/more/', minor: 1, fields: ''},
  {path: '/paths/', minor: 1, fields: ''},
  {path: '/', minor: 1, fields: 'Connection: close\r\n'},
  {path: '/', minor: 0, fields: ''},
  {path: '/', minor: 0, fields: 'Connection: keep-alive\r\n'},
]

/** Longer than what the kernel takes on the way to a client that does not read. */
const ANSWERS = 2_000
const BODY_BYTES = 12_000

for (const [kind, answerFor] of Object.entries({counted, chunked})) {
  test(
    `${kind} answers that have to wait for a slow client are not overwritten by those of others`,
    scoped(async scope => {
      const origin = await originThatAnswers(scope, head => answerFor(/ \/(\w+) /.exec(head)?.[1] ?? ''))
      const {port} = await proxyOf(scope, {'x.localhost': origin.url})
      const slow = await clientOf(scope, port)
      slow.socket.pause()
      for (let i = 0; i < ANSWERS; i++) slow.send(`GET /s${i} HTTP/1.1\r\nHost: x.localhost\r\n\r\n`)
      let seen = -1
      let looks = 0
      await until('the way to the slow client to be full', () => {
        const asked = origin.received.join('').length
        looks = asked === seen ? looks + 1 : 0
        seen = asked
        return looks > 20
      })
      const other = await clientOf(scope, port)
      for (let i = 0; i < 20; i++) {
        const from = other.text().length
        other.send(`GET /o${i} HTTP/1.1\r\nHost: x.localhost\r\n\r\n`)
        await until('the answer', () => other.text().length >= from + answerFor(`o${i}`).length)
        assert.is(other.text().slice(from), answerFor(`o${i}`))
      }
      assert.ok(origin.received.join('').split('GET ').length - 1 < ANSWERS, 'the slow client is not served to the end')
      slow.socket.resume()
      const all = Array.from({length: ANSWERS}, (_, i) => answerFor(`s${i}`)).join('')
      await until('all answers', () => slow.text().length >= all.length)
      assert.ok(slow.text() === all, 'every answer is its own')
    }),
  )
}

test.run()

// ---

// One of ours may be of the second that follows.
function datesOf(message: Message | undefined): string[] {
  return message?.values('date').map(value => value.replace(/^\w{3}, .* GMT$/, '(a date)')) ?? []
}

// In their order: those that we write stand in another place in a head that is composed.
function othersOf(message: Message | undefined): string[] {
  return message?.fields.filter(field => !/^(content-length|connection|date|x-mark):/i.test(field)) ?? []
}

function counted(name: string): string {
  return `HTTP/1.1 200 OK\r\n${DATE}Content-Length: ${BODY_BYTES}\r\n\r\n${bodyOf(name)}`
}

function chunked(name: string): string {
  const chunks = `${BODY_BYTES.toString(16)}\r\n${bodyOf(name)}\r\n0\r\n\r\n`
  return `HTTP/1.1 200 OK\r\n${DATE}Transfer-Encoding: chunked\r\n\r\n${chunks}`
}

function bodyOf(name: string): string {
  return `${name} `.repeat(Math.ceil(BODY_BYTES / (name.length + 1))).slice(0, BODY_BYTES)
}
