// Two snapshots without what they have in common: a compiler that has compiled both gives them the same objects for what is
// the same, so that a difference costs what it is about.

import {commonEnds, listChanges} from '../base/list-changes.ts'
import type {Snapshot} from '../snapshot/snapshot.ts'
import {covers, otherHosts} from './diff-hosts.ts'
import {poolsOf} from './route-content.ts'

/**
 * Both with the routes of those host patterns alone in which there may be a difference, and of every wildcard, which owns what
 * a more specific pattern gives up; with the pools that these and the services of either name. What is left out is the same in
 * both.
 */
export function narrow(before: Snapshot, after: Snapshot): readonly [Snapshot, Snapshot] {
  const hosts = touchedHosts(before, after)
  const routes = ofBoth(before.routes, after.routes, ({host}) => hosts.has(host) || host.startsWith('*'))
  const named = new Set([...routes.flat(), ...before.services, ...after.services].flatMap(poolsOf))
  const pools = ofBoth(before.pools, after.pools, ({key}) => named.has(key))
  const keys = new Set(pools.flat().flatMap(({members}) => members.flatMap(({instance, check}) => [instance, check])))
  const instances = ofBoth(before.instances, after.instances, ({key}) => keys.has(key))
  const checks = ofBoth(before.checks, after.checks, ({key}) => keys.has(key))
  return [
    {...before, routes: routes[0], pools: pools[0], instances: instances[0], checks: checks[0]},
    {...after, routes: routes[1], pools: pools[1], instances: instances[1], checks: checks[1]},
  ]
}

// ---

// What both lists begin and end with is looked at once.
function ofBoth<T>(before: readonly T[], after: readonly T[], isKept: (entry: T) => boolean): [T[], T[]] {
  const {start, endBefore, endAfter} = commonEnds(before, after)
  const head = after.slice(0, start).filter(isKept)
  const tail = after.slice(endAfter).filter(isKept)
  return [
    [...head, ...before.slice(start, endBefore).filter(isKept), ...tail],
    [...head, ...after.slice(start, endAfter).filter(isKept), ...tail],
  ]
}

function touchedHosts(before: Snapshot, after: Snapshot): Set<string> {
  const {gone, come} = listChanges(before.routes, after.routes, ({id}) => id, Object.is)
  const hosts = new Set([...gone, ...come].map(({host}) => host))
  const others = otherHosts(before.hosts, after.hosts)
  if (others.length > 0)
    for (const {host} of after.routes) if (others.some(pattern => covers(pattern, host))) hosts.add(host)
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
