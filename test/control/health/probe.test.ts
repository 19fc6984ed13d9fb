// One check on the wire: what an instance gets, and what is made of what it does.

import {createServer as createPlainServer, type Socket} from 'node:net'
import {createServer as createTlsServer, type TlsOptions} from 'node:tls'
import {test} from 'uvu'
import * as assert from 'uvu/assert'
import {type Clock, systemClock} from '../../../src/base/clock.ts'
import type {Scope} from '../../../src/base/scope.ts'
import {compileCheck} from '../../../src/control/compile/checks.ts'
import {readTarget} from '../../../src/control/compile/target.ts'
import type {Health} from '../../../src/control/config/types.ts'
import {type Outcome, probe} from '../../../src/control/health/probe.ts'
import {requestOf, tlsOf} from '../../../src/control/health/request.ts'
import {createKeptSession, type KeptSession} from '../../../src/control/health/session.ts'
import type {UpstreamTls} from '../../../src/snapshot/snapshot.ts'
import {blackholeOf} from '../../helpers/blackhole.ts'
import {certificates, hasOpenssl, type Made} from '../../helpers/certificates.ts'
import {createFakeClock} from '../../helpers/clock.ts'
import {OK, originOf, originThatAnswers} from '../../helpers/origin.ts'
import {scoped} from '../../helpers/scoped.ts'
import {until} from '../../helpers/until.ts'

if (!hasOpenssl) console.log('SKIP probe: openssl is not installed')
const withTls = hasOpenssl ? test : test.skip

type AskOptions = {
  readonly tls?: Partial<UpstreamTls>
  readonly addresses?: readonly string[]
  readonly clock?: Clock
  readonly session?: KeptSession
}

// One probe to its end: its outcome in words, '' for well.
async function ask(url: string, health: Health = {path: '/health'}, options: AskOptions = {}): Promise<string> {
  const {instance} = readTarget(url, options.tls ?? {})
  const check = compileCheck(instance, health)
  if (!check) throw new Error('no check')
  const question = {
    addresses: options.addresses ?? [instance.host],
    port: instance.port,
    tls: tlsOf(check, instance, new Map()),
    session: options.session ?? createKeptSession(),
    request: requestOf(check, instance, 'routesd/test'),
    isHttp2: false,
    expect: check.probe.kind === 'http' ? check.probe.expect : [],
    timeoutMs: check.timeoutMs,
  }
  const outcomes: Outcome[] = []
  await new Promise<void>(resolve => {
    probe(question, options.clock ?? systemClock, outcome => outcomes.push(outcome), resolve)
  })
  const [outcome] = outcomes
  assert.is(outcomes.length, 1)
  return outcome === undefined || outcome.kind === 'well' ? '' : outcome.why
}

// --- what is sent

test(
  'the request is that of the check, with the instance as its Host, over a connection of its own',
  scoped(async scope => {
    const origin = await originThatAnswers(scope, OK)
    assert.is(await ask(origin.url), '')
    assert.is(await ask(origin.url, {path: '/a%20b'}), '')
    assert.equal(origin.received, [
      `GET /health HTTP/1.1\r\nHost: 127.0.0.1:${origin.port}\r\nUser-Agent: routesd/test\r\nConnection: close\r\n\r\n`,
      `GET /a%20b HTTP/1.1\r\nHost: 127.0.0.1:${origin.port}\r\nUser-Agent: routesd/test\r\nConnection: close\r\n\r\n`,
    ])
    await until('the connections to be closed', () => origin.open() === 0)
  }),
)

test(
  'host and headers are what the check says, User-Agent too',
  scoped(async scope => {
    const origin = await originThatAnswers(scope, OK)
    await ask(origin.url, {path: '/', host: 'orders.internal', headers: {'user-agent': 'mine', 'X-Key': 'a'}})
    await ask(origin.url, {path: '/', headers: {Host: 'other.internal'}})
    assert.equal(origin.received, [
      'GET / HTTP/1.1\r\nHost: orders.internal\r\nuser-agent: mine\r\nX-Key: a\r\nConnection: close\r\n\r\n',
      'GET / HTTP/1.1\r\nHost: other.internal\r\nUser-Agent: routesd/test\r\nConnection: close\r\n\r\n',
    ])
  }),
)

test(
  'a TCP check sends nothing, and an open connection is enough',
  scoped(async scope => {
    const mute = await originOf(scope, () => {})
    assert.is(await ask(mute.url, {tcp: true}), '')
    await until('the connection', () => mute.accepted() === 1 && mute.open() === 0)
    assert.equal(mute.received, [''])
    await mute.close()
    assert.is(await ask(mute.url, {tcp: true}), 'connection refused')
  }),
)

// --- what is made of an answer

const BIG = 'x'.repeat(70_000)
const ANSWERS: readonly (readonly [string, string, string, Partial<Health>?])[] = [
  ['200', OK, ''],
  ['204 without a body', 'HTTP/1.1 204 No Content\r\n\r\n', ''],
  ['HTTP/1.0', 'HTTP/1.0 200 OK\r\nContent-Length: 2\r\n\r\nok', ''],
  ['no reason', 'HTTP/1.1 200\r\nContent-Length: 0\r\n\r\n', ''],
  ['a redirect, which is not followed', 'HTTP/1.1 302 Found\r\nLocation: /login\r\nContent-Length: 0\r\n\r\n', ''],
  ['500', 'HTTP/1.1 500 No\r\nContent-Length: 0\r\n\r\n', 'status 500, expected 200-399'],
  ['404, which is expected', 'HTTP/1.1 404 No\r\nContent-Length: 0\r\n\r\n', '', {expect: '200,404'}],
  [
    '302, which is not',
    'HTTP/1.1 302 No\r\nContent-Length: 0\r\n\r\n',
    'status 302, expected 200-299,404',
    {expect: '200-299,404'},
  ],
  ['a number', 'HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n', 'status 200, expected 204', {expect: 204}],
  ['an interim answer first', `HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n${OK}`, ''],
  ['an upgrade that nobody asked for', 'HTTP/1.1 101 Switching\r\nUpgrade: x\r\n\r\n', 'status 101, expected 200-399'],
  ['another protocol', 'SSH-2.0-OpenSSH_9.2\r\n', 'the answer is not HTTP/1.1'],
  ['HTTP/2', 'HTTP/2 200\r\n\r\n', 'the answer is not HTTP/1.1'],
  ['a status of four digits', 'HTTP/1.1 2000 OK\r\n\r\n', 'the answer has no valid status line'],
  ['a status line of half', 'HTTP/1.1\r\n\r\n', 'the answer has no valid status line'],
  ['a head without end', `HTTP/1.1 200 OK\r\nX: ${BIG}`, 'the head of the answer is larger than 64 KiB'],
  ['a head that is too large', `HTTP/1.1 200 OK\r\nX: ${BIG}\r\n\r\n`, 'the head of the answer is larger than 64 KiB'],
  [
    'interim answers without end',
    'HTTP/1.1 100 Continue\r\n\r\n'.repeat(4000),
    'the head of the answer is larger than 64 KiB',
  ],
]

for (const [name, answer, expected, health] of ANSWERS) {
  test(
    `${name} is ${expected || 'well'}`,
    scoped(async scope => {
      const origin = await originThatAnswers(scope, answer)
      assert.is(await ask(origin.url, {path: '/health', ...health, timeout: '30s'}), expected)
    }),
  )
}

test(
  'an answer that comes byte by byte is read as one',
  scoped(async scope => {
    const origin = await originOf(scope, async socket => {
      for (const byte of OK) await new Promise<void>(resolve => void socket.write(byte, () => setImmediate(resolve)))
    })
    assert.is(await ask(origin.url), '')
  }),
)

test(
  'a body is dropped as it comes: to its end when it is short, cut off when it is not',
  scoped(async scope => {
    const short = await originOf(scope, socket => {
      socket.write('HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n')
      setImmediate(() => socket.end('2\r\nok\r\n0\r\n\r\n'))
    })
    const endless = await originOf(scope, socket => {
      const pour = () => {
        while (!socket.destroyed && socket.write(BIG));
      }
      socket.write('HTTP/1.1 200 OK\r\n\r\n')
      socket.on('drain', pour)
      pour()
    })
    assert.is(await ask(short.url, {path: '/', timeout: '30s'}), '')
    assert.is(await ask(endless.url, {path: '/', timeout: '30s'}), '')
    await until('the endless one to be left', () => endless.open() === 0)
  }),
)

// --- what is made of none

test(
  'an instance that hangs up, resets or breaks off is unwell',
  scoped(async scope => {
    const answers: Readonly<Record<string, (socket: Socket) => void>> = {
      'closed without an answer': socket => void socket.end(),
      'closed within its answer': socket => void socket.end('HTTP/1.1 200 OK\r\nServer: x\r\n'),
      'connection reset': socket => void socket.resetAndDestroy(),
    }
    for (const [why, answer] of Object.entries(answers)) {
      const origin = await originOf(scope, answer)
      assert.is(await ask(origin.url), why)
    }
  }),
)

test(
  'one that accepts and says nothing, or half of it, gave no answer in time',
  scoped(async scope => {
    const mute = await originOf(scope, () => {})
    const half = await originOf(scope, socket => void socket.write('HTTP/1.1 20'))
    assert.is(await ask(mute.url, {path: '/', timeout: '50ms'}), 'no answer within 50ms')
    assert.is(await ask(half.url, {path: '/', timeout: '50ms'}), 'no answer within 50ms')
    await until('both to be left', () => mute.open() + half.open() === 0)
  }),
)

test(
  'one that never accepts gave no connection in time',
  scoped(async scope => {
    assert.is(await ask(await blackholeOf(scope), {tcp: true, timeout: '100ms'}), 'no connection within 100ms')
  }),
)

test(
  'the addresses of a name are tried in turn, as for requests',
  scoped(async scope => {
    const origin = await originThatAnswers(scope, OK)
    const nobody = ['127.0.0.2', '127.0.0.3']
    assert.is(await ask(origin.url, {path: '/'}, {addresses: [...nobody, '127.0.0.1']}), '')
    assert.is(await ask(origin.url, {path: '/'}, {addresses: nobody}), 'connection refused')
  }),
)

test(
  'time in which this thread stood still is not held against the instance',
  scoped(async scope => {
    const delays: number[] = []
    let nowMs = 0
    let fire = () => {}
    // A clock whose timer of 100 ms is 400 ms late.
    const clock: Clock = {
      now: () => nowMs,
      after(ms, fn) {
        delays.push(ms)
        fire = fn
        return () => {}
      },
    }
    const origin = await originOf(scope, socket => {
      nowMs = 500
      fire()
      socket.write(OK)
    })
    assert.is(await ask(origin.url, {path: '/', timeout: '100ms'}, {clock}), '')
    assert.equal(delays, [100, 100])
  }),
)

test(
  'a probe that is ended says nothing and leaves nothing open',
  scoped(async scope => {
    const mute = await originOf(scope, () => {})
    const outcomes: Outcome[] = []
    await new Promise<void>(resolve => {
      const question = {
        addresses: ['127.0.0.1'],
        port: mute.port,
        tls: null,
        session: createKeptSession(),
        request: 'x',
        isHttp2: false,
        expect: [],
        timeoutMs: 60_000,
      }
      const end = probe(question, systemClock, outcome => outcomes.push(outcome), resolve)
      void until('the request', () => mute.received[0] === 'x').then(end)
    })
    assert.equal(outcomes, [])
    await until('it to be left', () => mute.open() === 0)
  }),
)

// --- over TLS

const CERTIFICATES: readonly (readonly [
  string,
  (made: Made) => readonly [TlsOptions, Partial<UpstreamTls>],
  string,
])[] = [
  ['of our authority', made => [made.server, {ca: made.ca, serverName: 'inner.test'}], ''],
  ['made out to the address', made => [made.address, {ca: made.ca}], ''],
  ['of nobody, unchecked', made => [made.selfSigned, {insecure: true}], ''],
  [
    'of an unknown authority',
    made => [made.server, {serverName: 'inner.test'}],
    'unable to verify the first certificate',
  ],
  ['that has expired', made => [made.expired, {ca: made.ca, serverName: 'inner.test'}], 'certificate has expired'],
]

for (const [name, arrange, expected] of CERTIFICATES) {
  withTls(
    `a certificate ${name} is ${expected || 'well'}`,
    scoped(async scope => {
      const [options, tls] = arrange(certificates(scope))
      const {url, heads} = await tlsOrigin(scope, options)
      assert.match(
        await ask(url, {path: '/health', timeout: '30s'}, {tls}),
        expected === '' ? /^$/ : new RegExp(expected),
      )
      assert.is(heads.length, expected === '' ? 1 : 0)
    }),
  )
}

withTls(
  'a certificate of our own is shown to an instance that asks for one',
  scoped(async scope => {
    const made = certificates(scope)
    const wanting = {...made.server, ca: made.ca, requestCert: true, rejectUnauthorized: true}
    const {url} = await tlsOrigin(scope, wanting)
    const tls = {ca: made.ca, serverName: 'inner.test'}
    assert.is(await ask(url, {path: '/', timeout: '30s'}, {tls: {...tls, ...made.client}}), '')
    assert.is.not(await ask(url, {path: '/', timeout: '30s'}, {tls}), '')
  }),
)

for (const version of ['TLSv1.2', 'TLSv1.3'] as const) {
  withTls(
    `the session of the last check is resumed over a connection of its own (${version}), and now and then proved anew`,
    scoped(async scope => {
      const made = certificates(scope)
      const {url, resumed, connections} = await tlsOrigin(scope, {...made.server, maxVersion: version})
      const options = {
        tls: {ca: made.ca, serverName: 'inner.test'},
        session: createKeptSession(),
        clock: createFakeClock(Date.now()),
      }
      const asks = () => ask(url, {path: '/health', timeout: '30s'}, options)
      for (let n = 0; n < 3; n++) assert.is(await asks(), '')
      await options.clock.advance(200_000)
      assert.is(await asks(), '')
      assert.equal(resumed, [false, true, true, true])
      await options.clock.advance(101_000)
      for (let n = 0; n < 2; n++) assert.is(await asks(), '')
      assert.equal(resumed.slice(4), [false, true], 'what the certificate has proved is five minutes old')
      assert.is(connections(), 6)
    }),
  )
}

withTls(
  'an instance that was unwell shows its certificate again',
  scoped(async scope => {
    const made = certificates(scope)
    let status = '200 OK'
    const answer = () => `HTTP/1.1 ${status}\r\nContent-Length: 0\r\nConnection: close\r\n\r\n`
    const {url, resumed} = await tlsOrigin(scope, made.server, answer)
    const options = {tls: {ca: made.ca, serverName: 'inner.test'}, session: createKeptSession()}
    const asks = () => ask(url, {path: '/health', timeout: '30s'}, options)
    assert.is(await asks(), '')
    status = '503 Service Unavailable'
    assert.match(await asks(), /status 503/)
    status = '200 OK'
    assert.is(await asks(), '')
    assert.is(await asks(), '')
    assert.equal(resumed, [false, true, false, true])
  }),
)

withTls(
  'an instance that speaks no TLS, or nothing at all, is unwell; its bare connection may be all that is asked',
  scoped(async scope => {
    const plain = await originOf(scope, socket => void socket.end('HTTP/1.1 400 Bad Request\r\n\r\n'))
    const url = `https://127.0.0.1:${plain.port}`
    assert.match(await ask(url, {path: '/', timeout: '30s'}), /^TLS: (wrong version number|packet length too long)$/)
    assert.is(await ask(url, {tcp: true}), '')
    const mute = createPlainServer(socket => void socket.on('error', () => {})).listen(0, '127.0.0.1')
    scope.defer(() => void mute.close())
    await until('it to listen', () => mute.listening)
    const {port} = mute.address() as {port: number}
    assert.is(await ask(`https://127.0.0.1:${port}`, {path: '/', timeout: '50ms'}), 'no connection within 50ms')
  }),
)

test.run()

// ---

// What it was sent, and which of its connections have resumed a session.
async function tlsOrigin(scope: Scope, options: TlsOptions, answer = () => OK) {
  const heads: string[] = []
  const resumed: boolean[] = []
  const sockets = new Set<Socket>()
  const server = createTlsServer({...options, ALPNProtocols: ['http/1.1']}, socket => {
    resumed.push(socket.isSessionReused())
    socket.on('error', () => {})
    socket.on('data', data => {
      heads.push(String(data))
      socket.end(answer())
    })
  })
  server.on('connection', socket => void sockets.add(socket))
  server.on('tlsClientError', () => {})
  await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve))
  scope.defer(async () => {
    // Whoever asked has gone by itself.
    await until('the connections to be closed', () => [...sockets].every(socket => socket.destroyed))
    server.close()
  })
  const bound = server.address()
  const url = `https://127.0.0.1:${bound !== null && typeof bound === 'object' ? bound.port : 0}`
  return {url, heads, resumed, connections: () => sockets.size}
}
