// gRPC through the proxy: calls of every kind, by HTTP/2 on both sides.

import type {ClientHttp2Session, ClientHttp2Stream, ServerHttp2Stream} from 'node:http2'
import {test} from 'uvu'
import * as assert from 'uvu/assert'
import type {Scope} from '../../../src/base/scope.ts'
import {authorityOf} from '../../helpers/authority.ts'
import {hasOpenssl} from '../../helpers/certificates.ts'
import {answerTo, ask, http2To} from '../../helpers/http2-client.ts'
import {framed, http2OriginOf, onMessage} from '../../helpers/http2-origin.ts'
import {type ProxyOptions, proxyOf, type SnapshotOptions} from '../../helpers/proxy.ts'
import {scoped} from '../../helpers/scoped.ts'
import {until} from '../../helpers/until.ts'

if (!hasOpenssl) console.log('SKIP calls of gRPC: openssl is missing')
const check = hasOpenssl ? test : test.skip

const CALL = {':method': 'POST', ':path': '/shop.Orders/Get', 'content-type': 'application/grpc', te: 'trailers'}

function secured(scope: Scope, url: string, options: ProxyOptions & SnapshotOptions = {}) {
  const certificates = [authorityOf(scope).certificate(['x.localhost'])]
  return proxyOf(scope, {'x.localhost': url}, {certificates, protocol: 'http2', ...options})
}

// A service that answers each message of a client with one of its own, and its end with a status.
function echo(stream: ServerHttp2Stream): void {
  answer(stream)
  onMessage(stream, text => stream.write(framed(`echo of ${text}`)))
  stream.on('end', () => stream.end())
}

function answer(
  stream: ServerHttp2Stream,
  trailers: Record<string, string> = {'grpc-status': '0', 'x-took': '1ms'},
): void {
  stream.respond({':status': 200, 'content-type': 'application/grpc'}, {waitForTrailers: true})
  stream.on('wantTrailers', () => stream.sendTrailers(trailers))
}

function call(session: ClientHttp2Session): {stream: ClientHttp2Stream; messages: string[]} {
  const stream = session.request(CALL, {endStream: false})
  const messages: string[] = []
  onMessage(stream, text => messages.push(text))
  return {stream, messages}
}

// Node would end what it sends before it resets.
function cancel(stream: ClientHttp2Stream): void {
  stream._final = callback => callback(null)
  stream.close(8)
}

check(
  'a unary call: its message goes and comes, the status comes in trailers, and the instance is asked as a client asks it',
  scoped(async scope => {
    const origin = await http2OriginOf(scope, echo)
    const {httpsPort} = await secured(scope, origin.url)
    const session = await http2To(scope, httpsPort)
    const got = await ask(session, {...CALL, 'grpc-timeout': '5S', 'x-bin': 'AAEC'}, framed('one'))
    assert.is(got.status, 200)
    assert.is(got.body, framed('echo of one').toString('latin1'))
    assert.is(got.trailers['grpc-status'], '0')
    assert.is(got.trailers['x-took'], '1ms')
    assert.is(got.code, 0)
    const [request] = origin.requests
    assert.equal(
      [
        ':method',
        ':scheme',
        ':authority',
        ':path',
        'content-type',
        'te',
        'grpc-timeout',
        'x-bin',
        'x-forwarded-proto',
      ].map(name => request?.[name]),
      ['POST', 'http', 'x.localhost:443', '/shop.Orders/Get', 'application/grpc', 'trailers', '5S', 'AAEC', 'https'],
    )
    assert.equal(
      ['host', 'connection', 'transfer-encoding', 'content-length'].filter(name => request?.[name] !== undefined),
      [],
    )
  }),
)

check(
  'large messages, many at once, arrive as they were sent, in both directions',
  scoped(async scope => {
    const origin = await http2OriginOf(scope, stream => {
      answer(stream)
      stream.pipe(stream)
    })
    const {httpsPort} = await secured(scope, origin.url)
    const session = await http2To(scope, httpsPort)
    // No part is like another, so that one in the place of another is seen.
    const texts = Array.from({length: 10}, (_, i) => Array.from({length: 100_000}, (_, line) => `${i}.${line}`).join())
    const answers = await Promise.all(texts.map(text => ask(session, CALL, framed(text))))
    for (const [i, {body, trailers}] of answers.entries()) {
      assert.ok(body === framed(texts[i] ?? '').toString('latin1'), `message ${i}`)
      assert.is(trailers['grpc-status'], '0')
    }
    assert.is(origin.accepted(), 1)
  }),
)

check(
  'an answer of trailers only stays one: one block of fields that ends the stream',
  scoped(async scope => {
    const origin = await http2OriginOf(scope, stream =>
      stream.respond(
        {':status': 200, 'content-type': 'application/grpc', 'grpc-status': '5', 'grpc-message': 'no such order'},
        {endStream: true},
      ),
    )
    const {httpsPort} = await secured(scope, origin.url)
    const session = await http2To(scope, httpsPort)
    const {stream} = call(session)
    stream.end(framed('one'))
    const flags = await new Promise<number>(resolve => stream.on('response', (_, at) => resolve(at)))
    assert.is(flags & 1, 1, 'END_STREAM stands with the fields')
    const got = await ask(session, CALL, framed('one'))
    assert.equal([got.headers['grpc-status'], got.headers['grpc-message']], ['5', 'no such order'])
    assert.equal([got.headers['content-length'], got.trailers], [undefined, {}])
  }),
)

check(
  'server streaming: each message comes when it is sent',
  scoped(async scope => {
    const streams: ServerHttp2Stream[] = []
    const origin = await http2OriginOf(scope, stream => {
      answer(stream)
      streams.push(stream)
    })
    const {httpsPort} = await secured(scope, origin.url)
    const {stream, messages} = call(await http2To(scope, httpsPort))
    stream.end(framed('list'))
    const done = answerTo(stream)
    const served = await until('the call', () => streams[0])
    for (const text of ['a', 'b', 'c']) {
      served.write(framed(text))
      await until(text, () => messages.at(-1) === text)
    }
    served.end()
    assert.is((await done).trailers['grpc-status'], '0')
    assert.equal(messages, ['a', 'b', 'c'])
  }),
)

check(
  'client streaming: each message arrives when it is sent, and the answer comes after the last one',
  scoped(async scope => {
    const arrived: string[] = []
    const origin = await http2OriginOf(scope, stream => {
      onMessage(stream, text => arrived.push(text))
      stream.on('end', () => {
        answer(stream)
        stream.end(framed(arrived.join()))
      })
    })
    const {httpsPort} = await secured(scope, origin.url)
    const {stream, messages} = call(await http2To(scope, httpsPort))
    const done = answerTo(stream)
    for (const text of ['a', 'b', 'c']) {
      stream.write(framed(text))
      await until(text, () => arrived.at(-1) === text)
    }
    stream.end()
    assert.is((await done).trailers['grpc-status'], '0')
    assert.equal(messages, ['a,b,c'])
  }),
)

check(
  'bidirectional streaming: messages cross, the client ends first and the instance goes on',
  scoped(async scope => {
    let served: ServerHttp2Stream | undefined
    let hasEnded = false
    const origin = await http2OriginOf(scope, stream => {
      served = stream
      answer(stream)
      stream.write(framed('hello'))
      onMessage(stream, text => stream.write(framed(`echo of ${text}`)))
      stream.on('end', () => {
        hasEnded = true
      })
    })
    const {httpsPort} = await secured(scope, origin.url)
    const {stream, messages} = call(await http2To(scope, httpsPort))
    const done = answerTo(stream)
    await until('the greeting before any message', () => messages.at(-1) === 'hello')
    for (const text of ['a', 'b']) {
      stream.write(framed(text))
      await until(text, () => messages.at(-1) === `echo of ${text}`)
    }
    stream.end()
    await until('the end of the client', () => hasEnded)
    served?.write(framed('still here'))
    await until('a message after that', () => messages.at(-1) === 'still here')
    served?.end()
    assert.is((await done).trailers['grpc-status'], '0')
  }),
)

check(
  'an instance that ends a call early ends it for the client, whose messages are not wanted any more',
  scoped(async scope => {
    const origin = await http2OriginOf(scope, stream => {
      onMessage(stream, () => {
        answer(stream, {'grpc-status': '8'})
        stream.end()
      })
    })
    const {httpsPort} = await secured(scope, origin.url)
    const {stream} = call(await http2To(scope, httpsPort))
    stream.write(framed('one'))
    const got = await answerTo(stream)
    assert.equal([got.trailers['grpc-status'], got.code], ['8', 0])
  }),
)

check(
  'a client that cancels a call cancels it at the instance, and the connection goes on',
  scoped(async scope => {
    const codes: number[] = []
    let begun = 0
    const origin = await http2OriginOf(scope, stream => {
      answer(stream)
      stream.write(framed('hello'))
      stream.on('close', () => codes.push(stream.rstCode))
      begun++
    })
    const {httpsPort} = await secured(scope, origin.url)
    const session = await http2To(scope, httpsPort)
    const {stream, messages} = call(session)
    await until('the greeting', () => messages.length === 1)
    stream.close(8)
    await until('the cancellation', () => codes.length === 1)
    assert.equal(codes, [8])
    call(session)
    await until('another call', () => begun === 2)
    assert.is(origin.accepted(), 1)
  }),
)

check(
  'a request that is cancelled half-way is reset at the instance, never ended',
  scoped(async scope => {
    let ends = 0
    const codes: number[] = []
    let bytes = 0
    const origin = await http2OriginOf(scope, stream => {
      stream.on('data', (data: Buffer) => {
        bytes += data.length
      })
      stream.on('aborted', () => codes.push(stream.rstCode))
      stream.on('end', () => {
        if (!stream.aborted) ends++
      })
    })
    const {httpsPort} = await secured(scope, origin.url)
    const stream = (await http2To(scope, httpsPort)).request({':method': 'PUT', ':path': '/file'}, {endStream: false})
    stream.on('error', () => {})
    stream.write(Buffer.alloc(1000))
    await until('the first part', () => bytes === 1000)
    cancel(stream)
    await until('the reset', () => codes.length === 1)
    assert.equal([codes, ends], [[8], 0])
  }),
)

for (const [how, cut] of [
  ['resets the stream', (stream: ServerHttp2Stream) => stream.close(2)],
  ['resets it with NO_ERROR', (stream: ServerHttp2Stream) => stream.close(0)],
  ['breaks the connection', (stream: ServerHttp2Stream) => stream.session?.socket.destroy()],
] as const) {
  check(
    `an instance that ${how} in the middle of an answer: the stream of the client is reset, never ended`,
    scoped(async scope => {
      let served: ServerHttp2Stream | undefined
      const origin = await http2OriginOf(scope, stream => {
        // Node would end the answer before it resets.
        stream._final = callback => callback(null)
        answer(stream)
        stream.write(framed('a part'))
        served = stream
      })
      const {httpsPort} = await secured(scope, origin.url)
      const {stream, messages} = call(await http2To(scope, httpsPort))
      stream.end(framed('one'))
      const done = answerTo(stream)
      await until('the part', () => messages.length === 1)
      if (served) cut(served)
      const got = await done
      assert.is(got.code, 2)
      assert.is(got.trailers['grpc-status'], undefined)
    }),
  )
}

check(
  'a failure of ours is told to a call as gRPC tells it, and to other requests as HTTP does',
  scoped(async scope => {
    const origin = await http2OriginOf(scope, echo)
    await origin.close()
    const {httpsPort} = await secured(scope, origin.url)
    const session = await http2To(scope, httpsPort)
    const got = await ask(session, CALL, framed('one'))
    assert.equal(
      [got.status, got.headers['content-type'], got.headers['grpc-status'], got.headers['grpc-message'], got.body],
      [200, 'application/grpc', '14', 'the instance refused the connection', ''],
    )
    assert.is(got.headers['proxy-status'], 'routesd; error=connection_refused')
    assert.is((await ask(session, {':method': 'POST', 'content-type': 'application/grpc-web'}, 'x')).status, 502)
    const misdirected = await ask(session, {...CALL, ':authority': 'y.localhost'}, framed('one'))
    assert.equal(
      [misdirected.headers['grpc-status'], misdirected.headers['grpc-message'], misdirected.code],
      ['2', 'this connection was made for another host', 0],
    )
  }),
)

check(
  'a call may be silent for longer than a body may, and ends when neither side says anything',
  scoped(async scope => {
    const origin = await http2OriginOf(scope, echo)
    const {httpsPort} = await secured(scope, origin.url, {timeouts: {idleMs: 7_000}})
    const {stream, messages} = call(await http2To(scope, httpsPort))
    const done = answerTo(stream)
    const began = performance.now()
    stream.write(framed('one'))
    await until('an echo', () => messages.length === 1)
    // The pace of bodies is judged every 5 s.
    await until('the second look', () => performance.now() - began > 6_000, 10_000)
    stream.write(framed('two'))
    await until('another echo', () => messages.length === 2)
    assert.is((await done).code, 2)
    assert.ok(performance.now() - began > 12_000)
  }),
)

test.run()
