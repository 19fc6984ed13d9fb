// Which instance of a pool takes a request. Only usable ones are picked: backups when no other is usable, nobody when none is.

import {hashOf} from '../base/hash.ts'
import {GATE} from '../scoreboard/member.ts'
import type {Exchange} from './exchange.ts'
import {hashKey} from './hash-key.ts'
import type {RequestHead} from './http1/request-head.ts'
import {nextOnRing} from './ring.ts'
import {stickTo} from './sticky.ts'
import type {MemberEntry, PoolEntry} from './table.ts'

/** The member for this request, or null when no instance can take it. */
export function pick(pool: PoolEntry, exchange: Exchange, head: RequestHead, target: string): MemberEntry | null {
  const kept = pool.sticky === null ? null : stickTo(pool.cookie(pool.sticky), exchange, head)
  if (kept && isUsable(kept) && !(kept.isBackup && pool.primaries.some(isUsable))) return kept
  const only = pool.members[0]
  if (pool.members.length === 1 && only) return mayServe(only) ? only : null
  const {balance} = pool
  switch (balance.kind) {
    case 'round-robin':
      return pickNext(pool) ?? pickBackup(pool)
    case 'least-connections':
      return pickLeast(pool) ?? pickBackup(pool)
    case 'random-two':
      return pickOfTwo(pool) ?? pickBackup(pool)
    case 'hash':
      return pickByHash(pool, hashKey(balance.by, exchange.client, head, target)) ?? pickBackup(pool)
  }
}

/** Another member than those that were tried already, for a request of which nothing has been sent. */
export function pickAnother(pool: PoolEntry, tried: readonly MemberEntry[]): MemberEntry | null {
  const isNew = (member: MemberEntry) => isUsable(member) && !tried.includes(member)
  return findInRotation(pool, isNew) ?? pool.backups.find(isNew) ?? null
}

// ---

// From a random place of the rotation on: what one member cannot take spreads over the others by their weights.
function findInRotation({members, rotation}: PoolEntry, mayTake: (member: MemberEntry) => boolean): MemberEntry | null {
  const start = Math.floor(Math.random() * rotation.length)
  for (let i = 0; i < rotation.length; i++) {
    const member = members[rotation[(start + i) % rotation.length] ?? 0]
    if (member && mayTake(member)) return member
  }
  return null
}

function isUsable({origin, states, at}: MemberEntry): boolean {
  return states[at + GATE] === 0 && origin.addresses.length > 0
}

// Of the only one the failure itself is told, such as a name that does not resolve.
function mayServe({isDown, states, at}: MemberEntry): boolean {
  return !isDown && states[at + GATE] === 0
}

// The position is shared by all workers, so that together they go through the rotation as one would.
function pickNext(pool: PoolEntry): MemberEntry | null {
  const {rotation, members} = pool
  for (let i = 0; i < rotation.length; i++) {
    const member = members[rotation[nextPosition(pool) % rotation.length] ?? 0]
    if (member && isUsable(member)) return member
  }
  return null
}

function nextPosition({positions, position}: PoolEntry): number {
  return Atomics.add(positions, position, 1) >>> 0
}

// The fewest requests under way per weight. Looked through from the member whose turn it is, so that equals, idle ones above
// all, get their shares by weight.
function pickLeast(pool: PoolEntry): MemberEntry | null {
  const {members, rotation} = pool
  if (rotation.length === 0) return null
  const start = rotation[nextPosition(pool) % rotation.length] ?? 0
  let least: MemberEntry | null = null
  let leastLoad = Number.POSITIVE_INFINITY
  for (let i = 0; i < members.length; i++) {
    const member = members[(start + i) % members.length]
    if (!member || member.isBackup || member.isDown || member.weight === 0 || !isUsable(member)) continue
    const load = loadOf(member)
    if (load === 0) return member
    if (load >= leastLoad) continue
    least = member
    leastLoad = load
  }
  return least
}

function loadOf({origin, weight}: MemberEntry): number {
  return origin.inFlight() / weight
}

// Two at random, the less loaded one: nearly as good as looking at all (Mitzenmacher 2001), and it does not herd.
function pickOfTwo(pool: PoolEntry): MemberEntry | null {
  const first = pickAtRandom(pool)
  const second = pickAtRandom(pool)
  if (first === null || second === null) return pickNext(pool)
  return loadOf(first) <= loadOf(second) ? first : second
}

// The rotation holds every member as often as its weight says.
function pickAtRandom({rotation, members}: PoolEntry): MemberEntry | null {
  const index = rotation[Math.floor(Math.random() * rotation.length)]
  const member = index === undefined ? undefined : members[index]
  return member && isUsable(member) ? member : null
}

function pickByHash(pool: PoolEntry, key: string): MemberEntry | null {
  return nextOnRing(pool.ring(), hashOf(key), isUsable)
}

function pickBackup(pool: PoolEntry): MemberEntry | null {
  const {backups} = pool
  const start = backups.length === 0 ? 0 : nextPosition(pool)
  for (let i = 0; i < backups.length; i++) {
    const member = backups[(start + i) % backups.length]
    if (member && isUsable(member)) return member
  }
  return null
}
