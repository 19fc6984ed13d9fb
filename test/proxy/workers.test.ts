import type {Worker} from 'node:worker_threads'
import {test} from 'uvu'
import * as assert from 'uvu/assert'
import type {Scope} from '../../src/base/scope.ts'
import {clientOf, exchange, getAndClose} from '../helpers/client.ts'
import {OK, originOf, originThatAnswers} from '../helpers/origin.ts'
import {proxyOf, snapshotOf} from '../helpers/proxy.ts'
import {scoped} from '../helpers/scoped.ts'
import {until} from '../helpers/until.ts'

test(
  'when a worker is killed under load the other serves, the dead one is replaced, and nothing of it stays in the books',
  scoped(async scope => {
    const threads = workersOf(scope)
    const origin = await originThatAnswers(scope, OK)
    const silent = await originOf(scope, () => {})
    const routes = {'x.localhost': origin.url, 'x.localhost/silent': silent.url}
    const {port, plane} = await proxyOf(scope, routes, {workers: 2, edge: {maxConnections: 64, perClient: 64}})
    // Half of these are in the worker that dies: the kernel spreads connections by their ports.
    const waiting = await Promise.all(Array.from({length: 40}, () => clientOf(scope, port)))
    for (const client of waiting) client.send('GET /silent HTTP/1.1\r\nHost: x.localhost\r\n\r\n')
    await until('them to wait', () => plane.routeStats('x.localhost/silent').inFlight === 40)

    let isOver = false
    let served = 0
    let cut = 0
    const load = Array.from({length: 8}, async () => {
      while (!isOver) {
        const text = await getOnce(scope, port)
        if (text === '') cut++
        else assert.match(text, /^HTTP\/1\.1 200 OK\r\n[\s\S]*ok$/)
        if (text !== '') served++
      }
    })
    await until('some answers', () => served > 20)
    const [victim] = threads
    assert.ok(victim)
    await victim?.terminate()
    const servedThen = served
    await until('the replacement', () =>
      plane.workers().every(({state, restarts}) => state === 'serving' && restarts < 2),
    )
    await until('more answers', () => served > servedThen + 50)
    isOver = true
    await Promise.all(load)
    assert.equal(
      plane
        .workers()
        .map(({restarts}) => restarts)
        .toSorted(),
      [0, 1],
    )
    assert.ok(cut <= 8 * 2, `${cut} requests were cut`)

    await until('the dead to be cut off', () => waiting.some(({socket}) => socket.destroyed || socket.readableEnded))
    const left = () => waiting.filter(({socket}) => !socket.destroyed && !socket.readableEnded)
    await until('the books', () => plane.routeStats('x.localhost/silent').inFlight === left().length)
    assert.ok(left().length > 0 && left().length < 40, `${left().length} are left`)
    // Their places are free: as many as before can come in again.
    for (const client of left()) client.destroy()
    await until('the books', () => plane.routeStats('x.localhost/silent').inFlight === 0)
    const others = await Promise.all(Array.from({length: 60}, () => clientOf(scope, port)))
    for (const client of others) client.send('GET / HTTP/1.1\r\nHost: x.localhost\r\n\r\n')
    await Promise.all(others.map(client => client.until(/ok$/)))
    // The replacement serves what is applied after it came.
    await plane.apply(snapshotOf({'y.localhost': origin.url}, {revision: 'second'}))
    assert.equal(
      plane.workers().map(({revision}) => revision),
      ['second', 'second'],
    )
  }),
)

test(
  'a worker that dies while a snapshot is sent gets it with its replacement',
  scoped(async scope => {
    const threads = workersOf(scope)
    const origin = await originThatAnswers(scope, OK)
    const {port, plane} = await proxyOf(scope, {'x.localhost': origin.url}, {workers: 2})
    const many = Object.fromEntries(Array.from({length: 5_000}, (_, i) => [`h${i}.localhost`, origin.url]))
    const applied = plane.apply(snapshotOf(many, {revision: 'many'}))
    await threads[1]?.terminate()
    await applied
    await until('both to serve', () =>
      plane.workers().every(({state, revision}) => state === 'serving' && revision === 'many'),
    )
    for (let i = 0; i < 20; i++)
      assert.match(await exchange(scope, port, getAndClose('/', `h${i}.localhost`)), /^HTTP\/1\.1 200 /)
  }),
)

test.run()

// ---

// '' when the connection was cut. It is closed here too, or it would take a place for as long as the proxy lingers.
async function getOnce(scope: Scope, port: number): Promise<string> {
  try {
    const client = await clientOf(scope, port)
    client.send(getAndClose('/'))
    const {text} = await client.ended()
    client.destroy()
    return text
  } catch {
    return ''
  }
}

// The threads in the order in which they are started; those of replacements behind them.
function workersOf(scope: Scope): Worker[] {
  const threads: Worker[] = []
  const onWorker = (worker: Worker) => void threads.push(worker)
  process.on('worker', onWorker)
  scope.defer(() => process.off('worker', onWorker))
  return threads
}
