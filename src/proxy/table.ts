// The one place where a snapshot meets live state. A table is built beside the one in use, in pieces, and put in its place
// by a single assignment; a request keeps the table it began with.

import {addRoute, createRouting, type Routing} from '../router/routing.ts'
import {memberRecord} from '../scoreboard/member.ts'
import {FIELDS, laneOf, recordOf, segmentOf} from '../scoreboard/segment.ts'
import type {
  Action,
  Balance,
  ForwardHeaders,
  HeadPolicy,
  Retry,
  SplitPart,
  Sticky,
  Timeouts,
  Variant,
} from '../snapshot/snapshot.ts'
import type {BoardName, WireInstance, WirePool, WireRoute} from './messages.ts'
import {Origin} from './origin.ts'
import {RetryBudget} from './retry-budget.ts'
import {createRing, type Ring} from './ring.ts'
import {createStickyCookie, type StickyCookie} from './sticky.ts'

/** A route, ready to be served. */
export class RouteEntry {
  readonly id: string
  readonly prefix: string
  readonly action: Action
  /** null for routes that answer themselves. */
  readonly pool: PoolEntry | null
  readonly head: HeadPolicy | null
  readonly timeouts: Timeouts
  /** null: only what was provably not sent is tried again. */
  readonly retry: Retry | null
  readonly budget: RetryBudget | null
  /** Who else may take a request of this route; null: nobody. */
  readonly choice: Choice | null
  /** Where copies of requests go, and the chance of each; null: nowhere. */
  readonly mirror: {readonly entry: RouteEntry; readonly share: number} | null
  /** This worker's counters, and where the record of this route begins in them. */
  readonly counters: Float64Array
  readonly record: number

  constructor(
    route: WireRoute,
    pool: PoolEntry | null,
    counters: Float64Array,
    budget: RetryBudget | null,
    choice: Choice | null = null,
    mirror: RouteEntry['mirror'] = null,
  ) {
    this.id = route.id
    this.prefix = route.prefix
    this.action = route.action
    this.pool = pool
    this.head = route.head
    this.timeouts = route.timeouts
    this.retry = route.retry
    this.budget = budget
    this.choice = choice
    this.mirror = mirror
    this.counters = counters
    this.record = recordOf(route.slot)
  }
}

/** Entries that stand for a route with another destination; they share its counters. */
export type Choice = {
  readonly variants: readonly Variant[]
  readonly ofVariants: readonly RouteEntry[]
  readonly parts: readonly SplitPart[]
  readonly ofParts: readonly RouteEntry[]
}

/** A pool, ready to be picked from. */
export class PoolEntry {
  readonly name: string
  readonly members: readonly MemberEntry[]
  /** Those that get requests as long as one of them is usable, and those that do after that. */
  readonly primaries: readonly MemberEntry[]
  readonly backups: readonly MemberEntry[]
  readonly balance: Balance
  readonly rotation: readonly number[]
  readonly sticky: Sticky | null
  /** The turn of the rotation, shared by all workers, and where this pool's stands. */
  readonly positions: Int32Array
  readonly position: number
  #ring: Ring | null = null
  #cookie: StickyCookie | null = null

  constructor(pool: WirePool, members: readonly MemberEntry[], positions: Int32Array, position: number) {
    this.name = pool.name
    this.members = members
    this.primaries = members.filter(member => !member.isBackup && !member.isDown && member.weight > 0)
    this.backups = members.filter(member => member.isBackup && !member.isDown)
    this.balance = pool.balance
    this.rotation = pool.rotation
    this.sticky = pool.sticky
    this.positions = positions
    this.position = position
  }

  /** Made when it is first asked for: most pools do not hash. */
  ring(): Ring {
    this.#ring ??= createRing(this.primaries)
    return this.#ring
  }

  /** What clients are told of the members by `sticky`; only for pools that have it. */
  cookie(sticky: Sticky): StickyCookie {
    if (this.#cookie?.members !== this.members) this.#cookie = createStickyCookie(sticky, this.members)
    return this.#cookie
  }
}

export type MemberEntry = {
  /** As operators call it. */
  readonly id: string
  readonly origin: Origin
  readonly basePath: string
  readonly weight: number
  readonly isBackup: boolean
  /** Marked as down where it is written. */
  readonly isDown: boolean
  /** What all threads know of it, and where its record begins. */
  readonly states: Int32Array
  readonly at: number
}

export type Table = {
  readonly revision: string
  readonly routing: Routing<RouteEntry>
  readonly byId: ReadonlyMap<string, RouteEntry>
  readonly forward: ForwardHeaders
}

const NO_FORWARD: ForwardHeaders = {forwarded: false, via: false, requestId: false, traceparent: false}

/** What a worker serves before its first snapshot: nothing, every request is a 404. */
export function emptyTable(): Table {
  return {revision: '', routing: createRouting(), byId: new Map(), forward: NO_FORWARD}
}

/** Does the table serve this place as the entry of an older table did, and may this member still have a part in it? */
export function isSameRoute(table: Table, old: RouteEntry, member: MemberEntry | null): boolean {
  const now = table.byId.get(old.id)
  if (!now) return false
  // Any of its destinations: whom a variant or a split has sent there stays there as long as it is one.
  return destinationsOf(now).some(
    entry => entry === old || (serving(entry) === serving(old) && isMemberOf(entry, member)),
  )
}

/** Live state of a worker that outlives tables: the origins by key and its lanes of the scoreboard. */
export type LiveState = {
  readonly lane: number
  readonly origins: Map<string, Origin>
  /** Of routes with `retry`, by their ids. */
  readonly budgets: Map<string, RetryBudget>
  readonly addresses: Map<string, {addresses: readonly string[]; reason: string}>
  readonly routeLanes: Float64Array[]
  readonly instanceLanes: Float64Array[]
  /** The lanes of all workers, for what they decide on together. */
  readonly instanceSegments: Float64Array[]
  readonly poolPositions: Int32Array[]
  readonly memberStates: Int32Array[]
}

export function createLiveState(lane: number): LiveState {
  return {
    lane,
    origins: new Map(),
    budgets: new Map(),
    addresses: new Map(),
    routeLanes: [],
    instanceLanes: [],
    instanceSegments: [],
    poolPositions: [],
    memberStates: [],
  }
}

export function addSegment(state: LiveState, board: BoardName, buffer: SharedArrayBuffer): void {
  switch (board) {
    case 'routes':
      state.routeLanes.push(laneOf(buffer, state.lane))
      return
    case 'instances':
      state.instanceLanes.push(laneOf(buffer, state.lane))
      state.instanceSegments.push(new Float64Array(buffer))
      return
    case 'pools':
      state.poolPositions.push(new Int32Array(buffer))
      return
    case 'members':
      state.memberStates.push(new Int32Array(buffer))
  }
}

export type TableBuilder = {
  addInstances(instances: readonly WireInstance[]): void
  addPools(pools: readonly WirePool[]): void
  addRoutes(routes: readonly WireRoute[]): void
  /** The finished table; origins that it does not name are retired: they finish what they have and close. */
  finish(): Table
}

export function buildTable(state: LiveState, revision: string, forward: ForwardHeaders): TableBuilder {
  const routing = createRouting<RouteEntry>()
  const byId = new Map<string, RouteEntry>()
  const pools = new Map<string, PoolEntry>()
  const named = new Set<string>()
  const users = new Map<Origin, MemberEntry[]>()
  return {
    addInstances(instances) {
      for (const instance of instances) {
        named.add(instance.key)
        const origin = state.origins.get(instance.key) ?? createOrigin(state, instance)
        origin.isRetired = false
        state.origins.set(instance.key, origin)
      }
    },
    addPools(list) {
      for (const pool of list) {
        const members = pool.members.map(({id, instance, basePath, weight, isBackup, isDown, slot}): MemberEntry => {
          const origin = state.origins.get(instance)
          const states = state.memberStates[segmentOf(slot)]
          if (!origin || !states) throw new Error(`pool ${pool.key} came before its instance ${instance}`)
          return {id, origin, basePath, weight, isBackup, isDown, states, at: memberRecord(recordOf(slot))}
        })
        for (const member of members) {
          const known = users.get(member.origin)
          if (known) known.push(member)
          else users.set(member.origin, [member])
        }
        const positions = pool.slot === null ? ALONE : state.poolPositions[segmentOf(pool.slot)]
        if (!positions) throw new Error(`pool ${pool.key} came before its turn`)
        // A record has eight numbers of eight bytes; the turn is the first four bytes of it.
        pools.set(pool.key, new PoolEntry(pool, members, positions, pool.slot === null ? 0 : recordOf(pool.slot) * 2))
      }
    },
    addRoutes(routes) {
      for (const route of routes) {
        const counters = state.routeLanes[segmentOf(route.slot)]
        if (!counters) throw new Error(`route ${route.id} came before its counters`)
        const entry = createEntry(route, pools, counters, budgetOf(state, route, counters))
        byId.set(route.id, entry)
        addRoute(routing, route.host, route.prefix, entry)
      }
    },
    finish() {
      for (const [key, origin] of state.origins) {
        if (named.has(key)) {
          origin.members = users.get(origin) ?? []
          continue
        }
        origin.retire()
        state.origins.delete(key)
      }
      for (const id of state.budgets.keys()) if (!byId.get(id)?.retry) state.budgets.delete(id)
      return {revision, routing, byId, forward}
    },
  }
}

// ---

function createEntry(
  route: WireRoute,
  pools: ReadonlyMap<string, PoolEntry>,
  counters: Float64Array,
  budget: RetryBudget | null,
): RouteEntry {
  const {action, variants, mirror} = route
  const pool = action.kind === 'forward' ? pools.get(action.pool) : null
  if (pool === undefined) throw new Error(`route ${route.id} came before its pool`)
  const shadow = mirror && {share: mirror.share, entry: createShadow(route, mirror.pool, pools)}
  if (variants.length === 0 && action.kind !== 'split')
    return new RouteEntry(route, pool, counters, budget, null, shadow)
  const instead = (other: Action) => createEntry({...route, action: other, variants: []}, pools, counters, budget)
  // What has no share must not look like a place where a tunnel may stay.
  const parts = action.kind === 'split' ? action.parts.filter(({share}) => share > 0) : []
  const choice: Choice = {
    variants,
    ofVariants: variants.map(variant => instead(variant.action)),
    parts,
    ofParts: parts.map(part => instead({kind: 'forward', pool: part.pool})),
  }
  return new RouteEntry(route, pool, counters, budget, choice, shadow)
}

// Copies are sent as the route sends its requests, and are counted nowhere but at their instances.
function createShadow(route: WireRoute, pool: string, pools: ReadonlyMap<string, PoolEntry>): RouteEntry {
  const copied: WireRoute = {
    ...route,
    action: {kind: 'forward', pool},
    variants: [],
    mirror: null,
    retry: null,
    slot: 0,
  }
  return createEntry(copied, pools, new Float64Array(FIELDS), null)
}

function destinationsOf(entry: RouteEntry): RouteEntry[] {
  const {ofVariants = [], ofParts = []} = entry.choice ?? {}
  return [entry, ...ofVariants, ...ofParts].flatMap(other => (other === entry ? [other] : destinationsOf(other)))
}

function serving({action, head, timeouts}: RouteEntry): string {
  return JSON.stringify([action, head, timeouts])
}

function isMemberOf(entry: RouteEntry, member: MemberEntry | null): boolean {
  const {origin, basePath} = member ?? {}
  return entry.pool?.members.some(other => other.origin === origin && other.basePath === basePath) ?? false
}

// A reload neither refills nor empties it.
function budgetOf(state: LiveState, route: WireRoute, counters: Float64Array): RetryBudget | null {
  if (route.retry === null) return null
  const budget = state.budgets.get(route.id) ?? new RetryBudget(counters, recordOf(route.slot), performance.now())
  state.budgets.set(route.id, budget)
  return budget
}

// The turn of pools in which there is nothing to take turns at.
const ALONE = new Int32Array(1)

function createOrigin(state: LiveState, instance: WireInstance): Origin {
  const counters = state.instanceLanes[segmentOf(instance.slot)]
  if (!counters) throw new Error(`instance ${instance.key} came before its counters`)
  const all = state.instanceSegments[segmentOf(instance.slot)] ?? counters
  const origin = new Origin(instance, counters, recordOf(instance.slot), all)
  const known = state.addresses.get(instance.host)
  if (known) origin.setAddresses(known.addresses, known.reason)
  return origin
}
