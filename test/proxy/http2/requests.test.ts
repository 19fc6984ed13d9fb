// Requests of HTTP/2 reach instances of HTTP/1.1, and their answers come back, whole and at the pace of the slower side.

import type {IncomingMessage} from 'node:http'
import {test} from 'uvu'
import * as assert from 'uvu/assert'
import type {Scope} from '../../../src/base/scope.ts'
import {authorityOf} from '../../helpers/authority.ts'
import {hasOpenssl} from '../../helpers/certificates.ts'
import {httpInstanceOf} from '../../helpers/http-instance.ts'
import {answerTo, ask, http2To} from '../../helpers/http2-client.ts'
import {OK, originOf, originThatAnswers} from '../../helpers/origin.ts'
import {type ProxyOptions, proxyOf, type SnapshotOptions} from '../../helpers/proxy.ts'
import {scoped} from '../../helpers/scoped.ts'
import {until} from '../../helpers/until.ts'

if (!hasOpenssl) console.log('SKIP tests of HTTP/2: openssl is missing')
const check = hasOpenssl ? test : test.skip

function secured(scope: Scope, target: string, options: ProxyOptions & SnapshotOptions = {}) {
  const certificates = [authorityOf(scope).certificate(['x.localhost', '*.w.test'])]
  return proxyOf(scope, {'x.localhost': target, '*.w.test': target}, {certificates, ...options})
}

async function bodyOf(request: IncomingMessage): Promise<Buffer> {
  const pieces: Buffer[] = []
  for await (const piece of request) pieces.push(piece)
  return Buffer.concat(pieces)
}

check(
  'the instance is asked as by HTTP/1.1: Host, forwarding fields, one cookie, nothing of HTTP/2',
  scoped(async scope => {
    const origin = await originThatAnswers(scope, OK)
    const {httpsPort} = await secured(scope, origin.url, {forward: {via: true}})
    const session = await http2To(scope, httpsPort)
    const answer = await ask(session, {':path': '/a%2Fb?c', cookie: ['a=1', 'b=2'], 'x-own': 'ü', te: 'trailers'})
    assert.is(answer.status, 200)
    assert.is(answer.body, 'ok')
    const [head = ''] = origin.received

    assert.match(head, /^GET \/a%2Fb\?c HTTP\/1\.1\r\nhost: x\.localhost:443\r\n/)
    assert.match(head, /\r\ncookie: a=1; b=2\r\n/)
    assert.match(head, /\r\nX-Forwarded-Proto: https\r\n/)
    assert.match(head, /\r\nVia: 2\.0 routesd\r\n/)
    assert.not.match(head, /\n:|scheme/)
  }),
)

check(
  'many requests on one connection, many of them at once, each get their own answer',
  scoped(async scope => {
    const url = await httpInstanceOf(scope, (request, response) => {
      setTimeout(() => response.end(`answer to ${request.url}`), Math.random() * 10)
    })
    const {httpsPort} = await secured(scope, url)
    const session = await http2To(scope, httpsPort)
    assert.is(session.remoteSettings.maxConcurrentStreams, 100)
    const answers = await Promise.all(Array.from({length: 1000}, (_, i) => ask(session, {':path': `/${i}`})))
    for (const [i, {body}] of answers.entries()) assert.is(body, `answer to /${i}`)
  }),
)

check(
  'bodies arrive whole, with a length and without one, in both directions',
  scoped(async scope => {
    const url = await httpInstanceOf(scope, async (request, response) => {
      const body = await bodyOf(request)
      const {'content-length': length, 'transfer-encoding': coding} = request.headers
      response.setHeader('x-framing', length ?? coding ?? 'none')
      if (request.url === '/counted') response.setHeader('content-length', body.length)
      response.write(body.subarray(0, 10))
      response.end(body.subarray(10))
    })
    const {httpsPort} = await secured(scope, url)
    const session = await http2To(scope, httpsPort)
    for (const size of [0, 1, 5000, 100_000, 3_000_000]) {
      const body = Buffer.alloc(size, 'abcdefg')
      for (const path of ['/counted', '/streamed']) {
        const wrapped = await ask(session, {':method': 'POST', ':path': path}, body)
        assert.is(wrapped.headers['x-framing'], 'chunked')
        assert.ok(wrapped.body === body.toString(), `${path} ${size}: ${wrapped.body.length}`)
        const counted = await ask(session, {':method': 'POST', ':path': path, 'content-length': size}, body)
        assert.is(counted.headers['x-framing'], String(size))
        assert.ok(counted.body === body.toString(), `${path} ${size}: ${counted.body.length}`)
      }
    }
    const none = await ask(session, {':method': 'POST'})
    assert.is(none.headers['x-framing'], 'none')
  }),
)

check(
  'interim answers and trailers come through; 100 is answered by us',
  scoped(async scope => {
    const url = await httpInstanceOf(scope, async (request, response) => {
      response.writeEarlyHints({link: '</a.css>; rel=preload'})
      const body = await bodyOf(request)
      response.writeHead(200, {trailer: 'x-checksum'})
      response.write(body)
      response.addTrailers({'x-checksum': 'abc'})
      response.end()
    })
    const {httpsPort} = await secured(scope, url)
    const session = await http2To(scope, httpsPort)
    const stream = session.request({':path': '/', ':method': 'POST', te: 'trailers', expect: '100-continue'})
    stream.on('continue', () => stream.end('body'))
    const answer = await answerTo(stream)
    assert.equal(answer.interim, [100, 103])
    assert.is(answer.body, 'body')
    assert.is(answer.trailers['x-checksum'], 'abc')
    assert.is(answer.code, 0)
    const without = await ask(session, {':method': 'POST'}, 'body')
    assert.is(without.body, 'body')
    assert.equal(Object.keys(without.trailers), [])
  }),
)

check(
  'answers without a body have none, and answers of our own are told as such',
  scoped(async scope => {
    const url = await httpInstanceOf(scope, (request, response) => {
      const status = Number(request.url?.slice(1))
      response.writeHead(status, status === 200 ? {'content-length': 5} : {})
      response.end(request.method === 'HEAD' ? undefined : status === 200 ? '12345' : undefined)
    })
    const {httpsPort} = await secured(scope, url)
    const session = await http2To(scope, httpsPort)
    for (const status of [204, 304]) {
      const answer = await ask(session, {':path': `/${status}`})
      assert.equal([answer.status, answer.body, answer.code], [status, '', 0])
    }
    const head = await ask(session, {':path': '/200', ':method': 'HEAD'})
    assert.equal([head.status, head.headers['content-length'], head.body, head.code], [200, '5', '', 0])
    const bad = await ask(session, {':path': '/%00'})
    assert.is(bad.status, 400)
    assert.match(bad.body, /^400 Bad Request/)
    assert.match(String(bad.headers['proxy-status']), /routesd/)
    assert.is(bad.headers['connection'], undefined)
  }),
)

check(
  'who is asked: :authority and host are one, and of the certificate',
  scoped(async scope => {
    const origin = await originThatAnswers(scope, OK)
    const {httpsPort} = await secured(scope, origin.url)
    const session = await http2To(scope, httpsPort)
    const cases: readonly (readonly [Record<string, string>, number])[] = [
      [{':authority': 'x.localhost'}, 200],
      [{':authority': 'X.LOCALHOST:8443'}, 200],
      [{':authority': 'a.w.test'}, 200],
      [{':authority': 'a.w.test', host: 'A.W.test'}, 200],
      [{':authority': 'a.w.test', host: 'x.localhost'}, 400],
      // nghttp2 knows by itself.
      [{':authority': 'user@x.localhost'}, 0],
      [{':authority': 'other.test'}, 421],
    ]
    for (const [headers, status] of cases)
      assert.is((await ask(session, headers)).status, status, JSON.stringify(headers))
  }),
)

check(
  'a client that does not read holds its instance up, and the other streams go on',
  scoped(async scope => {
    const size = 50_000_000
    let sent = 0
    const url = await httpInstanceOf(scope, (request, response) => {
      if (request.url === '/small') {
        response.end('small')
        return
      }
      const piece = Buffer.alloc(65_536)
      const write = () => {
        while (sent < size) {
          sent += piece.length
          if (!response.write(piece)) return void response.once('drain', write)
        }
        response.end()
      }
      write()
    })
    const {httpsPort} = await secured(scope, url)
    const session = await http2To(scope, httpsPort)
    session.setLocalWindowSize(1 << 20)
    const stalled = session.request({':path': '/large'})
    stalled.on('error', () => {})
    stalled.pause()
    await new Promise(resolve => stalled.once('response', resolve))
    let before = -1
    await until('the instance to be held up', async () => {
      if (sent === before) return true
      before = sent
      await ask(session, {':path': '/small'})
      return false
    })
    assert.is((await ask(session, {':path': '/small'})).body, 'small')
    assert.ok(sent < size / 2, `${sent} bytes`)
    let received = 0
    stalled.on('data', (data: Buffer) => {
      received += data.length
    })
    stalled.resume()
    await until('the rest', () => received >= size, 30_000)
  }),
)

check(
  'an instance that does not read holds its client up, and the other streams go on',
  scoped(async scope => {
    let slow: IncomingMessage | null = null
    const url = await httpInstanceOf(scope, (request, response) => {
      if (request.url === '/small') {
        response.end('small')
        return
      }
      slow = request
      request.pause()
      let received = 0
      request.on('data', (data: Buffer) => {
        received += data.length
      })
      request.pause()
      request.on('end', () => response.end(String(received)))
    })
    const {httpsPort} = await secured(scope, url)
    const session = await http2To(scope, httpsPort)
    const size = 40_000_000
    const upload = session.request({':method': 'POST', ':path': '/large'})
    const answer = answerTo(upload)
    let taken = 0
    const piece = Buffer.alloc(65_536)
    const write = () => {
      if (taken >= size) return void upload.end()
      upload.write(piece, () => {
        taken += piece.length
        write()
      })
    }
    write()
    let before = -1
    await until('the client to be held up', async () => {
      if (taken === before && slow !== null) return true
      before = taken
      await ask(session, {':path': '/small'})
      return false
    })
    assert.ok(taken < size / 2, `${taken} bytes`)
    assert.is((await ask(session, {':path': '/small'})).body, 'small')
    ;(slow as IncomingMessage | null)?.resume()
    assert.is((await answer).body, String(Math.ceil(size / piece.length) * piece.length))
  }),
)

check(
  'an answer that breaks off is a reset, and a client that resets has its instance let go',
  scoped(async scope => {
    const origin = await originOf(scope, (socket, text) => {
      if (!text.includes('\r\n\r\n')) return
      const framing = text.includes('/sized')
        ? 'Content-Length: 100\r\n\r\n'
        : 'Transfer-Encoding: chunked\r\n\r\n4\r\n'
      socket.write(`HTTP/1.1 200 OK\r\n${framing}half`)
      if (text.startsWith('GET /broken')) setImmediate(() => socket.destroy())
    })
    const {httpsPort, plane} = await secured(scope, origin.url)
    const session = await http2To(scope, httpsPort)
    for (const path of ['/broken', '/broken/sized']) {
      const broken = await ask(session, {':path': path})
      assert.equal([broken.status, broken.code], [200, 2], path)
    }
    const stream = session.request({':path': '/open'})
    const answer = answerTo(stream)
    await new Promise(resolve => stream.once('data', resolve))
    stream.close(8)
    await answer
    await until('the instance to be let go', () => origin.open() === 0)
    assert.is(plane.routeStats('x.localhost').inFlight, 0)
    const gone = session.request({':path': '/open'})
    gone.on('error', () => {})
    await new Promise(resolve => gone.once('data', resolve))
    session.destroy()
    await until('the instance to be let go', () => origin.open() === 0)
    await until('the books to be closed', () => plane.routeStats('x.localhost').inFlight === 0)
  }),
)

check(
  'a drain says GOAWAY, finishes what is under way and ends the connection',
  scoped(async scope => {
    const waiting: (() => void)[] = []
    const url = await httpInstanceOf(scope, (_, response) => void waiting.push(() => response.end('done')))
    const {httpsPort, plane} = await secured(scope, url)
    const session = await http2To(scope, httpsPort)
    const idle = await http2To(scope, httpsPort)
    const answer = ask(session)
    await until('the request', () => waiting.length === 1)
    let hasGoneAway = false
    session.on('goaway', () => {
      hasGoneAway = true
    })
    const drained = plane.drain(10_000)
    await until('GOAWAY', () => hasGoneAway)
    await until('the idle one to be closed', () => idle.closed)
    waiting[0]?.()
    assert.is((await answer).body, 'done')
    await drained
  }),
)

test.run()
