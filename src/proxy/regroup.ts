// A pool of the table in use gets other members, without a new table: instances that register, that DNS names, or that a
// reload changes.

import type {MemberEntry} from './entries.ts'
import {joinOrigins, type LiveState, leaveOrigins, retireOrigin, takeOrigin} from './live-state.ts'
import {membersOf, placeOf} from './make-entries.ts'
import type {WireInstance, WirePool} from './messages.ts'
import type {Table} from './table.ts'

/** Gives a pool of the table other members; origins that were its alone are retired. A pool that is not there is let be. */
export function replaceMembers(
  state: LiveState,
  table: Pick<Table, 'pools'>,
  pool: WirePool,
  instances: readonly WireInstance[],
): void {
  for (const instance of instances) takeOrigin(state, instance)
  for (const {origin} of regroup(state, table, pool)) if (origin.members.length === 0) retireOrigin(state, origin)
}

/** Gives a pool of the table other members, whose origins there are; returns those it had. */
export function regroup(state: LiveState, table: Pick<Table, 'pools'>, pool: WirePool): readonly MemberEntry[] {
  const entry = table.pools.get(pool.key)
  if (!entry) return []
  const before = entry.members
  const members = keepSame(before, membersOf(state, pool))
  entry.setMembers(pool.rotation, members, placeOf(state, pool))
  leaveOrigins(before)
  joinOrigins(members)
  // Whoever has come may have room for those who wait.
  entry.waiting?.wake()
  return before
}

// ---

// A request that tries another member tells those that it has tried by their entries.
function keepSame(before: readonly MemberEntry[], now: readonly MemberEntry[]): MemberEntry[] {
  const known = new Map(before.map(member => [member.id, member]))
  return now.map(member => {
    const same = known.get(member.id)
    return same && isSameMember(same, member) ? same : member
  })
}

function isSameMember(a: MemberEntry, b: MemberEntry): boolean {
  return (
    a.origin === b.origin &&
    a.basePath === b.basePath &&
    a.weight === b.weight &&
    a.isBackup === b.isBackup &&
    a.isDown === b.isDown &&
    a.maxInFlight === b.maxInFlight &&
    a.states === b.states &&
    a.at === b.at
  )
}
