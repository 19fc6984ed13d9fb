// A snapshot in which one pool has other members.

import type {Instance, Pool, Snapshot} from '../snapshot/snapshot.ts'

/** With `pool` in the place of the one of its key; `instances` are those that it names, and those that nobody names go. */
export function withPool<S extends Pick<Snapshot, 'pools' | 'instances'>>(
  snapshot: S,
  pool: Pool,
  instances: readonly Instance[],
): S {
  const pools = snapshot.pools.map(other => (other.key === pool.key ? pool : other))
  const named = new Set(pools.flatMap(({members}) => members.map(({instance}) => instance)))
  const all = new Map([...snapshot.instances, ...instances].map(instance => [instance.key, instance]))
  return {...snapshot, pools, instances: [...all.values()].filter(({key}) => named.has(key))}
}
