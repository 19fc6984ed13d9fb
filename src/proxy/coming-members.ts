// Who has to start slowly after a reload, or when members of a pool come and go.

import type {Pool} from '../snapshot/snapshot.ts'

/** Keys of members that came into a pool that was there before, or are not marked as down any more; of pools with slow start. */
export function comingMembers(before: readonly Pool[], next: readonly Pool[]): string[] {
  const slow = next.filter(pool => pool.slowStartMs > 0)
  if (slow.length === 0) return []
  const pools = new Map(before.map(pool => [pool.key, pool]))
  return slow.flatMap(pool => {
    const old = pools.get(pool.key)
    if (!old) return []
    const served = new Set(old.members.filter(({isDown}) => !isDown).map(({key}) => key))
    return pool.members.filter(({key, isDown}) => !isDown && !served.has(key)).map(({key}) => key)
  })
}
