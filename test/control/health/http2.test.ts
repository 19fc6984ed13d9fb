// Checks of instances that speak HTTP/2, on the wire.

import {createServer as createHttp} from 'node:http'
import type {ServerHttp2Stream} from 'node:http2'
import type {AddressInfo, Server} from 'node:net'
import {createServer as createTls} from 'node:tls'
import {test} from 'uvu'
import * as assert from 'uvu/assert'
import {systemClock} from '../../../src/base/clock.ts'
import type {Scope} from '../../../src/base/scope.ts'
import {compileCheck} from '../../../src/control/compile/checks.ts'
import {DEFAULT_KEEPALIVE} from '../../../src/control/compile/keepalive.ts'
import {readTarget} from '../../../src/control/compile/target.ts'
import type {Health} from '../../../src/control/config/types.ts'
import {type Outcome, probe} from '../../../src/control/health/probe.ts'
import {requestOf, tlsOf} from '../../../src/control/health/request.ts'
import {createKeptSession} from '../../../src/control/health/session.ts'
import type {UpstreamTls} from '../../../src/snapshot/snapshot.ts'
import {certificates, hasOpenssl} from '../../helpers/certificates.ts'
import {answering, http2OriginOf} from '../../helpers/http2-origin.ts'
import {originOf} from '../../helpers/origin.ts'
import {scoped} from '../../helpers/scoped.ts'
import {until} from '../../helpers/until.ts'

if (!hasOpenssl) console.log('SKIP probes over TLS: openssl is not installed')
const withTls = hasOpenssl ? test : test.skip

// One probe to its end: its outcome in words, '' for well.
async function ask(url: string, health: Health = {path: '/health'}, tls: Partial<UpstreamTls> = {}): Promise<string> {
  const {instance} = readTarget(url, tls, DEFAULT_KEEPALIVE, 'http2')
  const check = compileCheck(instance, health)
  if (!check) throw new Error('no check')
  const question = {
    addresses: [instance.host],
    port: instance.port,
    tls: tlsOf(check, instance, new Map()),
    session: createKeptSession(),
    request: requestOf(check, instance, 'routesd/test'),
    isHttp2: true,
    expect: check.probe.kind === 'http' ? check.probe.expect : [],
    timeoutMs: check.timeoutMs,
  }
  const outcomes: Outcome[] = []
  await new Promise<void>(resolve => {
    probe(question, systemClock, outcome => outcomes.push(outcome), resolve)
  })
  const [outcome] = outcomes
  assert.is(outcomes.length, 1)
  return outcome === undefined || outcome.kind === 'well' ? '' : outcome.why
}

test(
  'the request of a check goes as fields, and the connection ends behind the answer',
  scoped(async scope => {
    const origin = await http2OriginOf(scope, answering(200, 'ok'))
    assert.is(await ask(origin.url, {path: '/health?a', host: 'shop.test', headers: {'X-Own': '1'}}), '')
    const [{...fields}] = origin.requests as [Record<string, unknown>]
    assert.equal(fields, {
      ':method': 'GET',
      ':scheme': 'http',
      ':authority': 'shop.test',
      ':path': '/health?a',
      'user-agent': 'routesd/test',
      'x-own': '1',
    })
    await until('the end of the connection', () => origin.sessions.size === 0)
  }),
)

test(
  'another status, a reset, a connection that ends, silence and another protocol are each said in words',
  scoped(async scope => {
    const serving = async (serve: (stream: ServerHttp2Stream) => void) => (await http2OriginOf(scope, serve)).url
    assert.is(await ask(await serving(answering(503))), 'status 503, expected 200-399')
    assert.is(await ask(await serving(stream => stream.close(2))), 'the stream was reset')
    assert.is(await ask(await serving(stream => stream.session?.socket.destroy())), 'closed without an answer')
    assert.is(await ask(await serving(() => {}), {timeout: '300ms'}), 'no answer within 300ms')
    assert.is(await ask(`http://${await listening(scope, createHttp())}`), 'the answer is not HTTP/2')
    const gone = await originOf(scope, () => {})
    await gone.close()
    assert.is(await ask(gone.url), 'connection refused')
  }),
)

test(
  'an answer that goes on is not waited for',
  scoped(async scope => {
    const origin = await http2OriginOf(scope, stream => {
      stream.respond({':status': 200})
      stream.write('a part')
    })
    assert.is(await ask(origin.url), '')
    await until('the end of the connection', () => origin.sessions.size === 0)
  }),
)

withTls(
  'over TLS the instance has to choose h2',
  scoped(async scope => {
    const made = certificates(scope)
    const tls = {ca: made.ca, serverName: 'inner.test'}
    const origin = await http2OriginOf(scope, answering(200), {pair: made.server})
    assert.is(await ask(origin.url, {path: '/'}, tls), '')
    for (const options of [{ALPNProtocols: ['http/1.1']}, {}]) {
      const old = await listening(scope, createTls({...made.server, ...options}))
      assert.match(await ask(`https://${old}`, {path: '/'}, tls), /^TLS: .*(h2|application protocol)/)
    }
  }),
)

// 'host:port' of a server that speaks no HTTP/2.
async function listening(scope: Scope, server: Server): Promise<string> {
  server.on('connection', socket => socket.on('error', () => {}))
  await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve))
  scope.defer(() => void server.close())
  return `127.0.0.1:${(server.address() as AddressInfo).port}`
}

test.run()
