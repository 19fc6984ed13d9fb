// What one snapshot does otherwise than another, in the pieces that a worker takes into its table.

import {isDeepStrictEqual} from 'node:util'
import {type ListChanges, listChanges} from '../base/list-changes.ts'
import type {Action, Instance, Pool, Route, ServiceRoute, Snapshot} from '../snapshot/snapshot.ts'

export type Changes = {
  readonly from: Snapshot
  readonly to: Snapshot
  readonly routes: ListChanges<Route>
  readonly services: ListChanges<ServiceRoute>
  readonly pools: ListChanges<Pool>
  readonly instances: ListChanges<Instance>
  readonly keepsHosts: boolean
}

/** Entries that a worker takes in one turn of its loop, 5 ms; for more a table is built beside the one in use. */
export const CHANGES_MAX = 5000

export function changesBetween(from: Snapshot, to: Snapshot): Changes {
  const pools = listChanges(from.pools, to.pools, ({key}) => key, isDeepStrictEqual)
  const rebuilt = new Set(rebuiltOf(pools).map(({key}) => key))
  return {
    from,
    to,
    pools,
    routes: withNaming(
      listChanges(from.routes, to.routes, ({id}) => id, doesSame),
      to.routes,
      rebuilt,
    ),
    services: listChanges(
      from.services,
      to.services,
      ({slug}) => slug,
      (a, b) => doesSame(a, b) && !rebuilt.has(a.pool),
    ),
    instances: listChanges(from.instances, to.instances, ({key}) => key, isDeepStrictEqual),
    keepsHosts: isDeepStrictEqual(from.hosts, to.hosts),
  }
}

/** How many entries are others. */
export function countChanges({to, routes, services, pools, instances, keepsHosts}: Changes): number {
  const lists = [routes, services, pools, instances]
  return lists.reduce((sum, {gone, come}) => sum + gone.length + come.length, keepsHosts ? 0 : to.hosts.length)
}

/** Pools that have other members and are otherwise what they were: routes keep them. */
export function regrouped({gone, come}: ListChanges<Pool>): Pool[] {
  const before = new Map(gone.map(pool => [pool.key, pool]))
  return come.filter(pool => {
    const old = before.get(pool.key)
    return old !== undefined && isDeepStrictEqual(withoutMembers(old), withoutMembers(pool))
  })
}

/** Entries that are no more under any form. */
export function vanished<T>({gone, come}: ListChanges<T>, keyOf: (entry: T) => string): T[] {
  const there = new Set(come.map(keyOf))
  return gone.filter(entry => !there.has(keyOf(entry)))
}

// ---

function rebuiltOf(pools: ListChanges<Pool>): Pool[] {
  const kept = new Set(regrouped(pools))
  const before = new Set(pools.gone.map(({key}) => key))
  return pools.come.filter(pool => before.has(pool.key) && !kept.has(pool))
}

function withoutMembers({members: _, rotation: __, ...rest}: Pool): unknown {
  return rest
}

// Where it is written is nothing to a worker.
function doesSame<T extends Route | ServiceRoute>({source: _, ...a}: T, {source: __, ...b}: T): boolean {
  return isDeepStrictEqual(a, b)
}

// A route holds its pools, so one whose pool is another is another.
function withNaming(
  routes: ListChanges<Route>,
  all: readonly Route[],
  rebuilt: ReadonlySet<string>,
): ListChanges<Route> {
  if (rebuilt.size === 0) return routes
  const come = new Set(routes.come)
  for (const route of all) if (poolsOf(route).some(key => rebuilt.has(key))) come.add(route)
  return {gone: routes.gone, come: [...come]}
}

function poolsOf({action, variants, mirror}: Route): string[] {
  const named = [action, ...variants.map(variant => variant.action)].flatMap(poolsOfAction)
  return mirror === null ? named : [...named, mirror.pool]
}

function poolsOfAction(action: Action): string[] {
  if (action.kind === 'forward') return [action.pool]
  return action.kind === 'split' ? action.parts.map(({pool}) => pool) : []
}
