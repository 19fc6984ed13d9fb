// Who has to start slowly after a reload.

import type {Snapshot} from '../snapshot/snapshot.ts'

/** Keys of members that came into a pool that was there before, or are not marked as down any more; of pools with slow start. */
export function comingMembers(before: Snapshot | null, next: Snapshot): string[] {
  const slow = next.pools.filter(pool => pool.slowStartMs > 0)
  if (before === null || slow.length === 0) return []
  const pools = new Map(before.pools.map(pool => [pool.key, pool]))
  return slow.flatMap(pool => {
    const old = pools.get(pool.key)
    if (!old) return []
    const served = new Set(old.members.filter(({isDown}) => !isDown).map(({key}) => key))
    return pool.members.filter(({key, isDown}) => !isDown && !served.has(key)).map(({key}) => key)
  })
}
