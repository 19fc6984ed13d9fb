// A worker's table after any sequence of changes is the table that it would have built from the last snapshot.

import {test} from 'uvu'
import * as assert from 'uvu/assert'
import {compile} from '../../src/control/compile/compile.ts'
import {loadConfig} from '../../src/control/config/load.ts'
import {NO_REFERENCES} from '../../src/control/config/references.ts'
import {changesBetween, countChanges} from '../../src/proxy/changes.ts'
import type {PoolEntry, RouteEntry} from '../../src/proxy/entries.ts'
import {addSegment, createLiveState, type LiveState} from '../../src/proxy/live-state.ts'
import type {ToWorker} from '../../src/proxy/messages.ts'
import {patchTable} from '../../src/proxy/patch.ts'
import {type Boards, changedParts, wholeTable} from '../../src/proxy/pieces.ts'
import {buildTable, emptyTable, type Table} from '../../src/proxy/table.ts'
import {Ticks} from '../../src/proxy/ticks.ts'
import {findHost, matchPrefix} from '../../src/router/routing.ts'
import {createAnswersSegment} from '../../src/scoreboard/answers.ts'
import {createBoard} from '../../src/scoreboard/board.ts'
import type {Snapshot} from '../../src/snapshot/snapshot.ts'
import {randomEdits} from '../helpers/edits.ts'

const SEEDS = 10
const EDITS = 80

test('random edits: a patched table answers every URL as a fresh one does', () => {
  let patched = 0
  for (let seed = 1; seed <= SEEDS; seed++) {
    const edits = randomEdits(seed)
    const boards = createBoards()
    const worker = workerOf(boards)
    let served: Snapshot | null = null
    for (let edit = 0; edit < EDITS; edit++) {
      const next = snapshotOf(edits.next())
      if (next === null) continue
      if (served === null) worker.take(wholeTable(boards, next))
      else worker.take(changedParts(boards, changesBetween(served, next)))
      if (served !== null) patched++
      served = next
      const fresh = workerOf(boards)
      fresh.take(wholeTable(boards, next))
      const at = `seed ${seed}, edit ${edit}`
      for (const url of URLS) assert.equal(answer(worker.table, url), answer(fresh.table, url), `${url}: ${at}`)
      assert.equal(insideOf(worker), insideOf(fresh), at)
    }
  }
  assert.ok(patched > 200, `${patched} patches`)
})

test('entries, pools and origins of what has not changed are the very same', () => {
  const boards = createBoards()
  const worker = workerOf(boards)
  const before = snapshotOf({
    'a.yaml': '- {id: a.test, target: "http://10.0.0.1"}\n- {id: b.test/p, service: s}\n',
    's.yaml': 'services: [{slug: s, instances: ["http://10.0.0.2", "http://10.0.0.3"]}]\n',
  })
  const after = snapshotOf({
    'a.yaml': '# moved\n\n- {id: a.test, target: "http://10.0.0.1"}\n- {id: b.test/p, service: s}\n',
    'c.yaml': '- {id: c.test, target: "http://10.0.0.1/base"}\n',
    's.yaml': 'services: [{slug: s, instances: ["http://10.0.0.2", "http://10.0.0.4"]}]\n',
  })
  assert.ok(before && after)
  worker.take(wholeTable(boards, before))
  const {table: old} = worker
  const [a, b, pool] = [old.byId.get('a.test'), old.byId.get('b.test/p'), old.pools.get('s')]
  const [kept, left] = pool?.members ?? []
  const origin = a?.pool?.members[0]?.origin
  const changes = changesBetween(before, after)
  // A route and its pool, the pool of the service, one instance that came and one that went.
  assert.is(countChanges(changes), 6)
  worker.take(changedParts(boards, changes))
  assert.is.not(worker.table, old)
  assert.is(worker.table.byId.get('a.test'), a)
  assert.is(worker.table.byId.get('b.test/p'), b)
  assert.is(b?.pool, pool)
  assert.is(pool?.members[0], kept)
  assert.is(worker.table.byId.get('c.test')?.pool?.members[0]?.origin, origin)
  assert.is(origin?.members.length, 2)
  assert.ok(left?.origin.isRetired)
})

test('a pool that is balanced otherwise is another one for every route that names it', () => {
  const boards = createBoards()
  const worker = workerOf(boards)
  const written = (balance: string) =>
    snapshotOf({
      'a.yaml': '- {id: a.test, service: s}\n- {id: b.test, mirror: {service: s}, target: "http://10.0.0.9"}\n',
      's.yaml': `services: [{slug: s, balance: ${balance}, instances: ["http://10.0.0.2", "http://10.0.0.3"]}]\n`,
    })
  const [before, after] = [written('round-robin'), written('random-two')]
  assert.ok(before && after)
  worker.take(wholeTable(boards, before))
  worker.take(changedParts(boards, changesBetween(before, after)))
  const pool = worker.table.pools.get('s')
  assert.is(pool?.balance.kind, 'random-two')
  assert.is(worker.table.byId.get('a.test')?.pool, pool)
  assert.is(worker.table.byId.get('b.test')?.mirror?.entry.pool, pool)
  assert.is(worker.table.byId.get('service:s')?.pool, pool)
})

test('until the last piece is in, the table in use is what it was', () => {
  const boards = createBoards()
  const worker = workerOf(boards)
  const before = snapshotOf({'a.yaml': '- {id: a.test, target: "http://10.0.0.1"}\n'})
  const after = snapshotOf({'a.yaml': '- {id: b.test, target: "http://10.0.0.2"}\n'})
  assert.ok(before && after)
  worker.take(wholeTable(boards, before))
  const finish = worker.begin(changedParts(boards, changesBetween(before, after)))
  assert.is(answer(worker.table, 'a.test/')?.id, 'a.test')
  assert.is(answer(worker.table, 'b.test/'), null)
  finish()
  assert.is(answer(worker.table, 'a.test/'), null)
  assert.is(answer(worker.table, 'b.test/')?.id, 'b.test')
})

test.run()

// ---

const HOSTS = ['a.test', 'b.test', 'c.test', 'd.test', 'e.test', 'x.d.test', 'y.d.test', 'zz.test', 'other.example']
const STEMS = ['s0', 's1', 's2', 'a', 'b', 'c', 'd', 'e'].flatMap(stem => [0, 1, 2].map(at => `${stem}${at}`))
const PATHS = [
  '/',
  '/p',
  '/p/none/deeper/still',
  ...STEMS.flatMap(stem => [`/${stem}`, `/${stem}/x/y`, `/p/${stem}/q/z`]),
]
const URLS = HOSTS.flatMap(host => PATHS.map(path => host + path))

const OPTIONS = {label: 'routes.d', denyTargets: ['10.0.0.9/32']}
const FORWARD = {forwarded: false, via: false, requestId: false, traceparent: false}

function snapshotOf(files: Readonly<Record<string, string>>): Snapshot | null {
  const sources = Object.entries(files).map(([path, text]) => ({path, text, sha256: text}))
  const {config} = loadConfig(sources, {...OPTIONS, denyTargets: []})
  return config && compile(config, {revision: 'test', forward: FORWARD, references: NO_REFERENCES})
}

function createBoards(): Boards {
  const answers = [createAnswersSegment(1)]
  return {
    routes: createBoard(1),
    answers: {segments: () => answers},
    instances: createBoard(1, 'loads'),
    pools: createBoard(1, 'states'),
    members: createBoard(1, 'states'),
  }
}

type TestWorker = {
  table: Table
  readonly live: LiveState
  take(pieces: Iterable<ToWorker>): void
  /** Takes the pieces; what it returns puts them in use. */
  begin(pieces: Iterable<ToWorker>): () => void
}

function workerOf(boards: Boards): TestWorker {
  const live = createLiveState(0, new Ticks())
  const sent = {routes: 0, answers: 0, instances: 0, pools: 0, members: 0}
  const worker: TestWorker = {
    table: emptyTable(),
    live,
    take: pieces => worker.begin(pieces)(),
    begin(pieces) {
      let patch: ReturnType<typeof patchTable> | null = null
      let builder: ReturnType<typeof buildTable> | null = null
      for (const piece of pieces) {
        for (const board of ['routes', 'answers', 'instances', 'pools', 'members'] as const) {
          const segments = boards[board].segments()
          for (const buffer of segments.slice(sent[board])) addSegment(live, board, buffer)
          sent[board] = segments.length
        }
        const message = structuredClone(piece)
        switch (message.kind) {
          case 'begin':
            builder = buildTable(live, message.revision, message.forward)
            break
          case 'change':
            builder = patch = patchTable(live, worker.table, message)
            break
          case 'gone':
            patch?.remove(message.gone)
            break
          case 'members':
            patch?.regroup(message.pools)
            break
          case 'instances':
            builder?.addInstances(message.instances)
            break
          case 'pools':
            builder?.addPools(message.pools)
            break
          case 'routes':
            builder?.addRoutes(message.routes)
            break
          case 'services':
            builder?.addServices(message.services)
            break
          case 'hosts':
            builder?.addHosts(message.hosts)
        }
      }
      return () => {
        worker.table = builder?.finish() ?? worker.table
      }
    },
  }
  return worker
}

function answer({routing}: Table, url: string) {
  const slash = url.indexOf('/')
  const routes = findHost(routing, url.slice(0, slash))
  const entry = routes && matchPrefix(routes, url.slice(slash))
  return entry && describe(entry)
}

function describe(entry: RouteEntry): {id: string; rest: unknown} {
  const {id, prefix, action, pool, head, timeouts, retry, budget, choice, mirror, record} = entry
  const others = [...(choice?.ofVariants ?? []), ...(choice?.ofParts ?? [])].map(describe)
  const shadow = mirror && [mirror.share, mirror.entry.pool?.key]
  const rest = [
    prefix,
    action,
    pool && describePool(pool),
    head,
    timeouts,
    retry,
    budget !== null,
    others,
    shadow,
    record,
  ]
  return {id, rest}
}

function describePool({key, name, members, balance, rotation, queue, maxInFlight, waiting, at, own}: PoolEntry) {
  const listed = members.map(({id, origin, basePath, weight, at: slot}) => [id, origin.key, basePath, weight, slot])
  return [key, name, listed, balance, rotation, queue, maxInFlight, waiting !== null, at, own]
}

// What a table and a worker keep, whatever is asked of them.
function insideOf({table, live}: TestWorker) {
  const members = [...table.pools.values()].flatMap(pool => pool.members)
  for (const pool of table.pools.values()) for (const member of pool.members) assert.is(member.pool, pool)
  const hosts = [...table.routing.exact.values(), ...table.routing.wildcard.values(), table.routing.any]
  return {
    routes: [...table.byId.keys()].sort(),
    hosts: hosts.map(routes => routes && [routes.pattern, [...routes.prefixes.keys()].sort()]).sort(),
    services: [...table.services.prefixes.keys()].sort(),
    rules: HOSTS.map(host => table.hosts.find(host)?.redirect),
    pools: [...table.pools.values()].map(describePool).sort(),
    origins: [...live.origins.values()]
      .map(origin => [origin.key, origin.isRetired, origin.members.map(({id}) => id).sort()])
      .sort(),
    // An origin knows those members that are asked, and no others.
    strangers: [...live.origins.values()].flatMap(origin => origin.members.filter(member => !members.includes(member))),
    budgets: [...live.budgets.keys()].sort(),
    // A pool that has no queue any more keeps the place of those who wait in it.
    queues: [...live.queues.keys()].filter(key => table.pools.get(key)?.queue !== null).sort(),
  }
}
