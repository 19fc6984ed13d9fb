// The one place where a snapshot meets live state. A table is built beside the one in use, in pieces, and put in its place
// by a single assignment; a request keeps the table it began with.

import {isDeepStrictEqual} from 'node:util'
import {addRoute, createRouting, type Routing} from '../router/routing.ts'
import {laneOf, recordOf, segmentOf} from '../scoreboard/segment.ts'
import type {Action, ForwardHeaders, HeadPolicy, Timeouts} from '../snapshot/snapshot.ts'
import type {WireInstance, WirePool, WireRoute} from './messages.ts'
import {Origin} from './origin.ts'

/** A route, ready to be served. */
export class RouteEntry {
  readonly id: string
  readonly prefix: string
  readonly action: Action
  /** null for routes that answer themselves. */
  readonly pool: PoolEntry | null
  readonly head: HeadPolicy | null
  readonly timeouts: Timeouts
  /** This worker's counters, and where the record of this route begins in them. */
  readonly counters: Float64Array
  readonly record: number

  constructor(route: WireRoute, pool: PoolEntry | null, counters: Float64Array) {
    this.id = route.id
    this.prefix = route.prefix
    this.action = route.action
    this.pool = pool
    this.head = route.head
    this.timeouts = route.timeouts
    this.counters = counters
    this.record = recordOf(route.slot)
  }
}

export type PoolEntry = {readonly name: string; readonly members: readonly MemberEntry[]}
export type MemberEntry = {readonly origin: Origin; readonly basePath: string}

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

/** Does the table serve this place in the same way as the entry of an older table did? */
export function isSameRoute(table: Table, old: RouteEntry): boolean {
  const now = table.byId.get(old.id)
  if (!now) return false
  return now === old || (serving(now) === serving(old) && isDeepStrictEqual(originsOf(now), originsOf(old)))
}

/** Live state of a worker that outlives tables: the origins by key and its lanes of the scoreboard. */
export type LiveState = {
  readonly lane: number
  readonly origins: Map<string, Origin>
  readonly addresses: Map<string, {addresses: readonly string[]; reason: string}>
  readonly routeLanes: Float64Array[]
  readonly instanceLanes: Float64Array[]
}

export function createLiveState(lane: number): LiveState {
  return {lane, origins: new Map(), addresses: new Map(), routeLanes: [], instanceLanes: []}
}

export function addSegment(state: LiveState, board: 'routes' | 'instances', buffer: SharedArrayBuffer): void {
  const lanes = board === 'routes' ? state.routeLanes : state.instanceLanes
  lanes.push(laneOf(buffer, state.lane))
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
        const members = pool.members.flatMap(({instance, basePath}) => {
          const origin = state.origins.get(instance)
          return origin ? [{origin, basePath}] : []
        })
        pools.set(pool.key, {name: pool.name, members})
      }
    },
    addRoutes(routes) {
      for (const route of routes) {
        const pool = route.action.kind === 'forward' ? pools.get(route.action.pool) : null
        const counters = state.routeLanes[segmentOf(route.slot)]
        if (pool === undefined || !counters) throw new Error(`route ${route.id} came before its pool or its counters`)
        const entry = new RouteEntry(route, pool, counters)
        byId.set(route.id, entry)
        addRoute(routing, route.host, route.prefix, entry)
      }
    },
    finish() {
      for (const [key, origin] of state.origins) {
        if (named.has(key)) continue
        origin.retire()
        state.origins.delete(key)
      }
      return {revision, routing, byId, forward}
    },
  }
}

// ---

function serving({action, head, timeouts}: RouteEntry): string {
  return JSON.stringify([action, head, timeouts])
}

function originsOf(entry: RouteEntry): (string | undefined)[] {
  return (entry.pool?.members ?? []).map(member => member.origin.key + member.basePath)
}

function createOrigin(state: LiveState, instance: WireInstance): Origin {
  const counters = state.instanceLanes[segmentOf(instance.slot)]
  if (!counters) throw new Error(`instance ${instance.key} came before its counters`)
  const origin = new Origin(instance, counters, recordOf(instance.slot))
  const known = state.addresses.get(instance.host)
  if (known) origin.setAddresses(known.addresses, known.reason)
  return origin
}
