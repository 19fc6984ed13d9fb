// Routes, services and pools as they come over the wire, made into the entries of a table. What outlives tables (origins,
// counters, budgets, queues) is taken from the live state, so that an entry that is made anew goes on where the old one was.

import {privateAnswers} from '../scoreboard/answers.ts'
import {poolRecord} from '../scoreboard/pool.ts'
import {FIELDS, recordOf, segmentOf} from '../scoreboard/segment.ts'
import type {Action} from '../snapshot/snapshot.ts'
import {ALONE, type Choice, MemberEntry, PoolEntry, type PoolPlace, type RouteBooks, RouteEntry} from './entries.ts'
import type {LiveState} from './live-state.ts'
import type {WirePool, WireRoute, WireService} from './messages.ts'
import {RetryBudget} from './retry-budget.ts'
import {routeOf} from './service-route.ts'
import {WaitQueue} from './wait-queue.ts'

/** Where an entry looks up the pools that it names. */
export type PoolEntries = Pick<ReadonlyMap<string, PoolEntry>, 'get'>

export function poolEntryOf(state: LiveState, pool: WirePool): PoolEntry {
  return new PoolEntry(pool, membersOf(state, pool), placeOf(state, pool))
}

export function serviceEntryOf(state: LiveState, service: WireService, pools: PoolEntries): RouteEntry {
  const pool = pools.get(service.pool)
  if (!pool) throw new Error(`service ${service.slug} came before its pool`)
  const route = routeOf(service)
  return new RouteEntry(route, pool, booksOf(state, route), null, '')
}

export function routeEntryOf(state: LiveState, route: WireRoute, pools: PoolEntries): RouteEntry {
  const books = booksOf(state, route)
  const {alike} = state
  const shared = {
    ...route,
    prefix: alike.text(route.prefix),
    action: alike.action(route.action),
    timeouts: alike.timeouts(route.timeouts),
  }
  return createEntry(shared, pools, books, budgetOf(state, route, books.counters))
}

/** The members of a pool, whose origins there are. */
export function membersOf(state: LiveState, pool: WirePool): MemberEntry[] {
  return pool.members.map(member => {
    const origin = state.origins.get(member.instance)
    const states = state.memberStates[segmentOf(member.slot)]
    if (!origin || !states) throw new Error(`pool ${pool.key} came before its instance ${member.instance}`)
    return new MemberEntry(member, origin, states, pool.maxInFlight)
  })
}

/** Where the state of a pool is. */
export function placeOf(state: LiveState, {key, slot, queue}: WirePool): PoolPlace {
  const {ticks} = state
  if (slot === null) return {states: ALONE, at: 0, own: 0, ticks, waiting: null}
  const states = state.poolStates[segmentOf(slot)]
  if (!states) throw new Error(`pool ${key} came before its state`)
  const at = poolRecord(recordOf(slot), 0)
  const own = poolRecord(recordOf(slot), state.lane)
  const waiting = queue && (state.queues.get(key) ?? new WaitQueue(states, at, own, ticks))
  if (waiting) state.queues.set(key, waiting)
  return {states, at, own, ticks, waiting}
}

// ---

function booksOf(state: LiveState, {id, slot}: WireRoute): RouteBooks {
  const counters = state.routeLanes[segmentOf(slot)]
  const answers = state.answerLanes[segmentOf(slot)]
  if (!counters || !answers) throw new Error(`route ${id} came before its counters`)
  return {counters, answers}
}

function createEntry(
  route: WireRoute,
  pools: PoolEntries,
  books: RouteBooks,
  budget: RetryBudget | null,
  variant = '',
): RouteEntry {
  const {action, variants, mirror} = route
  const pool = action.kind === 'forward' ? pools.get(action.pool) : null
  if (pool === undefined) throw new Error(`route ${route.id} came before its pool`)
  const shadow = mirror && {share: mirror.share, entry: createShadow(route, mirror.pool, pools)}
  if (variants.length === 0 && action.kind !== 'split')
    return new RouteEntry(route, pool, books, budget, variant, null, shadow)
  const instead = (other: Action, name: string) =>
    createEntry({...route, action: other, variants: []}, pools, books, budget, name)
  // What has no share must not look like a place where a tunnel may stay.
  const parts = action.kind === 'split' ? action.parts.filter(({share}) => share > 0) : []
  const choice: Choice = {
    variants,
    ofVariants: variants.map(({action: other, name}) => instead(other, name)),
    parts,
    ofParts: parts.map(part => instead({kind: 'forward', pool: part.pool}, variant)),
  }
  return new RouteEntry(route, pool, books, budget, variant, choice, shadow)
}

// Copies are sent as the route sends its requests, and are counted nowhere but at their instances.
function createShadow(route: WireRoute, pool: string, pools: PoolEntries): RouteEntry {
  const copied: WireRoute = {
    ...route,
    action: {kind: 'forward', pool},
    variants: [],
    mirror: null,
    retry: null,
    slot: 0,
  }
  return createEntry(copied, pools, {counters: new Float64Array(FIELDS), answers: privateAnswers()}, null)
}

// A reload neither refills nor empties it.
function budgetOf(state: LiveState, route: WireRoute, counters: Float64Array): RetryBudget | null {
  if (route.retry === null) return null
  const budget = state.budgets.get(route.id) ?? new RetryBudget(counters, recordOf(route.slot), performance.now())
  state.budgets.set(route.id, budget)
  return budget
}
