// The one place where a snapshot meets live state. A table is built beside the one in use, in pieces, and put in its place
// by a single assignment; a request keeps the table it began with.

import {createHostIndex, type HostIndex} from '../router/host-index.ts'
import {addPrefix, addRoute, createHostRoutes, createRouting, type HostRoutes, type Routing} from '../router/routing.ts'
import {answersLane, answersRecord, privateAnswers} from '../scoreboard/answers.ts'
import type {CircuitRule} from '../scoreboard/circuit.ts'
import {memberRecord} from '../scoreboard/member.ts'
import {poolRecord} from '../scoreboard/pool.ts'
import {FIELDS, laneOf, lanesOf, loadsOf, recordOf, segmentOf} from '../scoreboard/segment.ts'
import {toDeciseconds} from '../scoreboard/time.ts'
import type {
  Action,
  Balance,
  ForwardHeaders,
  HeadPolicy,
  Host,
  Queue,
  Retry,
  SplitPart,
  Sticky,
  Timeouts,
  Variant,
} from '../snapshot/snapshot.ts'
import {createLoads, type Loads} from './least.ts'
import type {BoardName, WireInstance, WireMember, WirePool, WireRoute, WireService} from './messages.ts'
import {type InstanceBooks, Origin} from './origin.ts'
import {RetryBudget} from './retry-budget.ts'
import {createRing, type Ring} from './ring.ts'
import {routeOf} from './service-route.ts'
import {createStickyCookie, type StickyCookie} from './sticky.ts'
import type {Ticks} from './ticks.ts'
import {type HostRules, rulesOf} from './tls/host-rules.ts'
import {WaitQueue} from './wait-queue.ts'

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
  /** The same of its answers. */
  readonly answers: Float64Array
  readonly answersAt: number
  /** Name of the variant that this entry stands for; '' for the route itself. */
  readonly variant: string
  /** What the access log writes of it for every request, made when it is first asked for; '' before. */
  logged = ''

  constructor(
    route: WireRoute,
    pool: PoolEntry | null,
    books: RouteBooks,
    budget: RetryBudget | null,
    variant: string,
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
    this.counters = books.counters
    this.record = recordOf(route.slot)
    this.answers = books.answers
    this.answersAt = answersRecord(route.slot)
    this.variant = variant
  }
}

/** What a worker counts of the routes of one segment. */
type RouteBooks = {readonly counters: Float64Array; readonly answers: Float64Array}

/** Entries that stand for a route with another destination; they share its counters. */
export type Choice = {
  readonly variants: readonly Variant[]
  readonly ofVariants: readonly RouteEntry[]
  readonly parts: readonly SplitPart[]
  readonly ofParts: readonly RouteEntry[]
}

/** A pool, ready to be picked from. */
export class PoolEntry {
  readonly key: string
  readonly name: string
  members: readonly MemberEntry[] = []
  /** Those that get requests as long as one of them is usable, and those that do after that. */
  primaries: readonly MemberEntry[] = []
  backups: readonly MemberEntry[] = []
  readonly balance: Balance
  rotation: readonly number[] = []
  readonly sticky: Sticky | null
  /** 0: no slow start. Deciseconds, as are all times here; see scoreboard/time.ts. */
  readonly slowStartDs: number
  readonly passive: {readonly maxFails: number; readonly window: number; readonly eject: number} | null
  readonly circuit: CircuitRule | null
  readonly maxInFlight: number
  readonly queue: Queue | null
  /** null when nobody may wait. */
  readonly waiting: WaitQueue | null
  readonly ticks: Ticks
  /** What all threads know of it, where its record begins, and where the record of this worker's own does. */
  states: Int32Array = ALONE
  at = 0
  own = 0
  #ring: Ring | null = null
  #loads: Loads | null = null
  #cookie: StickyCookie | null = null

  constructor(pool: WirePool, members: readonly MemberEntry[], place: PoolPlace) {
    this.key = pool.key
    this.name = pool.name
    this.balance = pool.balance
    this.sticky = pool.sticky
    this.slowStartDs = pool.slowStartMs === 0 ? 0 : toDeciseconds(pool.slowStartMs)
    this.passive = pool.passive && {
      maxFails: pool.passive.maxFails,
      window: toDeciseconds(pool.passive.windowMs),
      eject: toDeciseconds(pool.passive.ejectMs),
    }
    this.circuit = pool.circuit && {
      errorRate: pool.circuit.errorRate,
      minRequests: pool.circuit.minRequests,
      window: toDeciseconds(pool.circuit.windowMs),
      open: toDeciseconds(pool.circuit.openMs),
    }
    this.maxInFlight = pool.maxInFlight
    this.queue = pool.maxInFlight === 0 ? null : pool.queue
    this.waiting = this.queue && place.waiting
    this.ticks = place.ticks
    this.setMembers(pool.rotation, members, place)
  }

  /**
   * Instances that registered or were discovered come and go without a new table; requests keep the member they have. A pool
   * has a record as soon as it has two members; one with a circuit or a queue has the same one all the time.
   */
  setMembers(
    rotation: readonly number[],
    members: readonly MemberEntry[],
    {states, at, own}: Pick<PoolPlace, 'states' | 'at' | 'own'>,
  ): void {
    this.members = members
    this.primaries = members.filter(member => !member.isBackup && !member.isDown && member.weight > 0)
    this.backups = members.filter(member => member.isBackup && !member.isDown)
    this.rotation = rotation
    this.states = states
    this.at = at
    this.own = own
    this.#ring = null
    this.#loads = null
    for (const member of members) member.pool = this
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

  /** What a search for the least loaded reads; as the ring. */
  loads(): Loads {
    this.#loads ??= createLoads(this.members, this.rotation, this.primaries)
    return this.#loads
  }
}

/** Where a pool's state is, and who waits for it. */
export type PoolPlace = Pick<PoolEntry, 'states' | 'at' | 'own' | 'ticks' | 'waiting'>

export class MemberEntry {
  /** As operators call it. */
  readonly id: string
  readonly origin: Origin
  readonly basePath: string
  readonly weight: number
  readonly isBackup: boolean
  /** Marked as down where it is written. */
  readonly isDown: boolean
  /** Requests that may be under way at its instance; 0: any number. */
  readonly maxInFlight: number
  /** What all threads know of it, and where its record begins. */
  readonly states: Int32Array
  readonly at: number
  /** The one that it is a member of; set by it. */
  declare pool: PoolEntry

  constructor(
    member: Omit<WireMember, 'key' | 'instance' | 'check'>,
    origin: Origin,
    states: Int32Array,
    maxInFlight: number,
  ) {
    this.id = member.id
    this.origin = origin
    this.basePath = member.basePath
    this.weight = member.weight
    this.isBackup = member.isBackup
    this.isDown = member.isDown
    this.maxInFlight = maxInFlight
    this.states = states
    this.at = memberRecord(recordOf(member.slot))
  }
}

export type Table = {
  readonly revision: string
  readonly routing: Routing<RouteEntry>
  /** Changed, as the routing, the services and the pools, by patch.ts alone, in the turn in which another table takes over. */
  readonly byId: Map<string, RouteEntry>
  /** What service mode serves: the services as prefixes of one host that takes every name. */
  readonly services: HostRoutes<RouteEntry>
  readonly pools: Map<string, PoolEntry>
  readonly forward: ForwardHeaders
  readonly hosts: HostIndex<HostRules>
}

// The turn of pools in which there is nothing to take turns at; larger than any record.
const ALONE = new Int32Array(new SharedArrayBuffer(64))

const NO_FORWARD: ForwardHeaders = {forwarded: false, via: false, requestId: false, traceparent: false}

/** What a worker serves before its first snapshot: nothing, every request is a 404. */
export function emptyTable(): Table {
  const services = createHostRoutes<RouteEntry>('*')
  return {
    revision: '',
    routing: createRouting(),
    byId: new Map(),
    services,
    pools: new Map(),
    forward: NO_FORWARD,
    hosts: createHostIndex(),
  }
}

/** Does the table serve this place as the entry of an older table did, and may this member still have a part in it? */
export function isSameRoute(table: Table, old: RouteEntry, member: MemberEntry | null): boolean {
  const now = table.byId.get(old.id)
  if (!now) return false
  // Any of its destinations: whom a variant or a split has sent there stays there as long as it is one.
  return destinationsOf(now).some(
    entry => entry === old || (serving(entry) === serving(old) && hasMember(entry.pool, member)),
  )
}

/** Is the member, as an origin and a path, one of this pool? */
export function hasMember(pool: PoolEntry | null, member: MemberEntry | null): boolean {
  const {origin, basePath} = member ?? {}
  return pool?.members.some(other => other.origin === origin && other.basePath === basePath) ?? false
}

/** Gives a pool of the table other members; origins that were its alone are retired. A pool that is not there is let be. */
export function replaceMembers(
  state: LiveState,
  table: Pick<Table, 'pools'>,
  pool: WirePool,
  instances: readonly WireInstance[],
): void {
  for (const instance of instances) takeOrigin(state, instance)
  for (const {origin} of regroup(state, table, pool)) if (origin.members.length === 0) retireOrigin(state, origin)
}

/** Gives a pool of the table other members, whose origins there are; returns those it had. */
export function regroup(state: LiveState, table: Pick<Table, 'pools'>, pool: WirePool): readonly MemberEntry[] {
  const entry = table.pools.get(pool.key)
  if (!entry) return []
  const before = entry.members
  const members = keepSame(before, membersOf(state, pool))
  entry.setMembers(pool.rotation, members, placeOf(state, pool))
  leaveOrigins(before)
  joinOrigins(members)
  // Whoever has come may have room for those who wait.
  entry.waiting?.wake()
  return before
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

/** Live state of a worker that outlives tables: the origins by key, its parts of the scoreboard, and who waits. */
export type LiveState = {
  readonly lane: number
  readonly origins: Map<string, Origin>
  /** Of routes with `retry`, by their ids. */
  readonly budgets: Map<string, RetryBudget>
  readonly addresses: Map<string, {addresses: readonly string[]; reason: string}>
  readonly ticks: Ticks
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

export type TableBuilder = {
  addInstances(instances: readonly WireInstance[]): void
  addPools(pools: readonly WirePool[]): void
  addRoutes(routes: readonly WireRoute[]): void
  addServices(services: readonly WireService[]): void
  addHosts(hosts: readonly Host[]): void
  /** The finished table; origins that it does not name are retired: they finish what they have and close. */
  finish(): Table
}

export function buildTable(state: LiveState, revision: string, forward: ForwardHeaders): TableBuilder {
  const routing = createRouting<RouteEntry>()
  const byId = new Map<string, RouteEntry>()
  const services = createHostRoutes<RouteEntry>('*')
  const pools = new Map<string, PoolEntry>()
  const hosts = createHostIndex<HostRules>()
  const named = new Set<string>()
  const users = new Map<Origin, MemberEntry[]>()
  return {
    addInstances(instances) {
      for (const instance of instances) {
        named.add(instance.key)
        takeOrigin(state, instance)
      }
    },
    addPools(list) {
      for (const pool of list) {
        const entry = poolEntryOf(state, pool)
        for (const member of entry.members) {
          const known = users.get(member.origin)
          if (known) known.push(member)
          else users.set(member.origin, [member])
        }
        pools.set(pool.key, entry)
      }
    },
    addServices(list) {
      for (const service of list) {
        const entry = serviceEntryOf(state, service, pools)
        byId.set(entry.id, entry)
        addPrefix(services, entry.prefix, entry)
      }
    },
    addRoutes(routes) {
      for (const route of routes) {
        const entry = routeEntryOf(state, route, pools)
        byId.set(route.id, entry)
        addRoute(routing, route.host, route.prefix, entry)
      }
    },
    addHosts(list) {
      for (const host of list) hosts.set(host.pattern, rulesOf(host))
    },
    finish() {
      for (const [key, origin] of state.origins) {
        if (named.has(key)) {
          origin.members = users.get(origin) ?? []
          continue
        }
        retireOrigin(state, origin)
      }
      for (const id of state.budgets.keys()) if (!byId.get(id)?.retry) state.budgets.delete(id)
      for (const key of state.queues.keys()) if (!pools.has(key)) state.queues.delete(key)
      return {revision, routing, byId, services, pools, forward, hosts}
    },
  }
}

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
  return createEntry(route, pools, books, budgetOf(state, route, books.counters))
}

/** The origin of an instance is one for as long as a table names it. */
export function takeOrigin(state: LiveState, instance: WireInstance): void {
  const origin = state.origins.get(instance.key) ?? createOrigin(state, instance)
  origin.isRetired = false
  state.origins.set(instance.key, origin)
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

function destinationsOf(entry: RouteEntry): RouteEntry[] {
  const {ofVariants = [], ofParts = []} = entry.choice ?? {}
  return [entry, ...ofVariants, ...ofParts].flatMap(other => (other === entry ? [other] : destinationsOf(other)))
}

function serving({action, head, timeouts}: RouteEntry): string {
  return JSON.stringify([action, head, timeouts])
}

function membersOf(state: LiveState, pool: WirePool): MemberEntry[] {
  return pool.members.map(member => {
    const origin = state.origins.get(member.instance)
    const states = state.memberStates[segmentOf(member.slot)]
    if (!origin || !states) throw new Error(`pool ${pool.key} came before its instance ${member.instance}`)
    return new MemberEntry(member, origin, states, pool.maxInFlight)
  })
}

// A request that tries another member tells those that it has tried by their entries.
function keepSame(before: readonly MemberEntry[], now: readonly MemberEntry[]): MemberEntry[] {
  const known = new Map(before.map(member => [member.id, member]))
  return now.map(member => {
    const same = known.get(member.id)
    return same && isSameMember(same, member) ? same : member
  })
}

function isSameMember(a: MemberEntry, b: MemberEntry): boolean {
  return (
    a.origin === b.origin &&
    a.basePath === b.basePath &&
    a.weight === b.weight &&
    a.isBackup === b.isBackup &&
    a.isDown === b.isDown &&
    a.maxInFlight === b.maxInFlight &&
    a.states === b.states &&
    a.at === b.at
  )
}

// A reload neither refills nor empties it.
function budgetOf(state: LiveState, route: WireRoute, counters: Float64Array): RetryBudget | null {
  if (route.retry === null) return null
  const budget = state.budgets.get(route.id) ?? new RetryBudget(counters, recordOf(route.slot), performance.now())
  state.budgets.set(route.id, budget)
  return budget
}

function placeOf(state: LiveState, {key, slot, queue}: WirePool): PoolPlace {
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

function createOrigin(state: LiveState, instance: WireInstance): Origin {
  const books = state.instanceBooks[segmentOf(instance.slot)]
  if (!books) throw new Error(`instance ${instance.key} came before its counters`)
  const origin = new Origin(instance, books)
  const known = state.addresses.get(instance.host)
  if (known) origin.setAddresses(known.addresses, known.reason)
  return origin
}
