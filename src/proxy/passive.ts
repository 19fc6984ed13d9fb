// Passive health: an instance that fails the requests of clients is left out for a while.

import {countFailure, EJECTED, eject, ejectedFor, GATE} from '../scoreboard/member.ts'
import {EJECTING} from '../scoreboard/pool.ts'
import {hasElapsed} from '../scoreboard/time.ts'
import type {MemberEntry, PoolEntry} from './entries.ts'

/** Whoever has begun to eject for this long (deciseconds) has died over it. */
const EJECTING_MAX = 10

/** Counts a request that the member has failed, and ejects it when they are too many; never more than half of the pool. */
export function noteFailure(pool: PoolEntry, member: MemberEntry): void {
  const {passive, ticks} = pool
  const {states, at} = member
  // What was under way when it was ejected is no new reason.
  if (passive === null || ((states[at + GATE] ?? 0) & EJECTED) !== 0) return
  const now = ticks.nowDs
  if (!countFailure(states, at, passive.maxFails, passive.window, now)) return
  // One at a time, or two workers could both eject the last one that may be; who does not get in tries with its next failure.
  const since = pool.states[pool.at + EJECTING] ?? 0
  if (since !== 0 && !hasElapsed(now, since, EJECTING_MAX)) return
  if (Atomics.compareExchange(pool.states, pool.at + EJECTING, since, now || 1) !== since) return
  if (mayEject(pool, now)) eject(states, at, passive.eject, now)
  Atomics.store(pool.states, pool.at + EJECTING, 0)
}

// ---

function mayEject({primaries, backups}: PoolEntry, now: number): boolean {
  const isOut = ({states, at}: MemberEntry) => ejectedFor(states, at, now) > 0
  const out = primaries.filter(isOut).length + backups.filter(isOut).length
  return (out + 1) * 2 <= primaries.length + backups.length
}
