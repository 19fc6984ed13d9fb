// A TLS connection from its first byte to its last: deadlines, bounds, PROXY header, tunnels, drain.

import {execFile} from 'node:child_process'
import {connect, type Socket} from 'node:net'
import {connect as connectTls} from 'node:tls'
import type {Worker} from 'node:worker_threads'
import {test} from 'uvu'
import * as assert from 'uvu/assert'
import type {Scope} from '../../../src/base/scope.ts'
import {authorityOf} from '../../helpers/authority.ts'
import {hasOpenssl} from '../../helpers/certificates.ts'
import {clientOf, exchange, getAndClose} from '../../helpers/client.ts'
import {OK, originOf, originThatAnswers} from '../../helpers/origin.ts'
import {type ProxyOptions, proxyOf, type SnapshotOptions} from '../../helpers/proxy.ts'
import {scoped} from '../../helpers/scoped.ts'
import {refusalOf, secureTo} from '../../helpers/tls-client.ts'
import {until} from '../../helpers/until.ts'
import {ACCEPT, handshake, webSocketOrigin} from '../../helpers/websocket.ts'

if (!hasOpenssl) console.log('SKIP tests of TLS: openssl is missing')
const check = hasOpenssl ? test : test.skip

const GET = 'GET / HTTP/1.1\r\nHost: x.localhost\r\n\r\n'

function secured(scope: Scope, target: string, options: ProxyOptions & SnapshotOptions = {}) {
  const certificates = [authorityOf(scope).certificate(['x.localhost'])]
  return proxyOf(scope, {'x.localhost': target}, {certificates, ...options})
}

// The first message of a client, as one would send it.
async function helloOf(scope: Scope): Promise<Buffer> {
  const origin = await originOf(scope, () => {})
  const client = connectTls({port: origin.port, host: '127.0.0.1', servername: 'x.localhost'})
  client.on('error', () => {})
  const text = await until('a hello', () => (origin.received[0] ?? '') || null)
  client.destroy()
  return Buffer.from(text, 'latin1')
}

check(
  'a client that does not get on with its handshake is let go',
  scoped(async scope => {
    const {httpsPort} = await secured(scope, 'http://127.0.0.1:1', {edge: {headerTimeoutMs: 2_000}})
    const hello = await helloOf(scope)
    const clients = await Promise.all([1, 2, 3].map(() => clientOf(scope, httpsPort)))
    const [silent, half, whole] = clients
    half?.send(hello.subarray(0, 50))
    whole?.send(hello)
    assert.is((await silent?.ended())?.text, '')
    assert.is((await half?.ended())?.text, '')
    assert.match((await whole?.ended())?.text ?? '', /^\x16\x03\x03/)
    const idle = await secureTo(scope, httpsPort)
    await until('the idle connection to be closed', () => idle.socket.destroyed || idle.socket.readableEnded)
  }),
)

check(
  'connections count from their first byte, and the place of one that is gone is free',
  scoped(async scope => {
    const origin = await originThatAnswers(scope, OK)
    const {httpsPort} = await secured(scope, origin.url, {edge: {maxConnections: 2}})
    const silent = await clientOf(scope, httpsPort)
    const first = await secureTo(scope, httpsPort)
    assert.is(await refusalOf(secureTo(scope, httpsPort)), 'ECONNRESET')
    silent.destroy()
    const second = await until('a place', async () => {
      const attempt = secureTo(scope, httpsPort)
      return (await refusalOf(attempt)) === '' ? attempt : null
    })
    assert.match(await second.ask(GET, true), /ok$/)
    first.socket.destroy()
    second.socket.destroy()
    await until('both places', async () => {
      const attempts = [secureTo(scope, httpsPort), secureTo(scope, httpsPort)]
      const refusals = await Promise.all(attempts.map(refusalOf))
      for (const attempt of await Promise.allSettled(attempts)) {
        if (attempt.status === 'fulfilled') attempt.value.socket.destroy()
      }
      return refusals.every(refusal => refusal === '')
    })
  }),
)

check(
  'clients that go away in the middle of a handshake leave nothing behind',
  scoped(async scope => {
    const {httpsPort} = await secured(scope, 'http://127.0.0.1:1', {edge: {maxConnections: 20}})
    for (let i = 0; i < 60; i++) {
      const client = connectTls({
        port: httpsPort,
        host: '127.0.0.1',
        servername: 'x.localhost',
        rejectUnauthorized: false,
      })
      client.on('error', () => {})
      const gone = new Promise(resolve => client.on('close', resolve))
      if (i % 3 === 0) client.on('secureConnect', () => client.destroy())
      else client.on('connect', () => setTimeout(() => client.destroy(), i % 5))
      await gone
    }
    await until('all places', async () => {
      const attempts = Array.from({length: 20}, () => secureTo(scope, httpsPort))
      const refusals = await Promise.all(attempts.map(refusalOf))
      for (const attempt of await Promise.allSettled(attempts)) {
        if (attempt.status === 'fulfilled') attempt.value.socket.destroy()
      }
      return refusals.every(refusal => refusal === '')
    })
  }),
)

check(
  'who the PROXY header in front of the handshake names is the client',
  scoped(async scope => {
    const origin = await originThatAnswers(scope, OK)
    const edge = {proxyProtocol: true, trustedProxies: ['127.0.0.0/8'], headerTimeoutMs: 3_000}
    const {httpsPort} = await secured(scope, origin.url, {edge})
    const ask = async (...pieces: string[]) => {
      const socket: Socket = connect({port: httpsPort, host: '127.0.0.1', noDelay: true})
      scope.defer(() => void socket.destroy())
      for (const piece of pieces) {
        socket.write(piece, 'latin1')
        await new Promise(resolve => setImmediate(resolve))
      }
      return refusalOf(
        secureTo(scope, httpsPort, {socket}).then(async connection => {
          await connection.ask(GET.replace('\r\n\r\n', '\r\nConnection: close\r\n\r\n'))
          return connection
        }),
      )
    }
    assert.is(await ask('PROXY TCP4 203.0.113.9 10.0.0.1 56324 443\r\n'), '')
    assert.match(origin.received[0] ?? '', /\r\nX-Real-IP: 203\.0\.113\.9\r\n/)
    assert.is(await ask('PROXY TCP4 203.', '0.113.8 10.0.0.1 5', '6324 443\r\n'), '')
    assert.match(origin.received.join(''), /\r\nX-Real-IP: 203\.0\.113\.8\r\n/)
    assert.not.equal(await ask(), '', 'without a header')
    assert.not.equal(await ask('PROXY TCP4 nonsense\r\n'), '', 'with a broken one')
  }),
)

check(
  'a WebSocket goes through, both ways',
  scoped(async scope => {
    const origin = await webSocketOrigin(scope)
    const {httpsPort} = await secured(scope, origin.url)
    const {socket} = await secureTo(scope, httpsPort)
    let text = ''
    socket.on('data', data => {
      text += data.toString('latin1')
    })
    socket.write(handshake())
    await until('the agreement', () => text.includes(ACCEPT))
    socket.write('ping')
    await until('the echo', () => text.endsWith('ping'))
    socket.end()
    await until('the end of the other side', () => origin.open() === 0)
  }),
)

check(
  'a body without a length that breaks off is told from one that has ended',
  scoped(async scope => {
    const origin = await originOf(scope, (socket, text) => {
      const chunked = 'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nhalf\r\n'
      if (text.includes('/whole')) socket.write(`${chunked}0\r\n\r\n`)
      else socket.end(chunked)
    })
    const {httpsPort} = await secured(scope, origin.url)
    // To HTTP/1.0 the end of the body is the end of the connection: openssl tells whether that was announced.
    const endOf = async (path: string) => {
      const input = `printf 'GET ${path} HTTP/1.0\\r\\nHost: x.localhost\\r\\n\\r\\n'`
      const client = `openssl s_client -connect 127.0.0.1:${httpsPort} -servername x.localhost -ign_eof -msg`
      return new Promise<string>(resolve => {
        execFile('sh', ['-c', `${input} | ${client} 2>&1`], {timeout: 10_000}, (_, out) => resolve(out))
      })
    }
    const announced = /<<< TLS .*Alert .*\n\s+01 00/
    assert.match(await endOf('/whole'), announced)
    const broken = await endOf('/broken')
    assert.match(broken, /half/)
    assert.not.match(broken, announced)
  }),
)

check(
  'a large answer arrives whole at a client that reads slowly, and a client that does not read is let go',
  scoped(async scope => {
    const size = 20_000_000
    const origin = await originOf(scope, (socket, text) => {
      if (!text.includes('\r\n\r\n')) return
      socket.write(`HTTP/1.1 200 OK\r\nContent-Length: ${size}\r\n\r\n`)
      socket.write(Buffer.alloc(size, 'x'))
    })
    const {httpsPort} = await secured(scope, origin.url)
    const {socket} = await secureTo(scope, httpsPort)
    let received = 0
    socket.on('data', (data: Buffer) => {
      received += data.length
      socket.pause()
      setImmediate(() => socket.resume())
    })
    socket.write(GET)
    await until('all of it', () => received > size, 30_000)
    const stalled = await secureTo(scope, httpsPort)
    stalled.socket.pause()
    stalled.socket.write(GET)
    await until('the second request', () => origin.received.join('').split('GET').length > 2)
    // The first one's connection to the instance was used again.
    await until('the instance to be let go', () => origin.open() === 0, 30_000)
  }),
)

check(
  'a drain finishes what is under way, ends idle connections and those without a hello',
  scoped(async scope => {
    const waiting: Socket[] = []
    const origin = await originOf(scope, socket => void waiting.push(socket))
    const {httpsPort, plane} = await secured(scope, origin.url, {workers: 2})
    const silent = await clientOf(scope, httpsPort)
    const idle = await secureTo(scope, httpsPort)
    const busy = await secureTo(scope, httpsPort)
    const answer = busy.ask(GET)
    await until('the request', () => waiting.length === 1)
    const drained = plane.drain(10_000)
    await silent.ended()
    await until('the idle one to be closed', () => idle.socket.readableEnded || idle.socket.destroyed)
    waiting[0]?.write(OK)
    assert.match(await answer, /\r\nConnection: close\r\n\r\nok$/)
    await drained
  }),
)

check(
  'the handshake of a name whose certificate is being ordered waits for it',
  scoped(async scope => {
    const authority = authorityOf(scope)
    const origin = await originThatAnswers(scope, OK)
    const certificates = [authority.certificate(['default.test'], {isDefault: true})]
    const {httpsPort, plane} = await proxyOf(scope, {'x.localhost': origin.url}, {certificates, workers: 2})
    plane.setPendingNames(['x.localhost', '*.w.test'])
    await plane.setChallenges([])
    const waiting = secureTo(scope, httpsPort)
    const below = secureTo(scope, httpsPort, {name: 'a.w.test'})
    const other = await secureTo(scope, httpsPort, {name: 'other.test'})
    assert.is(other.name, 'default.test')
    let isDone = false
    void waiting.then(() => {
      isDone = true
    })
    assert.not.ok(isDone)
    const made = authority.certificate(['x.localhost'])
    await plane.setCertificates([...certificates, made])
    assert.is((await waiting).name, 'x.localhost')
    assert.match(await (await waiting).ask(GET, true), /ok$/)
    plane.setPendingNames([])
    assert.is((await below).name, 'default.test', 'the order was given up')
  }),
)

check(
  'a worker that takes the place of a dead one has the certificates and the challenges',
  scoped(async scope => {
    const threads: Worker[] = []
    const onWorker = (worker: Worker) => void threads.push(worker)
    process.on('worker', onWorker)
    scope.defer(() => process.off('worker', onWorker))
    const origin = await originThatAnswers(scope, OK)
    const {httpsPort, port, plane} = await secured(scope, origin.url)
    await plane.setChallenges([{host: 'x.localhost', token: 't', keyAuthorization: 't.thumb'}])
    await threads[0]?.terminate()
    await until('the replacement', () => plane.workers()[0]?.restarts === 1 && plane.workers()[0]?.state === 'serving')
    assert.match(await (await secureTo(scope, httpsPort)).ask(GET, true), /ok$/)
    assert.match(await exchange(scope, port, getAndClose('/.well-known/acme-challenge/t')), /t\.thumb$/)
  }),
)

test.run()
