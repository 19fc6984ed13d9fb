// The feed against the real admin server: what it asks, how often, and what it does when the daemon goes and comes.

import {createServer} from 'node:http'
import {test} from 'uvu'
import * as assert from 'uvu/assert'
import {createAdminClient} from '../../src/admin/client.ts'
import type {EventBody, Operations} from '../../src/admin/protocol.ts'
import {createAdminServer} from '../../src/admin/server.ts'
import {silentLog} from '../../src/base/log.ts'
import type {Action, Source} from '../../src/tui/actions.ts'
import {startFeed} from '../../src/tui/feed.ts'
import {drain} from '../../src/tui/orders.ts'
import {type Folder, withFolder} from '../helpers/folder.ts'
import {INSTANCES, ROUTES, STATUS} from '../helpers/tui.ts'
import {until} from '../helpers/until.ts'

type Fake = {readonly operations: Operations; readonly asked: string[]; tell(event: EventBody): void}

function fake(): Fake {
  const asked: string[] = []
  const listeners = new Set<(event: EventBody) => void>()
  const counted =
    <T>(name: string, value: T) =>
    () => {
      asked.push(name)
      return value
    }
  const operations = {
    status: () => STATUS,
    routes: counted('routes', ROUTES),
    services: counted('services', []),
    instances: counted('instances', INSTANCES),
    history: counted('history', []),
    config: () => ({revision: null, settings: null, config: null}),
    async drain(id: string, wish: {forMs: number; who: string; why: string}) {
      asked.push(`drain ${id} ${wish.forMs} ${wish.who} ${wish.why}`)
      return {refused: {status: 404, code: 'not-found', message: `there is no instance '${id}'`}}
    },
    subscribe(listener: (event: EventBody) => void) {
      listeners.add(listener)
      return () => listeners.delete(listener)
    },
  }
  // What the screens do not need stays out of this daemon.
  return {
    operations: operations as unknown as Operations,
    asked,
    tell: event => {
      for (const listener of listeners) listener(event)
    },
  }
}

async function serve(folder: Folder, operations: Operations) {
  const server = await createAdminServer({socket: folder.at('a.sock'), operations, log: silentLog})
  folder.scope.defer(() => server.close())
  return server
}

function follow(folder: Folder, wanted: readonly Source[]) {
  const actions: Action[] = []
  let looks = 0
  let laterMs = 0
  const feed = startFeed({
    client: createAdminClient(folder.at('a.sock')),
    dispatch: action => actions.push(action),
    wanted: () => {
      looks++
      return wanted
    },
    now: () => performance.timeOrigin + performance.now() + laterMs,
  })
  folder.scope.defer(() => feed.close())
  const saw = (what: string, is: (action: Action) => boolean) => until(what, () => actions.find(is))
  /** Time goes on, and the feed looks what is due. */
  const pass = async (ms: number) => {
    laterMs += ms
    const before = looks
    feed.wake()
    await until('a look', () => looks > before + 1)
  }
  return {feed, actions, saw, pass}
}

test(
  'the daemon is followed: its status, its events, and the lists that the screen shows',
  withFolder(async folder => {
    const daemon = fake()
    await serve(folder, daemon.operations)
    const {saw} = follow(folder, ['routes'])
    await saw('the snapshot', action => action.type === 'event' && action.event.type === 'snapshot')
    const read = await saw('routes', action => action.type === 'fetched')
    assert.ok(read.type === 'fetched')
    assert.equal(read.fetched, {source: 'routes', rows: ROUTES})
    daemon.tell({type: 'instances', changed: INSTANCES, more: 0})
    await saw('the event', action => action.type === 'event' && action.event.type === 'instances')
    // It has changed something, so they are read again. On a machine with other work an answer takes long, and the next is asked for later.
    await until('routes once more', () => daemon.asked.filter(name => name === 'routes').length >= 2, 60_000)
    assert.not.ok(daemon.asked.includes('instances'))
  }),
)

test(
  'while nothing goes through nothing is read again, and with the first traffic what counts it is',
  withFolder(async folder => {
    const daemon = fake()
    await serve(folder, daemon.operations)
    const {saw, pass} = follow(folder, ['routes', 'history'])
    await saw('history', action => action.type === 'fetched' && action.fetched.source === 'history')
    const rates = {errorsPerSecond: 0, overMs: 1000}
    daemon.tell({type: 'traffic', traffic: {...rates, requestsPerSecond: 0}, latency: null})
    await saw('the event', action => action.type === 'event' && action.event.type === 'traffic')
    await pass(30_000)
    assert.equal(daemon.asked, ['routes', 'history'])
    daemon.tell({type: 'traffic', traffic: {...rates, requestsPerSecond: 3}, latency: {p50Ms: 1, p99Ms: 2}})
    // Routes are read again and again from here on, on a busy machine more than once between two looks.
    await until('the routes', () => daemon.asked.length >= 3)
    assert.equal(daemon.asked.slice(0, 3), ['routes', 'history', 'routes'])
    await pass(61_000)
    await until('all of it, because a minute is long', () => daemon.asked.filter(name => name === 'history').length > 1)
  }),
)

test(
  'what came of an order is told',
  withFolder(async folder => {
    const daemon = fake()
    await serve(folder, daemon.operations)
    const {feed, saw, actions} = follow(folder, [])
    const missing = await saw('what is missing', action => action.type === 'missing')
    assert.equal(missing, {type: 'missing', actions: []})
    assert.equal(daemon.asked, [])
    await feed.perform(drain('orders@10.0.0.1:8080', '5m', 'new version', 'ada'))
    assert.equal(daemon.asked, ['drain orders@10.0.0.1:8080 300000 ada new version'])
    const outcomes = actions.filter(action => action.type === 'outcome').map(({isOk, text}) => [isOk, text])
    const why = "the daemon refused: there is no instance 'orders@10.0.0.1:8080' (not-found)"
    assert.equal(outcomes, [[false, `drain orders@10.0.0.1:8080: ${why}`]])
  }),
)

test(
  'an older daemon is known by what it does not have',
  withFolder(async folder => {
    const snapshot = JSON.stringify({seq: 1, at: '', type: 'snapshot', status: STATUS})
    const older = createServer((request, response) => {
      if (request.url === '/v1/events') return void response.write(`${snapshot}\n`)
      const code = request.url?.endsWith('/drain') ? 'method-not-allowed' : 'not-found'
      response.writeHead(code === 'not-found' ? 404 : 405).end(JSON.stringify({error: {code, message: ''}}))
    })
    await new Promise<void>(resolve => older.listen(folder.at('a.sock'), resolve))
    folder.scope.defer(() => {
      older.close()
      older.closeAllConnections()
    })
    const {saw} = follow(folder, ['history'])
    const missing = await saw('what is missing', action => action.type === 'missing')
    assert.ok(missing.type === 'missing' && missing.actions.includes('rollback') && !missing.actions.includes('drain'))
    await saw('that there is no history', action => action.type === 'absent' && action.source === 'history')
  }),
)

test(
  'a daemon that is gone is looked for until it is there again',
  withFolder(async folder => {
    const {saw, actions} = follow(folder, ['routes'])
    await saw('that there is none', action => action.type === 'lost')
    const server = await serve(folder, fake().operations)
    await saw('the snapshot', action => action.type === 'event')
    const before = actions.length
    await server.close()
    await until('that it is gone', () => actions.slice(before).find(action => action.type === 'lost'))
    const later = actions.length
    await serve(folder, fake().operations)
    await until('the snapshot of the next', () => actions.slice(later).find(action => action.type === 'event'))
  }),
)

test(
  'a feed that is closed asks nothing more and keeps nothing open',
  withFolder(async folder => {
    const daemon = fake()
    const server = await serve(folder, daemon.operations)
    const {feed, saw, actions} = follow(folder, ['routes'])
    await saw('routes', action => action.type === 'fetched')
    feed.close()
    const [asked, seen] = [daemon.asked.length, actions.length]
    // It would wait a second for a reader that stays.
    const began = performance.now()
    await server.close()
    assert.ok(performance.now() - began < 900)
    assert.equal([daemon.asked.length, actions.length], [asked, seen])
  }),
)

test.run()
