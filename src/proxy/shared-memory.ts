// What the workers of a data plane and the control plane share: counters, the state of members and pools, how each worker is.
// Everything has a slot by what it means, which a reload does not change.

import {randomInt} from 'node:crypto'
import type {Clock} from '../base/clock.ts'
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
import {CIRCUIT, CLOSED, forgetInPools, OPEN, poolRecord, QUEUED, TURN} from '../scoreboard/pool.ts'
import {recordOf, segmentOf} from '../scoreboard/segment.ts'
import {createTally} from '../scoreboard/tally.ts'
import {sharedNow} from '../scoreboard/time.ts'
import type {DataPlane, PoolState, WorkerGauges} from '../snapshot/data-plane.ts'
import type {Pool, Snapshot} from '../snapshot/snapshot.ts'
import {type Changes, vanished} from './changes.ts'
import {comingMembers} from './coming-members.ts'
import type {WorkerStart} from './messages.ts'
import type {Boards} from './pieces.ts'
import {serviceRouteId} from './service-route.ts'

export type SharedMemory = Pick<WorkerStart, 'doors' | 'doorsSeed' | 'gauges'> & {
  readonly boards: Boards
  /** Another snapshot is about to be served; null for `changes`: nobody knows from what. */
  follow(next: Snapshot, changes: Changes | null): void
  /** What a worker that died held is held no more; what it counted stays. */
  forgetWorker(lane: number): void
  readonly facts: Pick<
    DataPlane,
    | 'setVerdict'
    | 'setDrained'
    | 'memberState'
    | 'poolState'
    | 'routeStats'
    | 'instanceStats'
    | 'latencyOf'
    | 'answersOf'
    | 'tally'
    | 'durationBoundsMs'
    | 'workerGauges'
  >
}

/** All slots are looked through once in so much time at the most. */
const RETAIN_MS = 10 * 60_000

export function createSharedMemory(count: number, clock: Clock): SharedMemory {
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
  const doors = createDoorsMemory(count)
  const doorsSeed = randomInt(2 ** 31)
  let retainedMs = 0

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

  return {
    doors,
    doorsSeed,
    gauges,
    boards,
    follow(next, changes) {
      if (changes) {
        slowDown(comingMembers(changes.pools.gone, changes.pools.come))
        retire(changes)
      }
      if (changes === null || clock.now() - retainedMs >= RETAIN_MS) retain(next)
    },
    forgetWorker(lane) {
      boards.routes.forgetInFlight(lane)
      boards.instances.forgetInFlight(lane)
      for (const segment of boards.pools.segments()) forgetInPools(new Int32Array(segment), lane)
      clearDoorsLane(doors, lane, count)
      clearGauges(gauges, lane)
    },
    facts: {
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
      routeStats: id => boards.routes.read(id),
      instanceStats: key => boards.instances.read(key),
      latencyOf: key => boards.instances.readLatency(key),
      answersOf(id) {
        const slot = boards.routes.find(id ?? UNROUTED)
        return slot === undefined ? null : answers.read(slot)
      },
      tally: createTally(routes.segments, boards.answers.segments),
      durationBoundsMs: DURATION_BOUNDS_MS,
      workerGauges: index => describeGauges(gaugesOf(gauges, index)),
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
  if (slot === undefined || !segment) return {circuit: 'closed', queued: 0, turn: 0}
  const states = new Int32Array(segment)
  const at = poolRecord(recordOf(slot), 0)
  const circuit = states[at + CIRCUIT]
  return {
    circuit: circuit === CLOSED ? 'closed' : circuit === OPEN ? 'open' : 'half-open',
    queued: states[at + QUEUED] ?? 0,
    turn: (states[at + TURN] ?? 0) >>> 0,
  }
}
