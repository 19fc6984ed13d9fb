// A table becomes another one at the cost of what is different. Entries are made as their messages come, beside the table;
// then all of them take their places in one turn of the loop, so that no request sees a mix. Maps and entries that have not
// changed go over into the next table, so that there is no second one in memory.
//
// Requests hold entries, not tables: those under way keep what they have.

import {createHostIndex} from '../router/host-index.ts'
import {addPrefix, addRoute, removePrefix, removeRoute} from '../router/routing.ts'
import type {PoolEntry, RouteEntry} from './entries.ts'
import {joinOrigins, type LiveState, leaveOrigins, retireOrigin, takeOrigin} from './live-state.ts'
import {poolEntryOf, routeEntryOf, serviceEntryOf} from './make-entries.ts'
import type {WireGone, WireHead, WirePool, WireRoute} from './messages.ts'
import {regroup} from './regroup.ts'
import {serviceRouteId} from './service-route.ts'
import type {Table, TableBuilder} from './table.ts'
import {type HostRules, rulesOf} from './tls/host-rules.ts'

export type TablePatch = TableBuilder & {
  /** What is in the table no more. */
  remove(gone: WireGone): void
  /** Other members for pools that stay; their instances have been added. */
  regroup(pools: readonly WirePool[]): void
}

/** Takes changes into a table; `finish` gives the one that is to be used in its place, in the same turn. */
export function patchTable(state: LiveState, table: Table, {revision, forward, keepsHosts}: WireHead): TablePatch {
  const hosts = keepsHosts ? table.hosts : createHostIndex<HostRules>()
  const gone: WireGone[] = []
  const others: WirePool[] = []
  const pools = new Map<string, PoolEntry>()
  const routes: {readonly route: WireRoute; readonly entry: RouteEntry}[] = []
  const services: RouteEntry[] = []
  const known = {get: (key: string) => pools.get(key) ?? table.pools.get(key)}

  function takeOut({routes, services, pools}: WireGone): void {
    for (const {id, host, prefix} of routes) {
      removeRoute(table.routing, host, prefix)
      table.byId.delete(id)
      state.budgets.delete(id)
    }
    for (const slug of services) {
      const id = serviceRouteId({slug})
      const entry = table.byId.get(id)
      if (entry) removePrefix(table.services, entry.prefix)
      table.byId.delete(id)
    }
    for (const key of pools) {
      leaveOrigins(table.pools.get(key)?.members ?? [])
      table.pools.delete(key)
      state.queues.delete(key)
    }
  }

  function putIn(): void {
    for (const [key, pool] of pools) {
      leaveOrigins(table.pools.get(key)?.members ?? [])
      joinOrigins(pool.members)
      table.pools.set(key, pool)
    }
    for (const {route, entry} of routes) {
      if (!entry.retry) state.budgets.delete(entry.id)
      table.byId.set(entry.id, entry)
      addRoute(table.routing, route.host, entry.prefix, entry)
    }
    for (const entry of services) {
      table.byId.set(entry.id, entry)
      addPrefix(table.services, entry.prefix, entry)
    }
  }

  return {
    remove: what => void gone.push(what),
    regroup: list => void others.push(...list),
    addInstances(instances) {
      for (const instance of instances) takeOrigin(state, instance)
    },
    addPools(list) {
      for (const pool of list) pools.set(pool.key, poolEntryOf(state, pool))
    },
    addRoutes(list) {
      for (const route of list) routes.push({route, entry: routeEntryOf(state, route, known)})
    },
    addServices(list) {
      for (const service of list) services.push(serviceEntryOf(state, service, known))
    },
    addHosts(list) {
      for (const host of list) hosts.set(host.pattern, rulesOf(host))
    },
    finish() {
      for (const what of gone) takeOut(what)
      putIn()
      for (const pool of others) regroup(state, table, pool)
      for (const key of gone.flatMap(({instances}) => instances)) {
        const origin = state.origins.get(key)
        if (origin) retireOrigin(state, origin)
      }
      return {...table, revision, forward, hosts}
    },
  }
}
