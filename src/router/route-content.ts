// All that a route does, as one text: two routes with the same text treat every request alike. Pools are named by keys in
// a snapshot; here what they stand for is spelled out, wherever in the route they are named.

import type {Pool, Route, Snapshot} from '../snapshot/snapshot.ts'

export type PoolIndex = ReadonlyMap<string, {readonly pool: Pool; readonly content: string}>

/** The pools of a snapshot by their keys, each with its instances and checks spelled out. */
export function indexPools({pools, instances, checks}: Snapshot): PoolIndex {
  const instanceOf = new Map(instances.map(instance => [instance.key, instance]))
  const checkOf = new Map(checks.map(check => [check.key, check]))
  return new Map(
    pools.map(pool => {
      const members = pool.members.map(({instance, check, ...member}) => {
        return {...member, instance: instanceOf.get(instance), check: check === null ? null : checkOf.get(check)}
      })
      return [pool.key, {pool, content: JSON.stringify({...pool, members})}]
    }),
  )
}

/** Everything about the route but where it was written. */
export function contentOf({source: _, ...route}: Route, pools: PoolIndex): string {
  return JSON.stringify(route, (key, value: unknown) =>
    key === 'pool' && typeof value === 'string' ? (pools.get(value)?.content ?? value) : value,
  )
}
