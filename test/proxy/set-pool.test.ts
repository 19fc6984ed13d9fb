// A pool gets other members while it is in use: at once on every worker, and without harm to what is under way.

import type {Worker} from 'node:worker_threads'
import {test} from 'uvu'
import * as assert from 'uvu/assert'
import type {Scope} from '../../src/base/scope.ts'
import type {Instance, Pool, Snapshot} from '../../src/snapshot/snapshot.ts'
import {clientOf, exchange, getAndClose} from '../helpers/client.ts'
import {type Origin, originOf, originThatAnswers} from '../helpers/origin.ts'
import {proxyServing} from '../helpers/proxy.ts'
import {scoped} from '../helpers/scoped.ts'
import {holdingOrigin} from '../helpers/service.ts'
import {until} from '../helpers/until.ts'
import {webSocketOf, webSocketOrigin} from '../helpers/websocket.ts'
import {compiled} from '../helpers/written.ts'

// A service `s` of these instances behind x.localhost.
function snapshotWith(...origins: readonly Origin[]): Snapshot {
  return snapshotOf('', ...origins)
}

// The same with other keys of the service, each with a comma behind it.
function snapshotOf(keys: string, ...origins: readonly Origin[]): Snapshot {
  const list = origins.map(({url}) => JSON.stringify(url)).join(', ')
  const service = `{slug: s, ${keys}instances: [${list}]}`
  return compiled({'a.yaml': `routes: [{id: x.localhost, service: s}]\nservices: [${service}]\n`})
}

// What `setPool` is given so that the service has these instances.
function poolOf(...origins: readonly Origin[]): [Pool, readonly Instance[]] {
  return poolIn(snapshotWith(...origins))
}

function poolIn({pools, instances}: Snapshot): [Pool, readonly Instance[]] {
  const [pool] = pools
  assert.ok(pool)
  return [pool as Pool, instances]
}

function named(scope: Scope, name: string): Promise<Origin> {
  return originThatAnswers(scope, `HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\n${name}`)
}

async function answers(scope: Scope, port: number, count = 20): Promise<string> {
  const all = new Set<string>()
  for (let i = 0; i < count; i++) all.add((await exchange(scope, port, getAndClose('/'))).slice(-1))
  return [...all].sort().join('')
}

test(
  'members come and go on all workers, also between one and many',
  scoped(async scope => {
    const [a, b, c] = [await named(scope, 'a'), await named(scope, 'b'), await named(scope, 'c')]
    const {port, plane} = await proxyServing(scope, snapshotWith(a), {workers: 2})
    assert.is(await answers(scope, port), 'a')
    await plane.setPool(...poolOf(a, b, c))
    assert.is(await answers(scope, port), 'abc')
    await plane.setPool(...poolOf(c))
    assert.is(await answers(scope, port), 'c')
    await plane.setPool(...poolOf())
    assert.match(await exchange(scope, port, getAndClose('/')), /^HTTP\/1\.1 503 /)
    await plane.setPool(...poolOf(b))
    assert.is(await answers(scope, port), 'b')
  }),
)

test(
  'a connection that was open before uses them with its next request',
  scoped(async scope => {
    const [a, b] = [await named(scope, 'a'), await named(scope, 'b')]
    const {port, plane} = await proxyServing(scope, snapshotWith(a))
    const client = await clientOf(scope, port)
    client.send('GET / HTTP/1.1\r\nHost: x.localhost\r\n\r\n')
    await client.until(/\r\n\r\na$/)
    await plane.setPool(...poolOf(b))
    client.send('GET / HTTP/1.1\r\nHost: x.localhost\r\n\r\n')
    await client.until(/\r\n\r\nb$/)
  }),
)

test(
  'a request under way finishes at a member that has gone, whose connections then close',
  scoped(async scope => {
    let finish = () => {}
    const slow = await originOf(scope, socket => {
      socket.write('HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nha')
      finish = () => void socket.write('lf')
    })
    const other = await named(scope, 'b')
    const {port, plane} = await proxyServing(scope, snapshotWith(slow))
    const client = await clientOf(scope, port)
    client.send('GET / HTTP/1.1\r\nHost: x.localhost\r\n\r\n')
    await client.until(/ha$/)
    await plane.setPool(...poolOf(other))
    assert.is(await answers(scope, port, 3), 'b')
    finish()
    await client.until(/half$/)
    await until('its connection to close', () => slow.open() === 0)
  }),
)

test(
  'an origin that another pool has keeps its connections',
  scoped(async scope => {
    const [a, b] = [await named(scope, 'a'), await named(scope, 'b')]
    const yaml = `routes: [{id: x.localhost, service: s}, {id: y.localhost, target: "${a.url}"}]\nservices: [{slug: s, instances: ["${a.url}"]}]\n`
    const {port, plane} = await proxyServing(scope, compiled({'a.yaml': yaml}))
    await exchange(scope, port, getAndClose('/'))
    await plane.setPool(...poolOf(b))
    assert.match(await exchange(scope, port, getAndClose('/', 'y.localhost')), /a$/)
    assert.is(a.accepted(), 1)
  }),
)

test(
  'a WebSocket goes on when others come and go, and after a reload; it ends some time after its own instance has gone',
  scoped(async scope => {
    const [socket, other] = [await webSocketOrigin(scope), await named(scope, 'b')]
    const edge = {tunnelDrainMs: 300}
    const {port, plane} = await proxyServing(scope, snapshotWith(socket), {edge})
    const client = await webSocketOf(scope, port)
    await plane.setPool(...poolOf(socket, other))
    await plane.apply({...snapshotWith(socket, other), revision: 'two'})
    await plane.setPool(...poolOf(socket))
    client.send('still here')
    await client.until(/still here$/)
    // Longer than a tunnel that was told to end would have lasted.
    const began = performance.now()
    await until('some time', () => performance.now() - began > 900)
    client.send(', and now')
    await client.until(/, and now$/)
    await plane.setPool(...poolOf(other))
    await client.ended()
  }),
)

test(
  'a reload starts from its snapshot, and a pool that it does not have is passed over',
  scoped(async scope => {
    const [a, b] = [await named(scope, 'a'), await named(scope, 'b')]
    const {port, plane} = await proxyServing(scope, snapshotWith(a))
    await plane.setPool(...poolOf(a, b))
    await plane.apply(snapshotWith(a))
    assert.is(await answers(scope, port), 'a')
    const [pool, instances] = poolOf(b)
    await plane.setPool({...pool, key: 'ghost'}, instances)
    assert.is(await answers(scope, port), 'a')
    assert.is(plane.instanceStats(`http://127.0.0.1:${b.port}`).inFlight, 0)
  }),
)

test(
  'a worker that is replaced serves the members of now',
  scoped(async scope => {
    const [a, b] = [await named(scope, 'a'), await named(scope, 'b')]
    const threads = workersOf(scope)
    const {port, plane} = await proxyServing(scope, snapshotWith(a), {workers: 2})
    await plane.setPool(...poolOf(b))
    await Promise.all(threads.map(worker => worker.terminate()))
    await until('the replacements', () =>
      plane.workers().every(({state, restarts}) => state === 'serving' && restarts === 1),
    )
    assert.is(await answers(scope, port), 'b')
  }),
)

test(
  'who waits for a place gets that of an instance that has come, and of one that stays',
  scoped(async scope => {
    const [a, b] = [await holdingOrigin(scope), await holdingOrigin(scope)]
    const keys = 'maxConnections: 1, queue: {timeout: 1m}, '
    const {port, plane} = await proxyServing(scope, snapshotOf(keys, a))
    const clients = await Promise.all(Array.from({length: 4}, () => clientOf(scope, port)))
    for (const client of clients) client.send(getAndClose('/'))
    await until('three to wait', () => plane.poolState('s').queued === 3)
    await plane.setPool(...poolIn(snapshotOf(keys, a, b)))
    await until('two to wait', () => plane.poolState('s').queued === 2 && b.held.length === 1)
    await plane.setPool(...poolIn(snapshotOf(keys, b)))
    a.releaseAll()
    b.releaseAll()
    await Promise.all(clients.map(client => client.until(/ok$/)))
    assert.equal([a.paths.length, b.paths.length, b.most()], [1, 3, 1])
  }),
)

test(
  'an instance that is ejected stays so, and who comes begins slowly',
  scoped(async scope => {
    const failing = await originThatAnswers(scope, 'HTTP/1.1 502 Bad Gateway\r\nContent-Length: 0\r\n\r\n')
    const [a, b] = [await named(scope, 'a'), await named(scope, 'b')]
    const keys = 'balance: least-connections, slowStart: 10m, passive: {maxFails: 1, eject: 10m}, '
    const {port, plane} = await proxyServing(scope, snapshotOf(keys, a, failing))
    await until('the ejection', async () => {
      await exchange(scope, port, getAndClose('/'))
      return plane.memberState(`s ${failing.url}`).isEjected
    })
    await plane.setPool(...poolIn(snapshotOf(keys, a, failing, b)))
    const all: string[] = []
    for (let i = 0; i < 100; i++) all.push((await exchange(scope, port, getAndClose('/'))).slice(-1))
    const ofB = all.filter(name => name === 'b').length
    assert.is(all.filter(name => name === 'a').length + ofB, 100)
    assert.ok(ofB < 40, `${ofB} of 100`)
  }),
)

test(
  'a circuit that is open stays so for those who come',
  scoped(async scope => {
    const failing = await originThatAnswers(scope, 'HTTP/1.1 502 Bad Gateway\r\nContent-Length: 0\r\n\r\n')
    const other = await named(scope, 'b')
    const keys = 'circuit: {minRequests: 1, open: 10m}, '
    const {port, plane} = await proxyServing(scope, snapshotOf(keys, failing))
    await exchange(scope, port, getAndClose('/'))
    await until('the circuit to open', () => plane.poolState('s').circuit === 'open')
    await plane.setPool(...poolIn(snapshotOf(keys, failing, other)))
    assert.match(await exchange(scope, port, getAndClose('/')), /^HTTP\/1\.1 503 [\s\S]*circuit/)
  }),
)

test.run()

// ---

// Workers that are started from here on.
function workersOf(scope: Scope): Worker[] {
  const threads: Worker[] = []
  const seen = (worker: Worker) => void threads.push(worker)
  process.on('worker', seen)
  scope.defer(() => process.off('worker', seen))
  return threads
}
