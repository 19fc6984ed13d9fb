// What a table holds: routes, pools and members, ready to be served. Flat records of one shape each, for the request path.

import {createRing, type Ring} from '../router/ring.ts'
import {answersRecord} from '../scoreboard/answers.ts'
import type {CircuitRule} from '../scoreboard/circuit.ts'
import {memberRecord} from '../scoreboard/member.ts'
import {recordOf} from '../scoreboard/segment.ts'
import {toDeciseconds} from '../scoreboard/time.ts'
import type {
  Action,
  Balance,
  HeadPolicy,
  Queue,
  Retry,
  SplitPart,
  Sticky,
  Timeouts,
  Variant,
} from '../snapshot/snapshot.ts'
import {createLoads, type Loads} from './least.ts'
import type {WireMember, WirePool, WireRoute} from './messages.ts'
import type {Origin} from './origin.ts'
import type {RetryBudget} from './retry-budget.ts'
import {createStickyCookie, type StickyCookie} from './sticky.ts'
import type {Ticks} from './ticks.ts'
import type {WaitQueue} from './wait-queue.ts'

/** The state of pools in which there is nothing to take turns at; larger than any record. */
export const ALONE = new Int32Array(new SharedArrayBuffer(64))

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
export type RouteBooks = {readonly counters: Float64Array; readonly answers: Float64Array}

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
  #ring: Ring<MemberEntry> | null = null
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
  ring(): Ring<MemberEntry> {
    this.#ring ??= createRing(this.primaries, ({origin}) => origin.key)
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
