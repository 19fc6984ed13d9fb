// Mirrors, over the wire: what a copy is made of, and that no mirror, however bad, is noticed by a client.

import type {Socket} from 'node:net'
import {test} from 'uvu'
import * as assert from 'uvu/assert'
import type {Scope} from '../../src/base/scope.ts'
import type {DataPlane} from '../../src/snapshot/data-plane.ts'
import {type Client, clientOf, exchange} from '../helpers/client.ts'
import {OK, type Origin, originOf, originThatAnswers} from '../helpers/origin.ts'
import {proxyServing, type Proxy as Served} from '../helpers/proxy.ts'
import {type Recorder, recorderOf} from '../helpers/recorder.ts'
import {scoped} from '../helpers/scoped.ts'
import {PATIENCE_MS, until} from '../helpers/until.ts'
import {agreement, webSocketOf, webSocketOrigin} from '../helpers/websocket.ts'
import {compiled, requestFor} from '../helpers/written.ts'

// A route to `origin` and its mirror; `more` are lines of the route.
function mirrored(origin: string, mirror: string, more = ''): string {
  return `- id: x.localhost\n  target: "${origin}"\n  mirror: {target: "${mirror}"}\n${more}`
}

type Pair = Served & {readonly origin: Recorder; readonly shadow: Recorder; readonly client: Client}

async function pairOf(scope: Scope, more = '', base = ''): Promise<Pair> {
  const [origin, shadow] = [await recorderOf(scope), await recorderOf(scope)]
  const yaml = mirrored(origin.url, shadow.url + base, more)
  const proxy = await proxyServing(scope, compiled({'a.yaml': yaml}))
  return {...proxy, origin, shadow, client: await clientOf(scope, proxy.port)}
}

// Sends what is one request, or the end of one, and waits for its answer.
async function ask(client: Client, text: string): Promise<void> {
  const from = client.text().length
  client.send(text)
  await client.until(/^HTTP\/1\.1 200 [\s\S]*\r\n\r\n/, PATIENCE_MS, from)
}

async function isCalm(plane: DataPlane, mirror: string): Promise<void> {
  await until('the copies to end', () => plane.instanceStats(mirror).inFlight === 0, 10_000)
  // A worker that died has nothing in flight either.
  assert.is(plane.workers()[0]?.restarts, 0)
}

// Sent in these pieces, each as soon as the one before has been seen by the instance.
const REQUESTS: readonly (readonly [string, readonly string[]])[] = [
  ['a GET', ['GET /a%2Fb//c?d=1&d=2 HTTP/1.1\r\nhost: X.Localhost\r\nX-A: 1\r\nx-a: 2\r\n\r\n']],
  ['a HEAD', ['HEAD / HTTP/1.1\r\nHost: x.localhost\r\n\r\n']],
  ['a body with its head', ['POST /p HTTP/1.1\r\nHost: x.localhost\r\nContent-Length: 5\r\n\r\nh\xe9\x00lo']],
  ['a body in pieces', ['PUT /p HTTP/1.1\r\nHost: x.localhost\r\nContent-Length: 10\r\n\r\n', 'hello', 'world']],
  [
    'chunks',
    [
      'POST /p HTTP/1.1\r\nHost: x.localhost\r\nTransfer-Encoding: chunked\r\n\r\n5;x=y\r\nhello\r\n',
      '5\r\nwor',
      'ld\r\n0\r\nX-Trailer: 1\r\n\r\n',
    ],
  ],
  ['a body of 64 KiB', [`PUT /p HTTP/1.1\r\nHost: x.localhost\r\nContent-Length: 65536\r\n\r\n${'x'.repeat(65_536)}`]],
]

test(
  'a copy is the request byte for byte, as the instance itself gets it',
  scoped(async scope => {
    const {client, origin, shadow, plane} = await pairOf(scope)
    for (const [index, [name, pieces]] of REQUESTS.entries()) {
      for (const piece of pieces.slice(0, -1)) {
        const before = origin.received.join('').length
        client.send(piece)
        await until(`a piece of ${name}`, () => origin.received.join('').length > before)
      }
      await ask(client, pieces.at(-1) ?? '')
      await until(`the copy of ${name}`, () => shadow.requests.length > index)
      assert.is(shadow.requests[index], origin.requests[index], name)
    }
    assert.equal([...origin.violations, ...shadow.violations], [])
    await isCalm(plane, shadow.url)
    assert.is(shadow.accepted(), 1, 'copies use the connections of their instance again')
    const {requests, errors, copiesDropped} = plane.routeStats('x.localhost')
    assert.equal([requests, errors, copiesDropped], [REQUESTS.length, 0, 0])
    assert.is(plane.instanceStats(shadow.url).requests, REQUESTS.length)
  }),
)

test(
  'a copy has the path and the heads of the route, the base path of the mirror, and its name if the route asks for that',
  scoped(async scope => {
    const more =
      '  stripPrefix: true\n  hostHeader: target\n  headers: {request: {set: {x-tenant: acme}, remove: [x-internal]}}\n'
    const {port, origin, shadow} = await pairOf(scope, more, '/base')
    await exchange(scope, port, requestFor('x.localhost/a?b', {fields: 'X-Internal: 1\r\n'}))
    const copy = await until('the copy', () => shadow.requests[0])
    const [original = ''] = origin.requests
    assert.is(copy, original.replace('GET /a?b', 'GET /base/a?b').replace(`:${origin.port}`, `:${shadow.port}`))
    assert.match(copy, /^host: 127\.0\.0\.1:\d+\r$/im)
    assert.match(copy, /^x-tenant: acme\r$/m)
  }),
)

const GARBAGE = 'SSH-2.0-OpenSSH_9.6\r\n\r\n\r\n'
const BAD: Readonly<Record<string, (socket: Socket, text: string) => void>> = {
  'that never answers': () => {},
  'that does not read': socket => void socket.pause(),
  'that resets': socket => void socket.resetAndDestroy(),
  'that closes': socket => void socket.end(),
  'that answers garbage': socket => void socket.write(GARBAGE),
  'that answers before it is asked': (socket, text) => void (text.includes('\r\n\r\n') && socket.write(OK + OK + OK)),
  'that breaks off': socket => void socket.end('HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhalf'),
  'that fails': socket => void socket.write('HTTP/1.1 500 Oops\r\nContent-Length: 4\r\n\r\noops'),
  'whose answer never ends': socket => {
    socket.write('HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n')
    const more = () =>
      void (socket.destroyed || socket.write(`4000\r\n${'x'.repeat(0x4000)}\r\n`, () => setImmediate(more)))
    more()
  },
}

for (const [name, serve] of Object.entries(BAD)) {
  test(
    `a mirror ${name} is not noticed`,
    scoped(async scope => {
      const origin = await recorderOf(scope)
      const shadow = await originOf(scope, serve)
      const yaml = mirrored(origin.url, shadow.url, '  timeouts: {response: 1s, idle: 1s}\n')
      const {plane, port} = await proxyServing(scope, compiled({'a.yaml': yaml}))
      await isUnnoticed(scope, port, plane)
      await isCalm(plane, shadow.url)
      await until('its connections to be left', () => shadow.open() <= 50, 10_000)
    }),
  )
}

test(
  'a mirror that nobody listens at, and one whose name does not resolve, are not noticed',
  scoped(async scope => {
    const origin = await recorderOf(scope)
    const gone = await originOf(scope, () => {})
    await gone.close()
    for (const url of [gone.url, 'http://nowhere.invalid']) {
      const {plane, port} = await proxyServing(scope, compiled({'a.yaml': mirrored(origin.url, url)}))
      await isUnnoticed(scope, port, plane)
    }
  }),
)

// Fifty requests with bodies and without, on a connection that stays open, each answered by the origin.
async function isUnnoticed(scope: Scope, port: number, plane: DataPlane): Promise<void> {
  const client = await clientOf(scope, port)
  for (let i = 0; i < 50; i++) {
    const body = i % 2 === 0 ? '' : `Content-Length: 9000\r\n\r\n${'x'.repeat(9000)}`
    await ask(client, `PUT /${i} HTTP/1.1\r\nHost: x.localhost\r\n${body || '\r\n'}`)
  }
  assert.is(client.text().replace(/^Date: .*\r\n/gm, ''), OK.repeat(50))
  await until('the requests to be counted', () => plane.routeStats('x.localhost').inFlight === 0)
  const {requests, errors} = plane.routeStats('x.localhost')
  assert.equal([requests, errors], [50, 0])
}

test(
  'a body that is too long is passed on and not copied, however its length is told',
  scoped(async scope => {
    const {client, origin, shadow, plane} = await pairOf(scope)
    const chunk = `8000\r\n${'x'.repeat(0x8000)}\r\n`
    await ask(client, `PUT /1 HTTP/1.1\r\nHost: x.localhost\r\nContent-Length: 65537\r\n\r\n${'x'.repeat(65_537)}`)
    await ask(
      client,
      `PUT /2 HTTP/1.1\r\nHost: x.localhost\r\nTransfer-Encoding: chunked\r\n\r\n${chunk.repeat(3)}0\r\n\r\n`,
    )
    await ask(client, 'GET /3 HTTP/1.1\r\nHost: x.localhost\r\n\r\n')
    await until('a copy', () => shadow.requests.length > 0)
    assert.equal(
      shadow.requests.map(request => request.split(' ')[1]),
      ['/3'],
    )
    assert.is(origin.requests.length, 3)
    assert.is(plane.routeStats('x.localhost').copiesDropped, 2)
  }),
)

test(
  'copies under way are bounded, and those of requests that were never whole make room again',
  scoped(async scope => {
    const {port, shadow, plane} = await pairOf(scope)
    const uploads = await Promise.all(Array.from({length: 512}, () => clientOf(scope, port)))
    for (const upload of uploads) upload.send('PUT / HTTP/1.1\r\nHost: x.localhost\r\nContent-Length: 10\r\n\r\nhalf')
    await until('the uploads', () => plane.routeStats('x.localhost').requests === uploads.length)
    assert.match(await exchange(scope, port, requestFor('x.localhost/one-more')), /ok$/)
    assert.equal([plane.routeStats('x.localhost').copiesDropped, shadow.requests.length], [1, 0])
    for (const upload of uploads) upload.destroy()
    await until('the uploads to end', () => plane.routeStats('x.localhost').inFlight === 0)
    assert.match(await exchange(scope, port, requestFor('x.localhost/again')), /ok$/)
    assert.match(await until('the copy', () => shadow.requests[0]), /^GET \/again /)
    assert.is(plane.routeStats('x.localhost').copiesDropped, 1)
  }),
)

test(
  'a share of the requests is copied, those of variants too, WebSockets never',
  scoped(async scope => {
    const origin = await webSocketOrigin(scope, {answer: head => (/^upgrade/im.test(head) ? agreement(head) : OK)})
    const plain = await recorderOf(scope)
    const shadow = await recorderOf(scope)
    const yaml = `
- id: x.localhost
  target: "${origin.url}"
  mirror: {target: "${shadow.url}"}
- id: share.localhost
  target: "${plain.url}"
  mirror: {target: "${shadow.url}", share: 30%}
  variants: [{name: none, when: {query: {v: ""}}, target: "${plain.url}"}]
- {id: none.localhost, target: "${plain.url}", mirror: {target: "${shadow.url}", share: 0%}}
`
    const {port} = await proxyServing(scope, compiled({'a.yaml': yaml}))
    await webSocketOf(scope, port)
    for (const url of ['share.localhost/', 'share.localhost/?v', 'none.localhost/']) {
      const client = await clientOf(scope, port)
      const [host, path] = url.split('/')
      for (let i = 1; i <= 400; i++) {
        await ask(client, `GET /${path} HTTP/1.1\r\nHost: ${host}\r\n\r\n`)
      }
    }
    await exchange(scope, port, requestFor('share.localhost/'))
    const copied = (start: string) => shadow.requests.filter(request => request.startsWith(start)).length
    // Six standard deviations on either side.
    for (const start of ['GET / ', 'GET /?v ']) assert.ok(copied(start) > 65 && copied(start) < 175, `${copied(start)}`)
    assert.is(shadow.requests.filter(request => /none\.localhost|upgrade/i.test(request)).length, 0)
  }),
)

test(
  'a mirror that is a service is balanced, and what is down there gets no copies',
  scoped(async scope => {
    const origin = await recorderOf(scope)
    const shadows: Origin[] = []
    for (let i = 0; i < 3; i++) shadows.push(await originThatAnswers(scope, OK))
    const [a, b, down] = shadows.map(({url}) => url)
    const yaml = `
routes: [{id: x.localhost, target: "${origin.url}", mirror: {service: shadow}}]
services: [{slug: shadow, instances: ["${a}", "${b}", {url: "${down}", down: true}]}]
`
    const {port, plane} = await proxyServing(scope, compiled({'a.yaml': yaml}))
    const client = await clientOf(scope, port)
    for (let i = 1; i <= 20; i++) {
      await ask(client, 'GET / HTTP/1.1\r\nHost: x.localhost\r\n\r\n')
    }
    await until('the copies', () => plane.instanceStats(a ?? '').requests === 10)
    assert.is(plane.instanceStats(b ?? '').requests, 10)
    assert.is(plane.instanceStats(down ?? '').requests, 0)
  }),
)

test.run()
