// maxConnections and queue over the wire: how many get in, who waits, in which order, and who gives up.

import type {Worker} from 'node:worker_threads'
import {test} from 'uvu'
import * as assert from 'uvu/assert'
import {type Client, clientOf} from '../helpers/client.ts'
import {scoped} from '../helpers/scoped.ts'
import {holdingOrigin, serviceOf} from '../helpers/service.ts'
import {until} from '../helpers/until.ts'
import {handshake, webSocketOrigin} from '../helpers/websocket.ts'

const QUEUE = 'maxConnections: 2, queue: {size: 100, timeout: 1m}'

for (const workers of [1, 2]) {
  test(
    `no more requests are under way at an instance than it may have, and all get their answers; ${workers} workers`,
    scoped(async scope => {
      const origins = [await holdingOrigin(scope), await holdingOrigin(scope)]
      const {begin, plane} = await serviceOf(scope, origins, QUEUE, {workers})
      const clients = await Promise.all(Array.from({length: 40}, (_, i) => begin(`/${i}`)))
      await until('the others to wait', () => plane.poolState('s').queued === 36)
      for (let i = 0; i < 40; i++) {
        const origin = await until('a request', () => origins.find(({held}) => held.length > 0))
        origin.release()
      }
      await Promise.all(clients.map(client => client.until(/ok$/, 20_000)))
      assert.equal(
        origins.map(({most}) => most()),
        [2, 2],
      )
      await until('nobody to wait', () => plane.poolState('s').queued === 0)
    }),
  )

  test(
    `without a queue the answer is 503 at once when all are full; ${workers} workers`,
    scoped(async scope => {
      const origin = await holdingOrigin(scope)
      const {begin, ask} = await serviceOf(scope, [origin], 'maxConnections: 3', {workers})
      const clients = await Promise.all(Array.from({length: 12}, () => begin()))
      const refused = () => clients.filter(client => client.text() !== '')
      await until('the refusals', () => refused().length === 9 && origin.held.length === 3)
      for (const client of refused())
        assert.match(client.text(), /^HTTP\/1\.1 503 [\s\S]*\r\nRetry-After: 5\r\n[\s\S]*under way/)
      assert.equal((await ask()).values('Proxy-Status'), ['routesd; error=connection_limit_reached'])
      origin.releaseAll()
      await until('the answers', () => clients.every(client => /^HTTP\/1\.1 (503|200)/.test(client.text())))
      assert.is((await ask()).line, 'HTTP/1.1 200 OK')
      assert.is(origin.most(), 3)
    }),
  )
}

test(
  'who came first is served first, and nobody overtakes',
  scoped(async scope => {
    const origin = await holdingOrigin(scope)
    const {begin, plane} = await serviceOf(scope, [origin], 'maxConnections: 1, queue: {timeout: 1m}')
    await begin('/0')
    await until('the first', () => origin.held.length === 1)
    for (let i = 1; i <= 5; i++) {
      await begin(`/${i}`)
      await until('it to wait', () => plane.poolState('s').queued === i)
    }
    for (let i = 0; i <= 5; i++) {
      await until('the next', () => origin.held[0] === `/${i}`)
      origin.release()
    }
    assert.equal(origin.paths, ['/0', '/1', '/2', '/3', '/4', '/5'])
  }),
)

test(
  'a place that becomes free in one worker is found by those who wait in another',
  scoped(async scope => {
    const origin = await holdingOrigin(scope)
    const {begin, plane} = await serviceOf(scope, [origin], 'maxConnections: 1, queue: {timeout: 1m}', {workers: 2})
    // Of many connections each worker has some, so that most places become free in the worker that nobody waits in.
    const clients: Client[] = []
    for (let i = 0; i < 12; i++) clients.push(await begin(`/${i}`))
    await until('eleven to wait', () => plane.poolState('s').queued === 11)
    origin.releaseAll()
    await Promise.all(clients.map(client => client.until(/ok$/)))
    assert.is(origin.paths.length, 12)
  }),
)

test(
  'who waits for too long, or comes when too many wait, gets 503',
  scoped(async scope => {
    const origin = await holdingOrigin(scope)
    const {begin, ask, plane} = await serviceOf(scope, [origin], 'maxConnections: 1, queue: {size: 2, timeout: 4s}', {
      workers: 2,
    })
    await begin('/held')
    await until('the first', () => origin.held.length === 1)
    const waiting = [await begin('/late/1'), await begin('/late/2')]
    await until('two to wait', () => plane.poolState('s').queued === 2)
    const full = await ask('/full')
    assert.is(full.line, 'HTTP/1.1 503 Service Unavailable')
    assert.equal(full.values('Retry-After'), ['5'])
    assert.match(full.body, /too many requests wait/)
    for (const client of waiting)
      assert.match(await client.until(/\n$/, 15_000), /^HTTP\/1\.1 503 [\s\S]*no instance had a place in time/)
    await until('nobody to wait', () => plane.poolState('s').queued === 0)
    assert.equal(origin.paths, ['/held'])
  }),
)

test(
  'a client that goes away waits no more, and the next has its turn',
  scoped(async scope => {
    const origin = await holdingOrigin(scope)
    const {begin, plane} = await serviceOf(scope, [origin], 'maxConnections: 1, queue: {timeout: 1m}')
    await begin('/held')
    await until('the first', () => origin.held.length === 1)
    const gone = await begin('/gone')
    await until('it to wait', () => plane.poolState('s').queued === 1)
    const next = await begin('/next')
    await until('both to wait', () => plane.poolState('s').queued === 2)
    gone.destroy()
    await until('it to leave', () => plane.poolState('s').queued === 1)
    origin.release()
    await until('the next', () => origin.held[0] === '/next')
    origin.release()
    await next.until(/ok$/)
    assert.equal(origin.paths, ['/held', '/next'])
  }),
)

test(
  'when the last instance goes out of service those who wait are told so',
  scoped(async scope => {
    const origin = await holdingOrigin(scope)
    const {begin, plane} = await serviceOf(scope, [origin], 'maxConnections: 1, queue: {timeout: 1m}')
    await begin('/held')
    await until('the first', () => origin.held.length === 1)
    const waiting = await begin('/waiting')
    await until('it to wait', () => plane.poolState('s').queued === 1)
    plane.setVerdict(`s ${origin.url}`, true)
    assert.match(await waiting.until(/\n$/), /^HTTP\/1\.1 503 [\s\S]*all were found down/)
  }),
)

test(
  'a reload does not lose who waits, and what it adds serves them and those who come then',
  scoped(async scope => {
    const [first, second] = [await holdingOrigin(scope), await holdingOrigin(scope)]
    const {begin, plane, reload} = await serviceOf(scope, [first], 'maxConnections: 1, queue: {timeout: 1m}')
    await begin('/held')
    await until('the first', () => first.held.length === 1)
    const waiting = await begin('/waiting')
    await until('it to wait', () => plane.poolState('s').queued === 1)
    await reload('maxConnections: 1, queue: {timeout: 1m}', [first, second])
    await until('its turn', () => second.held[0] === '/waiting')
    assert.is(plane.poolState('s').queued, 0)
    second.release()
    await waiting.until(/ok$/)
    await begin('/new')
    await until('the new one', () => second.held[0] === '/new')
  }),
)

test(
  'a body is sent to the instance that has a place, at its own base path',
  scoped(async scope => {
    const [first, second] = [await holdingOrigin(scope), await holdingOrigin(scope)]
    const based = {...second, url: `${second.url}/base`}
    const {begin, port, plane} = await serviceOf(scope, [first, based], 'maxConnections: 1, queue: {timeout: 1m}', {
      route: 'hostHeader: target',
    })
    await Promise.all([begin('/a'), begin('/b')])
    await until('both', () => first.held.length + second.held.length === 2)
    const client = await clientOf(scope, port)
    client.send('POST /c HTTP/1.1\r\nHost: x.localhost\r\nContent-Length: 20000\r\n\r\n')
    await until('it to wait', () => plane.poolState('s').queued === 1)
    client.send('b'.repeat(20_000))
    second.release()
    const sent = await until('the body', () => second.received.find(text => /b{20000}$/.test(text)))
    assert.match(sent, new RegExp(`POST /base/c HTTP/1\\.1\\r\\nHost: 127\\.0\\.0\\.1:${second.port}\\r\\n`))
    second.release()
    await client.until(/ok$/)
  }),
)

test(
  'a WebSocket has a place for as long as it is open, and waits for one like any request',
  scoped(async scope => {
    const origin = await webSocketOrigin(scope)
    const {port, begin, plane} = await serviceOf(scope, [origin], 'maxConnections: 1, queue: {timeout: 1m}')
    const open = async () => {
      const client = await clientOf(scope, port)
      client.send(handshake())
      return client
    }
    const first = await open()
    await first.until(/^HTTP\/1\.1 101 /)
    const second = await open()
    await until('it to wait', () => plane.poolState('s').queued === 1)
    assert.is(second.text(), '')
    first.destroy()
    await second.until(/^HTTP\/1\.1 101 [\s\S]*\r\n\r\n$/)
    second.send('echo')
    await second.until(/echo$/)
    await begin()
    await until('it to wait', () => plane.poolState('s').queued === 1)
  }),
)

test(
  'the places of a worker that died are free again, and so are those of its queue',
  scoped(async scope => {
    const threads: Worker[] = []
    const onWorker = (worker: Worker) => void threads.push(worker)
    process.on('worker', onWorker)
    scope.defer(() => process.off('worker', onWorker))
    const origin = await holdingOrigin(scope)
    const {begin, ask, plane} = await serviceOf(scope, [origin], 'maxConnections: 10, queue: {size: 20, timeout: 1m}', {
      workers: 2,
    })
    const clients = await Promise.all(Array.from({length: 30}, () => begin()))
    await until('ten in, twenty to wait', () => origin.held.length === 10 && plane.poolState('s').queued === 20)
    await threads[0]?.terminate()
    const isCut = (client: Client) => client.socket.destroyed || client.socket.readableEnded
    await until('its clients to be cut off', () => clients.some(isCut))
    const left = clients.filter(client => !isCut(client)).length
    await until('the books', () => plane.poolState('s').queued === Math.max(0, left - 10))
    origin.releaseAll()
    await Promise.all(clients.filter(client => !isCut(client)).map(client => client.until(/ok$/)))
    const after = await Promise.all(Array.from({length: 30}, () => ask()))
    assert.ok(after.every(({line}) => line === 'HTTP/1.1 200 OK'))
    await until('the books', () => plane.instanceStats(origin.url).inFlight === 0)
  }),
)

test.run()
