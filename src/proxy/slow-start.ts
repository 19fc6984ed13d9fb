// A member that has come back, or was added by a reload, takes a growing share of what its weight would give it.

import {WARM_SINCE} from '../scoreboard/member.ts'
import type {MemberEntry} from './entries.ts'

/** The share it begins with; with less, the first requests would come too late to warm anything (Envoy: 10 %). */
const SHARE_MIN = 0.1

/** The share of its weight that the member gets now: from SHARE_MIN to 1. */
export function shareOf({pool, states, at}: MemberEntry): number {
  if (pool.slowStartDs === 0) return 1
  const since = states[at + WARM_SINCE] ?? 0
  if (since === 0) return 1
  return Math.min(1, Math.max(SHARE_MIN, ((pool.ticks.nowDs - since) | 0) / pool.slowStartDs))
}

/** Is this one of the requests that it gets? By chance, or always the same of a key's when its hash is given. */
export function isWarm(member: MemberEntry, hash?: number): boolean {
  const share = shareOf(member)
  if (share === 1) return true
  // Another mix than the one that has chosen the member.
  return (hash === undefined ? Math.random() : (Math.imul(hash, 0x9e3779b1) >>> 0) / 2 ** 32) < share
}
