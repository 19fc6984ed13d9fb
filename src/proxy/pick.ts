// Which instance of a pool takes a request. Only usable ones are picked: backups when no other is usable, nobody when none is.
// A member that has as many requests under way as it may is usable but has no room; see wait-queue.ts.

import {hashOf} from '../base/hash.ts'
import {nextOnRing} from '../router/ring.ts'
import {DOWN, DRAINED, EJECTED, GATE, readmit} from '../scoreboard/member.ts'
import {TURN} from '../scoreboard/pool.ts'
import {mayPass} from './circuit.ts'
import type {MemberEntry, PoolEntry} from './entries.ts'
import type {Exchange} from './exchange.ts'
import type {FailureCode} from './failure.ts'
import {hashKey} from './hash-key.ts'
import type {RequestHead} from './http1/request-head.ts'
import {pickLeast} from './least.ts'
import {isWarm, shareOf} from './slow-start.ts'
import {stickTo} from './sticky.ts'

/**
 * The member for this request; where all are full, one that stands for them until there is room. null when no instance can
 * take it, and the exchange then knows why.
 */
export function pick(pool: PoolEntry, exchange: Exchange, head: RequestHead, target: string): MemberEntry | null {
  if (pool.circuit !== null && !mayPass(pool, exchange)) return null
  const member = pickFrom(pool, exchange, head, target) ?? pickSpare(pool)
  if (member === null) exchange.refusal = whyNone(pool)
  return member
}

/** Another member than those that were tried already, for a request of which nothing has been sent. */
export function pickAnother(pool: PoolEntry, tried: readonly MemberEntry[]): MemberEntry | null {
  const isNew = (member: MemberEntry) => canTake(member) && !tried.includes(member)
  return findInRotation(pool, isNew) ?? pool.backups.find(isNew) ?? null
}

/** A member with room, whatever the policy says; 'full', or why there will not be any. */
export function pickPlace(pool: PoolEntry): MemberEntry | 'full' | FailureCode {
  const free = pickLeast(pool)
  if (free !== null) return free
  if (pool.primaries.some(isUsable)) return 'full'
  return pool.backups.find(canTake) ?? (pool.backups.some(isUsable) ? 'full' : whyNone(pool))
}

// ---

function pickFrom(pool: PoolEntry, exchange: Exchange, head: RequestHead, target: string): MemberEntry | null {
  const kept = pool.sticky === null ? null : stickTo(pool.cookie(pool.sticky), exchange, head)
  if (kept && canTake(kept) && !(kept.isBackup && pool.primaries.some(isUsable))) return kept
  const only = pool.members[0]
  if (pool.members.length === 1 && only) return mayServe(only) ? only : null
  const {balance} = pool
  switch (balance.kind) {
    case 'round-robin':
      return pickNext(pool)
    case 'least-connections':
      return pickLeast(pool)
    case 'random-two':
      return pickOfTwo(pool)
    case 'hash':
      return pickByHash(pool, hashKey(balance.by, exchange.client, head, target))
  }
}

function isUsable(member: MemberEntry): boolean {
  return isOpen(member) && member.origin.addresses.length > 0
}

function canTake(member: MemberEntry): boolean {
  return isUsable(member) && hasRoom(member)
}

// From a random place of the rotation on: what one member cannot take spreads over the others by their weights.
function findInRotation({members, rotation}: PoolEntry, mayTake: (member: MemberEntry) => boolean): MemberEntry | null {
  const start = Math.floor(Math.random() * rotation.length)
  for (let i = 0; i < rotation.length; i++) {
    const member = members[rotation[(start + i) % rotation.length] ?? 0]
    if (member && mayTake(member)) return member
  }
  return null
}

function hasRoom({origin, maxInFlight}: MemberEntry): boolean {
  return maxInFlight === 0 || (origin.loads[origin.load] ?? 0) < maxInFlight
}

// Whoever finds that an ejection is over ends it.
function isOpen({states, at, pool}: MemberEntry): boolean {
  const gate = states[at + GATE]
  return gate === 0 || (gate === EJECTED && readmit(states, at, pool.ticks.nowDs))
}

// Of the only one the failure itself is told, such as a name that does not resolve.
function mayServe(member: MemberEntry): boolean {
  return !member.isDown && isOpen(member)
}

// The position is shared by all workers, so that together they go through the rotation as one would.
function pickNext(pool: PoolEntry): MemberEntry | null {
  const {rotation, members} = pool
  let passed: MemberEntry | null = null
  for (let i = 0; i < rotation.length; i++) {
    const member = members[rotation[nextPosition(pool) % rotation.length] ?? 0]
    if (!member || !canTake(member)) continue
    if (pool.slowStartDs === 0 || isWarm(member)) return member
    passed ??= member
  }
  // Other workers take turns between ours, so that all of ours may have been those of members that cannot take it.
  return passed ?? findInRotation(pool, canTake)
}

function nextPosition({states, at}: PoolEntry): number {
  return Atomics.add(states, at + TURN, 1) >>> 0
}

function loadOf(member: MemberEntry): number {
  const {origin, weight} = member
  return (origin.loads[origin.load] ?? 0) / (weight * shareOf(member))
}

// Two at random, the less loaded one: nearly as good as looking at all (Mitzenmacher 2001), and it does not herd.
function pickOfTwo(pool: PoolEntry): MemberEntry | null {
  const first = pickAtRandom(pool)
  const second = pickAtRandom(pool)
  if (first === null || second === null) return pickNext(pool)
  return loadOf(first) <= loadOf(second) ? first : second
}

// The rotation holds every member as often as its weight says.
function pickAtRandom({rotation, members, slowStartDs}: PoolEntry): MemberEntry | null {
  const index = rotation[Math.floor(Math.random() * rotation.length)]
  const member = index === undefined ? undefined : members[index]
  return member && canTake(member) && (slowStartDs === 0 || isWarm(member)) ? member : null
}

function pickByHash(pool: PoolEntry, key: string): MemberEntry | null {
  const hash = hashOf(key)
  const owner = nextOnRing(
    pool.ring(),
    hash,
    pool.slowStartDs === 0 ? canTake : member => canTake(member) && isWarm(member, hash),
  )
  return owner ?? (pool.slowStartDs === 0 ? null : nextOnRing(pool.ring(), hash, canTake))
}

// Nobody of the policy's choice has room, or is usable: a full one stands for all, so that the request waits for the first
// place. A backup takes the place of those that are not usable, not of those that are full.
function pickSpare(pool: PoolEntry): MemberEntry | null {
  if (pool.members.length === 1) return null
  if (pool.maxInFlight > 0) {
    const full = pool.primaries.find(isUsable)
    if (full) return full
  }
  return pickBackup(pool, canTake) ?? (pool.maxInFlight > 0 ? pickBackup(pool, isUsable) : null)
}

function pickBackup(pool: PoolEntry, mayTake: (member: MemberEntry) => boolean): MemberEntry | null {
  const {backups} = pool
  const start = backups.length === 0 ? 0 : nextPosition(pool)
  for (let i = 0; i < backups.length; i++) {
    const member = backups[(start + i) % backups.length]
    if (member && mayTake(member)) return member
  }
  return null
}

function whyNone({primaries, backups, members}: PoolEntry): FailureCode {
  const serving = [...primaries, ...backups]
  const isAll = (bit: number) =>
    serving.length > 0 && serving.every(({states, at}) => ((states[at + GATE] ?? 0) & bit) !== 0)
  if (members.length > 0 && (serving.length === 0 || isAll(DRAINED))) return 'all-drained'
  if (isAll(DOWN)) return 'all-down'
  return serving.length > 0 && serving.every(({origin}) => origin.addresses.length === 0)
    ? 'name-unresolved'
    : 'no-instance'
}
