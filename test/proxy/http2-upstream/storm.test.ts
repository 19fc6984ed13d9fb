// Calls to an instance that does everything wrong that it can, from clients that do not wait: afterwards nothing is left over.

import type {ClientHttp2Session, ServerHttp2Stream} from 'node:http2'
import {test} from 'uvu'
import * as assert from 'uvu/assert'
import {authorityOf} from '../../helpers/authority.ts'
import {hasOpenssl} from '../../helpers/certificates.ts'
import {clientOf} from '../../helpers/client.ts'
import {answerTo, ask, http2To} from '../../helpers/http2-client.ts'
import {framed, http2OriginOf} from '../../helpers/http2-origin.ts'
import {proxyOf} from '../../helpers/proxy.ts'
import {scoped} from '../../helpers/scoped.ts'
import {until} from '../../helpers/until.ts'

if (!hasOpenssl) console.log('SKIP the storm of calls: openssl is missing')
const check = hasOpenssl ? test : test.skip

const CALL = {':method': 'POST', 'content-type': 'application/grpc', te: 'trailers'}
const CALLS = 300
const AT_ONCE = 30

const WRONGS: readonly ((stream: ServerHttp2Stream) => void)[] = [
  stream => stream.pipe(respond(stream)),
  stream => respond(stream).end(Buffer.alloc(300_000)),
  stream => respond(stream).end(),
  stream => stream.close(7),
  stream => stream.close(2),
  stream => {
    respond(stream).write('a part')
    setImmediate(() => stream.close(8))
  },
  stream => stream.session?.goaway(0),
  stream => stream.session?.goaway(2, 1),
  stream => stream.session?.socket.destroy(),
  stream => stream.respond({':status': 503}, {endStream: true}),
  stream => respond(stream).write('and no more'),
  () => {},
]

check(
  'no call is left under way, no connection with streams, and the worker is the one that it was',
  scoped(async scope => {
    let turn = 0
    const origin = await http2OriginOf(
      scope,
      stream => {
        if (!stream.destroyed) WRONGS[turn++ % WRONGS.length]?.(stream)
      },
      {settings: {maxConcurrentStreams: 7}},
    )
    const certificates = [authorityOf(scope).certificate(['x.localhost'])]
    const timeouts = {responseMs: 700, idleMs: 700, connectMs: 1_000}
    const {port, httpsPort, plane} = await proxyOf(
      scope,
      {'x.localhost': origin.url},
      {certificates, protocol: 'http2', timeouts},
    )
    const sessions: ClientHttp2Session[] = []
    for (let i = 0; i < 3; i++) sessions.push(await http2To(scope, httpsPort))
    for (let done = 0; done < CALLS; done += AT_ONCE) {
      await Promise.all(
        Array.from({length: AT_ONCE}, async (_, i) => {
          const session = sessions[i % sessions.length]
          if (session === undefined || session.destroyed) return
          if (i % 5 === 4) {
            const client = await clientOf(scope, port)
            client.send('PUT / HTTP/1.1\r\nHost: x.localhost\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n')
            await new Promise(resolve => setImmediate(resolve))
            client.destroy()
            return
          }
          if (i % 5 !== 3) {
            await ask(session, CALL, framed('x'.repeat(i * 1000)))
            return
          }
          const stream = session.request({':path': '/', ...CALL}, {endStream: false})
          const end = answerTo(stream)
          stream.write(framed('one'))
          setImmediate(() => stream.close(8))
          await end
        }),
      )
    }
    await until('the books', () => plane.instanceStats(origin.url).inFlight === 0, 10_000)
    assert.is(plane.routeStats('x.localhost').inFlight, 0)
    assert.is(plane.workers()[0]?.restarts, 0)
    assert.equal(
      sessions.map(session => session.destroyed),
      [false, false, false],
    )
    turn = 0
    const after = await ask(sessions[0] as ClientHttp2Session, CALL, framed('still here'))
    assert.is(after.body, framed('still here').toString('latin1'))
  }),
)

function respond(stream: ServerHttp2Stream): ServerHttp2Stream {
  stream.respond({':status': 200, 'content-type': 'application/grpc'}, {waitForTrailers: true})
  stream.on('wantTrailers', () => stream.sendTrailers({'grpc-status': '0'}))
  return stream
}

test.run()
