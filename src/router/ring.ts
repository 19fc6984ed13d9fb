// Consistent hashing: every member has points on a ring, a key belongs to the next point behind its hash. When one of N members
// goes, only its keys move, about 1/N of all, and spread over the others.

import {hashOf} from '../base/hash.ts'

/** Points of a member of weight 1: enough that shares differ by some percent only. */
const POINTS = 160
/** Of the whole ring; more members or weights get fewer points each. */
const POINTS_MAX = 65_536

export type Ring<T> = {readonly hashes: Uint32Array; readonly owners: readonly T[]}

/**
 * The ring of these members; `originOf` is the key of a member's origin. Its points depend on nothing else, so they stay when
 * others come and go.
 */
export function createRing<T extends {readonly weight: number}>(
  members: readonly T[],
  originOf: (member: T) => string,
): Ring<T> {
  const total = members.reduce((sum, {weight}) => sum + weight, 0)
  const each = Math.max(1, Math.min(POINTS, Math.floor(POINTS_MAX / Math.max(1, total))))
  const points = members.flatMap(member =>
    Array.from({length: each * member.weight}, (_, i) => ({hash: hashOf(`${originOf(member)}#${i}`), member})),
  )
  points.sort((a, b) => a.hash - b.hash)
  return {hashes: Uint32Array.from(points, point => point.hash), owners: points.map(point => point.member)}
}

/** The first member at or behind a place on the ring that may be taken; null when none may. */
export function nextOnRing<T>({hashes, owners}: Ring<T>, hash: number, mayTake: (member: T) => boolean): T | null {
  const start = firstAtLeast(hashes, hash)
  for (let i = 0; i < owners.length; i++) {
    const owner = owners[(start + i) % owners.length]
    if (owner && mayTake(owner)) return owner
  }
  return null
}

// ---

// Index of the first hash that is not below; the length when all are.
function firstAtLeast(hashes: Uint32Array, hash: number): number {
  let low = 0
  let high = hashes.length
  while (low < high) {
    const middle = (low + high) >>> 1
    if ((hashes[middle] ?? 0) < hash) low = middle + 1
    else high = middle
  }
  return low
}
