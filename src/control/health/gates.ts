// Which members of pools get no requests because of their health. Only changes are written, so that a reload costs what it
// changes and not a write for each of a hundred thousand members.

import type {Member, Pool} from '../../snapshot/snapshot.ts'

export type Gates = {
  /** Closes and opens what these pools are to begin with; members that they do not have stay as they are. */
  set(pools: readonly Pool[], isClosed: (member: Member) => boolean): void
  /** Opens whatever these pools do not have. */
  retain(pools: readonly Pool[]): void
  put(member: string, isClosed: boolean): void
}

export function createGates(setVerdict: (member: string, isDown: boolean) => void): Gates {
  const closed = new Set<string>()

  function put(member: string, isClosed: boolean): void {
    if (closed.has(member) === isClosed) return
    if (isClosed) closed.add(member)
    else closed.delete(member)
    setVerdict(member, isClosed)
  }

  return {
    set(pools, isClosed) {
      for (const {members} of pools) for (const member of members) put(member.key, isClosed(member))
    },
    retain(pools) {
      if (closed.size === 0) return
      const gone = new Set(closed)
      for (const {members} of pools) for (const {key} of members) gone.delete(key)
      for (const member of gone) put(member, false)
    },
    put,
  }
}
