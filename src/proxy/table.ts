// The one place where a snapshot meets live state. A table is built beside the one in use, in pieces, and put in its place
// by a single assignment; a request keeps the table it began with.

import {createHostIndex, type HostIndex} from '../router/host-index.ts'
import {addPrefix, addRoute, createHostRoutes, createRouting, type HostRoutes, type Routing} from '../router/routing.ts'
import type {ForwardHeaders, Host} from '../snapshot/snapshot.ts'
import type {MemberEntry, PoolEntry, RouteEntry} from './entries.ts'
import {type LiveState, retireOrigin, takeOrigin} from './live-state.ts'
import {poolEntryOf, routeEntryOf, serviceEntryOf} from './make-entries.ts'
import type {WireInstance, WirePool, WireRoute, WireService} from './messages.ts'
import type {Origin} from './origin.ts'
import {type HostRules, rulesOf} from './tls/host-rules.ts'

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
        addRoute(routing, route.host, entry.prefix, entry)
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

// ---

function destinationsOf(entry: RouteEntry): RouteEntry[] {
  const {ofVariants = [], ofParts = []} = entry.choice ?? {}
  return [entry, ...ofVariants, ...ofParts].flatMap(other => (other === entry ? [other] : destinationsOf(other)))
}

function serving({action, head, timeouts}: RouteEntry): string {
  return JSON.stringify([action, head, timeouts])
}
