// The data plane as the control plane sees it: N worker threads that serve the same snapshot on the same addresses. A
// worker that dies is replaced while the others serve; what it had under way is lost, what it counted is not.

import {randomInt} from 'node:crypto'
import {isDeepStrictEqual} from 'node:util'
import {type Address, formatAddress} from '../base/address.ts'
import type {Clock} from '../base/clock.ts'
import type {Log} from '../base/log.ts'
import {withPool} from '../router/with-pool.ts'
import {DURATION_BOUNDS_MS} from '../scoreboard/answers.ts'
import {createAnswersBoard} from '../scoreboard/answers-board.ts'
import {type Board, createBoard} from '../scoreboard/board.ts'
import {clearDoorsLane, createDoorsMemory} from '../scoreboard/doors.ts'
import {
  ACCEPTED,
  ACTIVE_MS,
  CONNECTIONS,
  COPIES,
  clearGauges,
  createGauges,
  gaugesOf,
  HEAP_BYTES,
  LAG_MS,
  LOG_DROPPED,
  LOGGED,
  TURNED_AWAY,
} from '../scoreboard/gauges.ts'
import {beginSlowStart, DOWN, DRAINED, ejectedFor, GATE, memberRecord, setGate} from '../scoreboard/member.ts'
import {CIRCUIT, CLOSED, forgetInPools, OPEN, poolRecord, QUEUED} from '../scoreboard/pool.ts'
import {recordOf, segmentOf} from '../scoreboard/segment.ts'
import {sharedNow} from '../scoreboard/time.ts'
import type {Certificate, ChallengeAnswer} from '../snapshot/certificate.ts'
import type {DataPlane, Listeners, PoolState, Resolved, WorkerGauges, WorkerStats} from '../snapshot/data-plane.ts'
import type {Pool, Snapshot} from '../snapshot/snapshot.ts'
import type {AccessLogOptions} from './access-log.ts'
import {assertFree, listenError} from './assert-free.ts'
import {type Changes, changesBetween, vanished} from './changes.ts'
import {comingMembers} from './coming-members.ts'
import type {Edge} from './edge.ts'
import {CAN_SHARE} from './listener.ts'
import type {Listener} from './messages.ts'
import type {Boards} from './pieces.ts'
import {serviceRouteId} from './service-route.ts'
import {createTicketKeys} from './ticket-keys.ts'
import {startWorker, type WorkerThread} from './worker-thread.ts'

export type PlaneOptions = {
  readonly workers: number
  /** null: no listener. */
  readonly http: Address | null
  /** null or left out: https is not served. */
  readonly https?: Address | null
  /** Where services are asked for by their slugs; null or left out: nowhere. */
  readonly service?: Address | null
  readonly edge: Edge
  readonly clock: Clock
  readonly log: Log
  /** Called when a worker has died or has come back. */
  readonly onWorkers?: () => void
  readonly access?: AccessLogOptions | null
  /** Gets lines of the access log that are for stdout; `taken` asks for the next ones. */
  readonly onLines?: (lines: string, taken: () => void) => void
}

/** The first replacement comes at once, the next ones after 100 ms, 200 ms, … at most this. */
const BACK_OFF_MAX_MS = 10_000
/** A worker that has served for this long has recovered: the back-off begins anew. */
const RECOVERED_MS = 60_000
/** Beyond the time that a drain was given, before a worker is ended all the same. */
const DRAIN_GRACE_MS = 500

/** All slots are looked through once in so much time at the most. */
const RETAIN_MS = 10 * 60_000

type Seat = {
  readonly index: number
  thread: WorkerThread
  state: WorkerStats['state']
  restarts: number
  /** Deaths since it last served for RECOVERED_MS. */
  failures: number
  startedMs: number
}

export function createDataPlane(options: PlaneOptions): DataPlane {
  const {http, https = null, service = null, edge, clock, log} = options
  const count = CAN_SHARE ? options.workers : 1
  const answers = createAnswersBoard(count)
  const routes = createBoard(count, 'counters', answers.clear)
  // Of requests that no route has taken.
  routes.slotOf(UNROUTED)
  const gauges = createGauges(count)
  const boards: Boards = {
    routes,
    answers: {segments: () => answers.segments(routes.segments().length)},
    instances: createBoard(count, 'loads'),
    pools: createBoard(count, 'states'),
    members: createBoard(1, 'states'),
  }
  const addresses = new Map<string, Resolved>()
  const doors = createDoorsMemory(count, edge.perClient !== null)
  const doorsSeed = randomInt(2 ** 31)
  const ticketKeys = createTicketKeys(clock, keys => {
    for (const {thread} of seats) thread.setTicketKeys(keys)
  })
  const seats: Seat[] = []
  let snapshot: Snapshot | null = null
  let certificates: readonly Certificate[] = []
  let challenges: readonly ChallengeAnswer[] = []
  let pendingNames: readonly string[] = []
  let bound: readonly Listener[] | null = null
  let isEnding = false
  let retainedMs = 0

  function start(index: number, onEnd: (error: Error | null) => void): WorkerThread {
    const {access = null, onLines = (_: string, taken: () => void) => taken()} = options
    const thread = startWorker(
      {lane: index, lanes: count, edge, doors, doorsSeed, ticketKeys: ticketKeys.current(), gauges, access},
      boards,
      onEnd,
      (certificate, why) => log.error('a certificate cannot be used', {certificate, why, worker: index}),
      onLines,
    )
    thread.setPendingNames(pendingNames)
    return thread
  }

  function seat(index: number): Seat {
    const created: Seat = {
      index,
      thread: start(index, error => onExit(created, error)),
      state: 'starting',
      restarts: 0,
      failures: 0,
      startedMs: clock.now(),
    }
    return created
  }

  function onExit(dead: Seat, error: Error | null): void {
    dead.state = 'dead'
    boards.routes.forgetInFlight(dead.index)
    boards.instances.forgetInFlight(dead.index)
    for (const segment of boards.pools.segments()) forgetInPools(new Int32Array(segment), dead.index)
    clearDoorsLane(doors, dead.index, count)
    clearGauges(gauges, dead.index)
    if (isEnding) return
    if (clock.now() - dead.startedMs > RECOVERED_MS) dead.failures = 0
    const waitMs = dead.failures === 0 ? 0 : Math.min(BACK_OFF_MAX_MS, 100 * 2 ** (dead.failures - 1))
    dead.failures++
    log.error('a worker died and is replaced', {worker: dead.index, why: error?.message, stack: error?.stack, waitMs})
    options.onWorkers?.()
    clock.after(waitMs, () => void replace(dead))
  }

  async function replace(dead: Seat): Promise<void> {
    if (isEnding) return
    dead.restarts++
    dead.startedMs = clock.now()
    dead.state = 'starting'
    dead.thread = start(dead.index, error => onExit(dead, error))
    const thread = dead.thread
    try {
      for (const [host, known] of addresses) thread.setAddresses(host, known.addresses, known.reason)
      // The snapshot may change while it is sent; the newer one is then in the queue behind it.
      if (snapshot) await thread.transfer(snapshot)
      await thread.setCertificates(certificates, idsOf(certificates))
      await thread.setChallenges(challenges)
      if (bound) await thread.listen(bound)
      if (dead.thread === thread) dead.state = 'serving'
      log.info('a worker was replaced', {worker: dead.index, restarts: dead.restarts})
      options.onWorkers?.()
    } catch {
      // It died again; its exit has been seen and has asked for the next one.
    }
  }

  function slowDown(members: readonly string[]): void {
    for (const member of members) {
      const {states, at} = memberStates(boards.members, member)
      beginSlowStart(states, at, sharedNow())
    }
  }

  // A slot that nobody uses any more is given to another.
  function retire({routes, services, pools, instances}: Changes): void {
    const now = clock.now()
    boards.routes.retire(
      [...vanished(routes, idOf).map(idOf), ...vanished(services, serviceRouteId).map(serviceRouteId)],
      now,
    )
    boards.instances.retire(vanished(instances, keyOf).map(keyOf), now)
    boards.pools.retire(vanished(pools, keyOf).map(keyOf), now)
    const members = (of: readonly Pool[]) => of.flatMap(pool => pool.members)
    const both = {gone: members(pools.gone), come: members(pools.come)}
    boards.members.retire(vanished(both, keyOf).map(keyOf), now)
  }

  // What was asked about when it was gone already has a slot that no change tells of.
  function retain(next: Snapshot): void {
    const now = clock.now()
    boards.routes.retain([UNROUTED, ...next.routes.map(idOf), ...next.services.map(serviceRouteId)], now)
    boards.instances.retain(next.instances.map(keyOf), now)
    boards.pools.retain(next.pools.map(keyOf), now)
    boards.members.retain(
      next.pools.flatMap(({members}) => members.map(keyOf)),
      now,
    )
    retainedMs = now
  }

  function take(next: Snapshot): Changes | null {
    const changes = snapshot && changesBetween(snapshot, next)
    if (changes) slowDown(comingMembers(changes.pools.gone, changes.pools.come))
    snapshot = next
    if (changes) retire(changes)
    if (changes === null || clock.now() - retainedMs >= RETAIN_MS) retain(next)
    return changes
  }

  return {
    async start() {
      for (let index = 0; index < count; index++) seats.push(seat(index))
      const order = idsOf(certificates)
      for (const {thread} of seats) {
        // A worker that dies meanwhile gets them with its replacement.
        if (order.length > 0) void thread.setCertificates(certificates, order).catch(() => {})
        if (challenges.length > 0) void thread.setChallenges(challenges).catch(() => {})
      }
    },
    async apply(next) {
      const changes = take(next)
      // A worker that dies meanwhile gets the snapshot with its replacement.
      await Promise.all(seats.map(({thread}) => thread.transfer(next, changes).catch(() => {})))
    },
    async setCertificates(next) {
      const before = new Map(certificates.map(certificate => [certificate.id, certificate]))
      const changed = next.filter(certificate => !isDeepStrictEqual(certificate, before.get(certificate.id)))
      certificates = next
      await Promise.all(seats.map(({thread}) => thread.setCertificates(changed, idsOf(next)).catch(() => {})))
    },
    setPendingNames(names) {
      pendingNames = names
      for (const {thread} of seats) thread.setPendingNames(names)
    },
    async setChallenges(answers) {
      challenges = answers
      await Promise.all(seats.map(({thread}) => thread.setChallenges(answers).catch(() => {})))
    },
    async setPool(pool, instances) {
      const before = snapshot?.pools.find(({key}) => key === pool.key)
      if (snapshot === null || !before) return
      const from = snapshot
      const to = withPool(from, pool, instances)
      take(to)
      await Promise.all(seats.map(({thread}) => thread.setPool(pool, instances, {from, to}).catch(() => {})))
    },
    async listen() {
      const wanted: Listener[] = []
      if (http !== null) wanted.push({kind: 'http', address: http})
      if (https !== null) wanted.push({kind: 'https', address: https})
      if (service !== null) wanted.push({kind: 'service', address: service})
      for (const listener of wanted) await assertFree(listener)
      let agreed: readonly Listener[] = wanted
      for (const {thread} of seats) {
        const opened = await thread.listen(agreed)
        if ('refused' in opened) throw listenError(opened.refused, opened.code)
        agreed = opened.listeners
      }
      bound = agreed
      for (const served of seats) served.state = 'serving'
      return listenersOf(agreed)
    },
    setAddresses(host, list, reason) {
      addresses.set(host, {addresses: list, reason})
      for (const {thread} of seats) thread.setAddresses(host, list, reason)
    },
    addressesOf: host => addresses.get(host) ?? null,
    setVerdict: (member, isDown) => setMemberGate(boards.members, member, DOWN, isDown),
    setDrained: (member, isDrained) => setMemberGate(boards.members, member, DRAINED, isDrained),
    memberState(member) {
      const {states, at} = memberStates(boards.members, member)
      const gate = states[at + GATE] ?? 0
      const ejectedForMs = ejectedFor(states, at, sharedNow()) * 100
      return {
        isDown: (gate & DOWN) !== 0,
        isDrained: (gate & DRAINED) !== 0,
        isEjected: ejectedForMs > 0,
        ejectedForMs,
      }
    },
    poolState: pool => poolState(boards.pools, pool),
    workers: () =>
      seats.map(({index, state, restarts, thread}) => ({index, state, restarts, revision: thread.revision()})),
    routeStats: id => boards.routes.read(id),
    instanceStats: key => boards.instances.read(key),
    latencyOf: key => boards.instances.readLatency(key),
    answersOf(id) {
      const slot = boards.routes.find(id ?? UNROUTED)
      return slot === undefined ? null : answers.read(slot)
    },
    durationBoundsMs: DURATION_BOUNDS_MS,
    workerGauges: index => describeGauges(gaugesOf(gauges, index)),
    reopenLogs() {
      for (const {thread} of seats) thread.reopenLog()
    },
    async drain(withinMs) {
      isEnding = true
      ticketKeys.close()
      await Promise.all(
        seats.map(async ({thread}) => {
          await Promise.race([thread.drain(withinMs), elapsed(clock, withinMs + DRAIN_GRACE_MS)])
          await thread.stop()
        }),
      )
    },
  }
}

// ---

/** The slot that requests without a route are counted in: no id of a route is empty. */
const UNROUTED = ''

function describeGauges(gauges: Float64Array): WorkerGauges {
  const at = (field: number) => gauges[field] ?? 0
  return {
    connections: at(CONNECTIONS),
    accepted: at(ACCEPTED),
    turnedAway: at(TURNED_AWAY),
    lagMs: at(LAG_MS),
    activeMs: at(ACTIVE_MS),
    heapBytes: at(HEAP_BYTES),
    linesLogged: at(LOGGED),
    linesDropped: at(LOG_DROPPED),
    copies: at(COPIES),
  }
}

function idOf({id}: {readonly id: string}): string {
  return id
}

function keyOf({key}: {readonly key: string}): string {
  return key
}

function setMemberGate(board: Board, member: string, bit: number, isSet: boolean): void {
  const {states, at} = memberStates(board, member)
  setGate(states, at, bit, isSet, sharedNow())
}

function memberStates(board: Board, member: string): {states: Int32Array; at: number} {
  const slot = board.slotOf(member)
  const segment = board.segments()[segmentOf(slot)]
  if (!segment) throw new Error(`member ${member} has no state`)
  return {states: new Int32Array(segment), at: memberRecord(recordOf(slot))}
}

// A pool that has nothing to keep has no record.
function poolState(board: Board, pool: string): PoolState {
  const slot = board.find(pool)
  const segment = slot === undefined ? undefined : board.segments()[segmentOf(slot)]
  if (slot === undefined || !segment) return {circuit: 'closed', queued: 0}
  const states = new Int32Array(segment)
  const at = poolRecord(recordOf(slot), 0)
  const circuit = states[at + CIRCUIT]
  return {
    circuit: circuit === CLOSED ? 'closed' : circuit === OPEN ? 'open' : 'half-open',
    queued: states[at + QUEUED] ?? 0,
  }
}

function listenersOf(listeners: readonly Listener[]): Listeners {
  const of = (kind: Listener['kind']) =>
    listeners.filter(listener => listener.kind === kind).map(({address}) => formatAddress(address))
  return {http: of('http'), https: of('https'), service: of('service')}
}

function idsOf(certificates: readonly Certificate[]): string[] {
  return certificates.map(({id}) => id)
}

function elapsed(clock: Clock, ms: number): Promise<void> {
  return new Promise(resolve => clock.after(ms, resolve))
}
