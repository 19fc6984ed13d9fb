import {createServer, type TLSSocket, type TlsOptions} from 'node:tls'
import {test} from 'uvu'
import * as assert from 'uvu/assert'
import type {Scope} from '../../src/base/scope.ts'
import type {UpstreamTls} from '../../src/snapshot/snapshot.ts'
import {certificates, hasOpenssl, type Made} from '../helpers/certificates.ts'
import {clientOf, exchange, getAndClose} from '../helpers/client.ts'
import {OK, originOf} from '../helpers/origin.ts'
import {proxyOf} from '../helpers/proxy.ts'
import {scoped} from '../helpers/scoped.ts'
import {until} from '../helpers/until.ts'
import {agreement, handshake} from '../helpers/websocket.ts'

if (!hasOpenssl) console.log('SKIP upstream-tls: openssl is not installed')
const it = hasOpenssl ? test : test.skip

it(
  'a certificate that our authority signed is accepted, the name asked for by SNI, and the connection kept',
  scoped(async scope => {
    const made = certificates(scope)
    const origin = await tlsOrigin(scope, made.server)
    const {port} = await proxyOf(scope, {'x.localhost': origin.url}, {tls: {ca: made.ca, serverName: 'inner.test'}})
    const client = await clientOf(scope, port)
    for (let i = 1; i <= 3; i++) {
      client.send('GET / HTTP/1.1\r\nHost: x.localhost\r\n\r\n')
      await client.until(new RegExp(`(?:HTTP/1.1 200 OK[\\s\\S]*?ok){${i}}`))
    }
    assert.equal(
      origin.sockets.map(socket => [socket.servername, socket.alpnProtocol, socket.isSessionReused()]),
      [['inner.test', 'http/1.1', false]],
    )
    assert.match(origin.heads[0] ?? '', /\r\nHost: x\.localhost\r\n/)
  }),
)

it(
  'the second connection resumes the session of the first',
  scoped(async scope => {
    const made = certificates(scope)
    const origin = await tlsOrigin(
      scope,
      made.server,
      'HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: close\r\n\r\nok',
    )
    const {port} = await proxyOf(scope, {'x.localhost': origin.url}, {tls: {ca: made.ca, serverName: 'inner.test'}})
    for (let i = 0; i < 3; i++) assert.match(await exchange(scope, port, getAndClose('/')), /^HTTP\/1\.1 200 /)
    assert.equal(origin.resumed, [false, true, true])
  }),
)

it(
  'without a name the certificate must name the address',
  scoped(async scope => {
    const made = certificates(scope)
    const byAddress = await tlsOrigin(scope, made.address)
    const byName = await tlsOrigin(scope, made.server)
    const {port} = await proxyOf(
      scope,
      {'x.localhost/address': byAddress.url, 'x.localhost/name': byName.url},
      {tls: {ca: made.ca}},
    )
    assert.match(await exchange(scope, port, getAndClose('/address')), /^HTTP\/1\.1 200 /)
    assert.is(byAddress.sockets[0]?.servername, false)
    assert.match(await exchange(scope, port, getAndClose('/name')), BAD_CERTIFICATE)
  }),
)

it(
  'a client certificate is shown to an instance that asks for one',
  scoped(async scope => {
    const made = certificates(scope)
    const origin = await tlsOrigin(scope, {...made.server, ca: made.ca, requestCert: true, rejectUnauthorized: true})
    const tls = {ca: made.ca, serverName: 'inner.test'}
    const shows = await proxyOf(scope, {'x.localhost': origin.url}, {tls: {...tls, ...made.client}})
    assert.match(await exchange(scope, shows.port, getAndClose('/')), /^HTTP\/1\.1 200 /)
    assert.is(origin.sockets[0]?.getPeerCertificate().subject.CN, 'routesd')
    const hides = await proxyOf(scope, {'x.localhost': origin.url}, {tls})
    assert.match(await exchange(scope, hides.port, getAndClose('/')), /^HTTP\/1\.1 502 /)
  }),
)

const BAD_CERTIFICATE = /^HTTP\/1\.1 502 Bad Gateway\r\nProxy-Status: routesd; error=tls_certificate_error\r\n/

const CERTIFICATES: readonly (readonly [
  string,
  (made: Made) => readonly [TlsOptions, Partial<UpstreamTls>],
  RegExp,
])[] = [
  ['for another name', made => [made.server, {ca: made.ca, serverName: 'other.test'}], BAD_CERTIFICATE],
  ['signed by itself', made => [made.selfSigned, {serverName: 'inner.test'}], BAD_CERTIFICATE],
  ['of an unknown authority', made => [made.server, {serverName: 'inner.test'}], BAD_CERTIFICATE],
  ['that has expired', made => [made.expired, {ca: made.ca, serverName: 'inner.test'}], BAD_CERTIFICATE],
  ['signed by itself, unchecked', made => [made.selfSigned, {insecure: true}], /^HTTP\/1\.1 200 OK\r\n/],
  [
    'for another name, unchecked',
    made => [made.server, {serverName: 'other.test', insecure: true}],
    /^HTTP\/1\.1 200 OK/,
  ],
]
for (const [name, arrange, expected] of CERTIFICATES) {
  it(
    `a certificate ${name} is answered as it must be, and no request reaches an instance that is not trusted`,
    scoped(async scope => {
      const [options, tls] = arrange(certificates(scope))
      const origin = await tlsOrigin(scope, options)
      const {port, plane} = await proxyOf(scope, {'x.localhost': origin.url}, {tls})
      // Twice: a session of a connection that was not trusted must not be resumed into one that is.
      for (let i = 0; i < 2; i++) assert.match(await exchange(scope, port, getAndClose('/')), expected)
      if (expected === BAD_CERTIFICATE) {
        assert.equal(origin.heads, [])
        assert.match(await exchange(scope, port, handshake()), BAD_CERTIFICATE)
        assert.equal(origin.heads, [])
      }
      await until('the books', () => plane.instanceStats(origin.url).inFlight === 0)
    }),
  )
}

test(
  'an instance that speaks plain HTTP, hangs up or is not there is 502, one that never shakes hands 504',
  scoped(async scope => {
    const plain = await originOf(scope, socket => void socket.end('HTTP/1.1 400 Bad Request\r\n\r\n'))
    const {createServer: createPlain} = await import('node:net')
    const hanging = createPlain(socket => void socket.destroy()).listen(0, '127.0.0.1')
    const mute = createPlain(socket => void socket.on('error', () => {})).listen(0, '127.0.0.1')
    const gone = createPlain().listen(0, '127.0.0.1')
    for (const server of [hanging, mute, gone]) await until('it to listen', () => server.listening)
    const portOf = (server: typeof mute) => (server.address() as {port: number}).port
    const gonePort = portOf(gone)
    await new Promise(resolve => gone.close(resolve))
    scope.defer(() => void hanging.close())
    scope.defer(() => void mute.close())
    const routes = {
      'x.localhost/plain': `https://127.0.0.1:${plain.port}`,
      'x.localhost/hanging': `https://127.0.0.1:${portOf(hanging)}`,
      'x.localhost/mute': `https://127.0.0.1:${portOf(mute)}`,
      'x.localhost/gone': `https://127.0.0.1:${gonePort}`,
    }
    const {port, plane} = await proxyOf(scope, routes, {timeouts: {connectMs: 400, responseMs: 400}})
    const status = async (path: string, bytes = getAndClose(path)) =>
      /^HTTP\/1\.1 (\d+ )[^\r]*\r\nProxy-Status: routesd; (\S+)/
        .exec(await exchange(scope, port, bytes))
        ?.slice(1)
        .join('')
    assert.is(await status('/plain'), '502 error=tls_protocol_error')
    assert.match((await status('/hanging')) ?? '', /^502 /)
    assert.is(await status('/gone'), '502 error=connection_refused')
    assert.is(await status('/mute'), '504 error=connection_timeout')
    assert.is(await status('', handshake('/plain')), '502 error=tls_protocol_error')
    assert.is(await status('', handshake('/gone')), '502 error=connection_refused')
    assert.match((await status('', handshake('/mute'))) ?? '', /^504 /)
    assert.is(plane.workers()[0]?.restarts, 0)
  }),
)

it(
  'a WebSocket goes through to an https instance that is checked in the same way',
  scoped(async scope => {
    const made = certificates(scope)
    const origin = await tlsOrigin(scope, {...made.server, ca: made.ca, requestCert: true, rejectUnauthorized: true})
    const tls = {ca: made.ca, serverName: 'inner.test', ...made.client}
    const {port} = await proxyOf(scope, {'x.localhost': origin.url}, {tls})
    const client = await clientOf(scope, port)
    client.send(`${handshake('/chat')}early`)
    await client.until(/ 101 [\s\S]*early$/)
    client.send(' and late')
    await client.until(/early and late$/)
    assert.is(origin.sockets[0]?.servername, 'inner.test')
    assert.is(origin.sockets[0]?.getPeerCertificate().subject.CN, 'routesd')
    assert.match(origin.heads[0] ?? '', /^GET \/chat HTTP\/1\.1\r\n/)
    client.destroy()
    await until('the instance to be left', () => origin.sockets[0]?.destroyed)
  }),
)

test.run()

// ---

type TlsOrigin = {
  readonly url: string
  readonly sockets: TLSSocket[]
  readonly heads: string[]
  readonly resumed: boolean[]
}

// Answers every head, and echoes behind a handshake.
async function tlsOrigin(scope: Scope, options: TlsOptions, answer = OK): Promise<TlsOrigin> {
  const sockets: TLSSocket[] = []
  const heads: string[] = []
  const resumed: boolean[] = []
  const server = createServer({...options, ALPNProtocols: ['h2', 'http/1.1']}, socket => {
    let isOpen = false
    sockets.push(socket)
    resumed.push(socket.isSessionReused())
    socket.setEncoding('latin1')
    socket.on('error', () => {})
    socket.on('data', data => {
      const text = String(data)
      if (isOpen) {
        socket.write(text)
        return
      }
      heads.push(text)
      isOpen = text.includes('Upgrade: websocket')
      socket.write(isOpen ? agreement(text) : answer)
    })
  })
  server.on('tlsClientError', () => {})
  await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve))
  scope.defer(() => {
    for (const socket of sockets) socket.destroy()
    server.close()
  })
  const bound = server.address()
  return {
    url: `https://127.0.0.1:${bound !== null && typeof bound === 'object' ? bound.port : 0}`,
    sockets,
    heads,
    resumed,
  }
}
