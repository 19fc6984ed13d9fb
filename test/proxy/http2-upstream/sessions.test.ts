// Connections to instances of HTTP/2: how many there are, when they end, and what becomes of the requests on them.

import {createServer as createHttp} from 'node:http'
import type {ServerHttp2Stream} from 'node:http2'
import {createServer as createTls, type TlsOptions} from 'node:tls'
import {test} from 'uvu'
import * as assert from 'uvu/assert'
import type {Scope} from '../../../src/base/scope.ts'
import {blackholeOf} from '../../helpers/blackhole.ts'
import {certificates, hasOpenssl} from '../../helpers/certificates.ts'
import {type Client, clientOf, exchange, getAndClose} from '../../helpers/client.ts'
import {answering, http2OriginOf} from '../../helpers/http2-origin.ts'
import {proxyOf, proxyServing} from '../../helpers/proxy.ts'
import {recorderOf} from '../../helpers/recorder.ts'
import {scoped} from '../../helpers/scoped.ts'
import {until} from '../../helpers/until.ts'
import {compiled} from '../../helpers/written.ts'

if (!hasOpenssl) console.log('SKIP HTTP/2 to instances behind TLS: openssl is missing')
const withOpenssl = hasOpenssl ? test : test.skip
const GET = getAndClose('/')
const OK = /^HTTP\/1\.1 200 /

test(
  'requests share a connection, one after the other and at once',
  scoped(async scope => {
    const origin = await http2OriginOf(scope, answering(200, 'ok'))
    const {port} = await proxyOf(scope, {'x.localhost': origin.url}, {protocol: 'http2'})
    assert.match(await exchange(scope, port, GET), OK)
    const answers = await Promise.all(Array.from({length: 50}, () => exchange(scope, port, GET)))
    for (const answer of answers) assert.match(answer, OK)
    assert.is(origin.accepted(), 1)
  }),
)

test(
  'when the instance takes no more streams on a connection another one is opened, and all are answered',
  scoped(async scope => {
    const held: ServerHttp2Stream[] = []
    const origin = await http2OriginOf(scope, stream => held.push(stream), {settings: {maxConcurrentStreams: 2}})
    const {port} = await proxyOf(scope, {'x.localhost': origin.url}, {protocol: 'http2'})
    const asked = Array.from({length: 5}, () => exchange(scope, port, GET))
    await until('all of them', () => held.length === 5)
    assert.is(origin.accepted(), 3)
    for (const stream of held) stream.respond({':status': 200}, {endStream: true})
    for (const answer of await Promise.all(asked)) assert.match(answer, OK)
    // What is there is used before there is more.
    const more = [exchange(scope, port, GET), exchange(scope, port, GET)]
    await until('two more', () => held.length === 7)
    assert.is(origin.accepted(), 3)
    for (const stream of held.slice(5)) stream.respond({':status': 200}, {endStream: true})
    await Promise.all(more)
  }),
)

test(
  'an instance that takes no streams at all is waited for as long as a connection may take',
  scoped(async scope => {
    const origin = await http2OriginOf(scope, answering(200), {settings: {maxConcurrentStreams: 0}})
    const {port} = await proxyOf(scope, {'x.localhost': origin.url}, {protocol: 'http2', timeouts: {connectMs: 500}})
    const answers = await Promise.all([1, 2, 3].map(() => exchange(scope, port, GET)))
    for (const answer of answers) assert.match(answer, /^HTTP\/1\.1 503 [\s\S]*error=connection_limit_reached\r\n/)
    assert.is(origin.accepted(), 1)
  }),
)

test(
  'an idle connection is closed after the time of keepalive, and with idle: 0 at once',
  scoped(async scope => {
    for (const keepalive of ['{timeout: 100ms}', '{idle: 0}']) {
      const origin = await http2OriginOf(scope, answering(200, 'ok'))
      const yaml = `- {id: x.localhost, target: "${origin.url}", protocol: h2c, keepalive: ${keepalive}}\n`
      const {port} = await proxyServing(scope, compiled({'a.yaml': yaml}))
      assert.match(await exchange(scope, port, GET), OK)
      await until(`the end of the connection, ${keepalive}`, () => origin.sessions.size === 0, 10_000)
      assert.match(await exchange(scope, port, GET), OK)
      assert.is(origin.accepted(), 2)
    }
  }),
)

test(
  'after a GOAWAY what is under way goes on, and what is new takes another connection',
  scoped(async scope => {
    const held: ServerHttp2Stream[] = []
    const origin = await http2OriginOf(scope, stream => held.push(stream))
    const {port} = await proxyOf(scope, {'x.localhost': origin.url}, {protocol: 'http2'})
    const first = await begin(await clientOf(scope, port))
    await until('the request', () => held.length === 1)
    held[0]?.respond({':status': 200, 'content-length': 4})
    held[0]?.write('ab')
    await first.until(/ab$/)
    held[0]?.session?.goaway(0)
    const second = await until('a request on another connection', async () => {
      const client = await begin(await clientOf(scope, port))
      await until('the request', () => held.length >= 2)
      return client
    })
    await until('it to be there', () => origin.accepted() === 2)
    held.at(-1)?.respond({':status': 200}, {endStream: true})
    await second.until(OK)
    held[0]?.end('cd')
    await first.until(/abcd$/)
    await until('the first connection to end', () => origin.sessions.size === 1)
  }),
)

for (const [what, request] of [
  ['without a body', 'POST / HTTP/1.1\r\nHost: x.localhost\r\n\r\n'],
  ['with a body that came with its head', 'POST / HTTP/1.1\r\nHost: x.localhost\r\nContent-Length: 5\r\n\r\nhello'],
  [
    'with a body in chunks',
    'POST / HTTP/1.1\r\nHost: x.localhost\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n',
  ],
] as const) {
  test(
    `a POST ${what} that a GOAWAY or a refusal names as unseen is sent again, once`,
    scoped(async scope => {
      for (const refuse of [
        (stream: ServerHttp2Stream) => stream.session?.goaway(0, (stream.id ?? 0) - 2),
        (stream: ServerHttp2Stream) => stream.session?.goaway(11, (stream.id ?? 0) - 2),
        (stream: ServerHttp2Stream) => stream.close(7),
      ]) {
        const bodies: string[] = []
        const origin = await http2OriginOf(scope, (stream, headers) => {
          let body = ''
          stream.on('data', data => {
            body += data
          })
          stream.on('end', () => {
            if (headers['x-no'] !== undefined && origin.requests.length === 2) {
              refuse(stream)
              return
            }
            bodies.push(body)
            if (!stream.destroyed) stream.respond({':status': 200}, {endStream: true})
          })
        })
        const {port, plane} = await proxyOf(scope, {'x.localhost': origin.url}, {protocol: 'http2'})
        assert.match(await exchange(scope, port, GET), OK)
        const client = await clientOf(scope, port)
        client.send(request.replace('Host', 'X-No: 1\r\nHost'))
        await client.until(OK)
        assert.equal(bodies, ['', request.includes('hello') ? 'hello' : ''])
        assert.is(origin.requests.length, 3)
        await until('the books', () => plane.instanceStats(origin.url).inFlight === 0)
        assert.is(plane.instanceStats(origin.url).errors, 0)
      }
    }),
  )
}

test(
  'a stream that is refused goes to another instance; who refuses every one is a 503 and to blame',
  scoped(async scope => {
    const refusing = await http2OriginOf(scope, stream => stream.close(7))
    const taking = await http2OriginOf(scope, answering(200, 'ok'))
    const service = (...origins: {url: string}[]) =>
      compiled({
        'a.yaml': `routes: [{id: x.localhost, service: s}]\nservices: [{slug: s, protocol: h2c, passive: {maxFails: 2, window: 1m, eject: 1m}, instances: [${origins.map(({url}) => url).join(', ')}]}]\n`,
      })
    const {port, plane} = await proxyServing(scope, service(refusing, taking))
    const post = 'POST / HTTP/1.1\r\nHost: x.localhost\r\nContent-Length: 2\r\nConnection: close\r\n\r\nab'
    for (let i = 0; i < 4; i++) assert.match(await exchange(scope, port, post), OK)
    assert.is(plane.memberState(`s ${refusing.url}#http2`).isEjected, true)
    await plane.apply(service(refusing))
    const alone = await exchange(scope, port, post)
    assert.match(alone, /^HTTP\/1\.1 503 [\s\S]*error=destination_unavailable\r\n/)
  }),
)

test(
  'an instance that speaks HTTP/1.1 alone is a 502, and is asked nothing',
  scoped(async scope => {
    let requests = 0
    const server = createHttp((_, response) => {
      requests++
      response.end()
    })
    await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve))
    scope.defer(() => void server.close())
    const address = server.address()
    const url = `http://127.0.0.1:${address !== null && typeof address === 'object' ? address.port : 0}`
    const {port} = await proxyOf(scope, {'x.localhost': url}, {protocol: 'http2'})
    assert.match(await exchange(scope, port, GET), /^HTTP\/1\.1 502 [\s\S]*error=http_protocol_error\r\n/)
    assert.is(requests, 0)
  }),
)

withOpenssl(
  'over TLS: h2 by ALPN or a 502, the certificate is checked, and it is asked as https',
  scoped(async scope => {
    const made = certificates(scope)
    const tls = {ca: made.ca, serverName: 'inner.test'}
    const origin = await http2OriginOf(scope, answering(200, 'ok'), {pair: made.server})
    const {port} = await proxyOf(scope, {'x.localhost': origin.url}, {protocol: 'http2', tls})
    assert.match(await exchange(scope, port, GET), OK)
    assert.is(origin.requests[0]?.[':scheme'], 'https')
    const other = await http2OriginOf(scope, answering(200, 'ok'), {pair: made.server})
    const untrusting = await proxyOf(scope, {'x.localhost': other.url}, {protocol: 'http2'})
    assert.match(await exchange(scope, untrusting.port, GET), /^HTTP\/1\.1 502 [\s\S]*error=tls_certificate_error\r\n/)
    for (const options of [{ALPNProtocols: ['http/1.1']}, {}]) {
      const old = await tlsServer(scope, {...made.server, ...options})
      const proxy = await proxyOf(scope, {'x.localhost': old}, {protocol: 'http2', tls})
      const text = await exchange(scope, proxy.port, GET)
      assert.match(text, /^HTTP\/1\.1 502 [\s\S]*error=tls_protocol_error\r\n[\s\S]*ALPN/)
    }
  }),
)

test(
  'who does not accept in time is a 504, who does not answer a 504 whose stream is cancelled',
  scoped(async scope => {
    const codes: number[] = []
    const silent = await http2OriginOf(scope, stream => stream.on('close', () => codes.push(stream.rstCode)))
    const routes = {'x.localhost/full': await blackholeOf(scope), 'x.localhost/silent': silent.url}
    const timeouts = {connectMs: 600, responseMs: 600}
    const {port} = await proxyOf(scope, routes, {protocol: 'http2', timeouts})
    const full = await exchange(scope, port, getAndClose('/full'))
    assert.match(full, /^HTTP\/1\.1 504 [\s\S]*error=connection_timeout\r\n/)
    const late = await exchange(scope, port, getAndClose('/silent'))
    assert.match(late, /^HTTP\/1\.1 504 [\s\S]*error=http_response_timeout\r\n/)
    await until('the cancellation', () => codes.length === 1)
    assert.equal(codes, [8])
    // Nothing had been heard on the connection: it may be dead.
    await until('its end', () => silent.sessions.size === 0)
  }),
)

test(
  'an instance that does not take the request is a 504',
  scoped(async scope => {
    const stuck = await http2OriginOf(scope, () => {})
    const {port} = await proxyOf(scope, {'x.localhost': stuck.url}, {protocol: 'http2', timeouts: {sendMs: 600}})
    const client = await clientOf(scope, port)
    client.send('PUT / HTTP/1.1\r\nHost: x.localhost\r\nContent-Length: 1000000\r\n\r\n')
    client.send(Buffer.alloc(1_000_000))
    await client.until(/^HTTP\/1\.1 504 [\s\S]*error=connection_write_timeout\r\n/, 10_000)
  }),
)

test(
  'an instance that is taken out of the configuration finishes what it has, and its connection ends',
  scoped(async scope => {
    const held: ServerHttp2Stream[] = []
    const old = await http2OriginOf(scope, stream => held.push(stream))
    const next = await http2OriginOf(scope, answering(200, 'ok'))
    const to = ({url}: {url: string}) => compiled({'a.yaml': `- {id: x.localhost, target: "${url}", protocol: h2c}\n`})
    const {port, plane} = await proxyServing(scope, to(old))
    const client = await begin(await clientOf(scope, port))
    await until('the request', () => held.length === 1)
    await plane.apply(to(next))
    assert.match(await exchange(scope, port, GET), OK)
    held[0]?.respond({':status': 200}, {endStream: true})
    await client.until(OK)
    await until('the end of its connection', () => old.sessions.size === 0)
    assert.is(next.requests.length, 1)
  }),
)

test(
  'a service that speaks otherwise after a reload: a request that waits goes to an instance that it was framed for',
  scoped(async scope => {
    const held: ServerHttp2Stream[] = []
    const bodies: string[] = []
    const origin = await http2OriginOf(scope, stream => {
      let body = ''
      stream.on('data', data => {
        body += data
      })
      stream.on('end', () => bodies.push(body))
      held.push(stream)
    })
    const old = await recorderOf(scope)
    const service = (protocol: string, url: string) =>
      compiled({
        'a.yaml': `routes: [{id: x.localhost, service: s}]\nservices: [{slug: s, protocol: ${protocol}, maxConnections: 1, queue: {}, instances: ["${url}"]}]\n`,
      })
    const {port, plane} = await proxyServing(scope, service('h2c', origin.url))
    await begin(await clientOf(scope, port))
    await until('the first request', () => held.length === 1)
    const waiting = await clientOf(scope, port)
    waiting.send('POST / HTTP/1.1\r\nHost: x.localhost\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n')
    await until('the second one to wait', () => plane.poolState('s').queued === 1)
    await plane.apply(service('http1', old.url))
    held[0]?.respond({':status': 200}, {endStream: true})
    await until('the second request', () => bodies.length === 2)
    held[1]?.respond({':status': 200}, {endStream: true})
    await waiting.until(OK)
    assert.is(bodies[1], 'hello')
    assert.match(await exchange(scope, port, GET), OK)
    assert.equal([old.requests.length, old.violations], [1, []])
  }),
)

async function begin(client: Client): Promise<Client> {
  client.send('GET / HTTP/1.1\r\nHost: x.localhost\r\n\r\n')
  return client
}

async function tlsServer(scope: Scope, options: TlsOptions): Promise<string> {
  const server = createTls(options, socket => socket.on('error', () => {}).resume())
  await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve))
  scope.defer(() => void server.close())
  const address = server.address()
  return `https://127.0.0.1:${address !== null && typeof address === 'object' ? address.port : 0}`
}

test.run()
