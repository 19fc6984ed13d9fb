// Whether routes of two snapshots treat every request alike. Compared is the text of all that they hold, so that a key that
// a route learns later is compared as well; pools, which routes name by keys, are compared with all that they hold, once.

import type {Pool, Route, ServiceRoute, Snapshot} from '../snapshot/snapshot.ts'

/** The pools of a snapshot by their keys, and everything about each as one text, instances and checks spelled out. */
export type PoolIndex = {readonly pools: ReadonlyMap<string, Pool>; readonly contents: ReadonlyMap<string, string>}

export function indexPools({pools, instances, checks}: Snapshot): PoolIndex {
  const instanceOf = new Map(instances.map(instance => [instance.key, instance]))
  const checkOf = new Map(checks.map(check => [check.key, check]))
  const spelledOut = (pool: Pool) => {
    const members = pool.members.map(({instance, check, ...member}) => {
      return {...member, instance: instanceOf.get(instance), check: check === null ? null : checkOf.get(check)}
    })
    return JSON.stringify({...pool, members})
  }
  return {
    pools: new Map(pools.map(pool => [pool.key, pool])),
    contents: new Map(pools.map(pool => [pool.key, spelledOut(pool)])),
  }
}

/** Whether two routes, or two services, do the same, each with the pools of its snapshot. */
export function isSameRoute<R extends Route | ServiceRoute>(a: R, b: R, old: PoolIndex, now: PoolIndex): boolean {
  if (JSON.stringify({...a, source: null}) !== JSON.stringify({...b, source: null})) return false
  return poolsOf(a).every(key => old.contents.get(key) === now.contents.get(key))
}

/** Keys of the pools that a route names, wherever in it. */
export function poolsOf(value: object): string[] {
  return Object.entries(value).flatMap(([key, inner]: [string, unknown]) => {
    if (key === 'pool' && typeof inner === 'string') return [inner]
    return typeof inner === 'object' && inner !== null ? poolsOf(inner) : []
  })
}
