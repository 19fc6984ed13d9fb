// What of a worker outlives its tables: origins with their connections, its parts of the scoreboard, and who waits.

import {answersLane, answersRecord} from '../scoreboard/answers.ts'
import {laneOf, lanesOf, loadsOf, segmentOf} from '../scoreboard/segment.ts'
import {Alike} from './alike.ts'
import type {MemberEntry} from './entries.ts'
import type {BoardName, WireInstance} from './messages.ts'
import {type InstanceBooks, Origin} from './origin.ts'
import type {RetryBudget} from './retry-budget.ts'
import type {Ticks} from './ticks.ts'
import type {WaitQueue} from './wait-queue.ts'

/** Live state of a worker that outlives tables: the origins by key, its parts of the scoreboard, and who waits. */
export type LiveState = {
  readonly lane: number
  readonly origins: Map<string, Origin>
  /** Of routes with `retry`, by their ids. */
  readonly budgets: Map<string, RetryBudget>
  readonly addresses: Map<string, {addresses: readonly string[]; reason: string}>
  readonly ticks: Ticks
  readonly alike: Alike
  readonly routeLanes: Float64Array[]
  readonly answerLanes: Float64Array[]
  readonly instanceBooks: InstanceBooks[]
  readonly poolStates: Int32Array[]
  /** Requests that wait, by the key of the pool; those of older tables wait with those of newer ones. */
  readonly queues: Map<string, WaitQueue>
  readonly memberStates: Int32Array[]
}

export function createLiveState(lane: number, ticks: Ticks): LiveState {
  return {
    lane,
    ticks,
    alike: new Alike(),
    origins: new Map(),
    budgets: new Map(),
    addresses: new Map(),
    routeLanes: [],
    answerLanes: [],
    instanceBooks: [],
    poolStates: [],
    queues: new Map(),
    memberStates: [],
  }
}

export function addSegment(state: LiveState, board: BoardName, buffer: SharedArrayBuffer): void {
  switch (board) {
    case 'routes':
      state.routeLanes.push(laneOf(buffer, state.lane))
      return
    case 'answers':
      state.answerLanes.push(answersLane(buffer, state.lane))
      return
    case 'instances':
      state.instanceBooks.push({
        counters: laneOf(buffer, state.lane),
        loads: loadsOf(buffer),
        lanes: lanesOf(buffer),
        resolutions: new Int32Array(1),
      })
      return
    case 'pools':
      state.poolStates.push(new Int32Array(buffer))
      return
    case 'members':
      state.memberStates.push(new Int32Array(buffer))
  }
}

/** Where requests without a route are counted: the first slot, which the data plane keeps for them. */
export function unroutedIn({
  answerLanes,
}: LiveState): {readonly answers: Float64Array; readonly answersAt: number} | null {
  const [answers] = answerLanes
  return answers === undefined ? null : {answers, answersAt: answersRecord(0)}
}

/** The origin of an instance is one for as long as a table names it. */
export function takeOrigin(state: LiveState, instance: WireInstance): void {
  const origin = state.origins.get(instance.key) ?? createOrigin(state, instance)
  origin.isRetired = false
  state.origins.set(instance.key, origin)
}

/** Members that are of no pool any more are no users of their origins either. */
export function leaveOrigins(members: readonly MemberEntry[]): void {
  const left = new Set(members)
  for (const {origin} of members) {
    if (origin.members.some(member => left.has(member))) {
      origin.members = origin.members.filter(member => !left.has(member))
    }
  }
}

export function joinOrigins(members: readonly MemberEntry[]): void {
  for (const member of members) member.origin.members = [...member.origin.members, member]
}

/** It finishes what it has and closes. */
export function retireOrigin(state: LiveState, origin: Origin): void {
  origin.retire()
  state.origins.delete(origin.key)
}

// ---

function createOrigin(state: LiveState, instance: WireInstance): Origin {
  const books = state.instanceBooks[segmentOf(instance.slot)]
  if (!books) throw new Error(`instance ${instance.key} came before its counters`)
  const origin = new Origin(instance, books)
  const known = state.addresses.get(instance.host)
  if (known) origin.setAddresses(known.addresses, known.reason)
  return origin
}
