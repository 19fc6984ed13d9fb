// Two snapshots without what they have in common: a compiler that has compiled both gives them the same objects for what is
// the same, so that a difference costs what it is about.

import {listChanges} from '../base/list-changes.ts'
import type {Snapshot} from '../snapshot/snapshot.ts'
import {poolsOf} from './route-content.ts'

/**
 * Both with the routes of those host patterns alone in which there may be a difference, and of every wildcard, which owns what
 * a more specific pattern gives up; with the pools of these and of the services. What is left out is the same in both.
 */
export function narrow(before: Snapshot, after: Snapshot): readonly [Snapshot, Snapshot] {
  const hosts = touchedHosts(before, after)
  const cut = (snapshot: Snapshot): Snapshot => {
    const routes = snapshot.routes.filter(({host}) => hosts.has(host) || host.startsWith('*'))
    const named = new Set([...routes, ...snapshot.services].flatMap(poolsOf))
    const pools = snapshot.pools.filter(({key}) => named.has(key))
    const keys = new Set(pools.flatMap(({members}) => members.flatMap(({instance, check}) => [instance, check])))
    return {
      ...snapshot,
      routes,
      pools,
      instances: snapshot.instances.filter(({key}) => keys.has(key)),
      checks: snapshot.checks.filter(({key}) => keys.has(key)),
    }
  }
  return [cut(before), cut(after)]
}

// ---

function touchedHosts(before: Snapshot, after: Snapshot): Set<string> {
  const {gone, come} = listChanges(before.routes, after.routes, ({id}) => id, Object.is)
  const hosts = new Set([...gone, ...come].map(({host}) => host))
  const pools = otherPools(before, after)
  if (pools.size === 0) return hosts
  for (const route of after.routes) {
    if (!hosts.has(route.host) && poolsOf(route).some(key => pools.has(key))) hosts.add(route.host)
  }
  return hosts
}

/** Keys of the pools that are others under the same key. Who names one that came or went is another route anyway. */
function otherPools(before: Snapshot, after: Snapshot): Set<string> {
  const keys = new Set([...sameKeys(before.instances, after.instances), ...sameKeys(before.checks, after.checks)])
  const others = sameKeys(before.pools, after.pools)
  if (keys.size === 0) return others
  for (const {key, members} of after.pools) {
    if (members.some(({instance, check}) => keys.has(instance) || (check !== null && keys.has(check)))) others.add(key)
  }
  return others
}

function sameKeys<T extends {readonly key: string}>(before: readonly T[], after: readonly T[]): Set<string> {
  const {gone, come} = listChanges(before, after, ({key}) => key, Object.is)
  const went = new Set(gone.map(({key}) => key))
  return new Set(come.flatMap(({key}) => (went.has(key) ? [key] : [])))
}
