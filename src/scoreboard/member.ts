// What all threads know of a member of a pool: one cache line of 32-bit numbers that the control plane and every worker
// write with Atomics and read plainly. A member is usable while its gate is 0. Times are those of time.ts.

import {hasElapsed} from './time.ts'

/** Numbers in a record. */
export const MEMBER_FIELDS = 16

/** Index of the gate in a record: bits, each a reason why the member gets no requests. */
export const GATE = 0
/** Requests that failed in the window at hand, and when that window began. */
export const FAILS = 1
export const FAILS_SINCE = 2
/** When the last ejection is over, or was, and how many there were in a row. */
export const EJECTED_UNTIL = 3
export const EJECTIONS = 4
/** When it came back or was added; 0: it has been here for as long as its pool. */
export const WARM_SINCE = 5

/** Active health has found it down. */
export const DOWN = 1
/** Drained by an operator, or marked as down where it is written. */
export const DRAINED = 2
/** It has failed too many requests. The bit stays until somebody picks after EJECTED_UNTIL. */
export const EJECTED = 4

/** The longest ejection, in times of the first one. Envoy: max_ejection_time is ten times base_ejection_time. */
export const EJECTIONS_MAX = 10

/** Where the record of a slot begins in its segment, as an Int32Array sees it; see segment.ts. */
export function memberRecord(record: number): number {
  // Records are made of 8-byte numbers.
  return record * 2
}

/** Sets or clears one reason. Whoever clears the last one has brought the member back: its slow start begins. */
export function setGate(members: Int32Array, at: number, bit: number, isSet: boolean, now: number): void {
  const before = isSet ? Atomics.or(members, at + GATE, bit) : Atomics.and(members, at + GATE, ~bit)
  if (((before & bit) !== 0) === isSet) return
  if (!isSet && before === bit) beginSlowStart(members, at, now)
  countChange(members)
}

/** Changes whenever a gate in this segment does, so that nobody has to read all gates to know that none has changed. */
export function gateChanges(members: Int32Array): number {
  return members[members.length - 1] ?? 0
}

/** From now on the member ramps up to its full share. */
export function beginSlowStart(members: Int32Array, at: number, now: number): void {
  Atomics.store(members, at + WARM_SINCE, now || 1)
  countChange(members)
}

/** Counts a request that the member has failed; true when they are too many for a window. */
export function countFailure(members: Int32Array, at: number, maxFails: number, window: number, now: number): boolean {
  const since = members[at + FAILS_SINCE] ?? 0
  // One of those who see the end of a window begins the next one.
  if (hasElapsed(now, since, window) && Atomics.compareExchange(members, at + FAILS_SINCE, since, now) === since)
    Atomics.store(members, at + FAILS, 0)
  return Atomics.add(members, at + FAILS, 1) + 1 >= maxFails
}

/** Leaves the member out for `span`, twice as long the second time in a row, up to EJECTIONS_MAX times as long. */
export function eject(members: Int32Array, at: number, span: number, now: number): void {
  // In a row: not after it has been well for as long as the longest ejection.
  const isQuiet = hasElapsed(now, members[at + EJECTED_UNTIL] ?? 0, span * EJECTIONS_MAX)
  const times = isQuiet ? 1 : Math.min(EJECTIONS_MAX, (members[at + EJECTIONS] ?? 0) + 1)
  Atomics.store(members, at + EJECTIONS, times)
  Atomics.store(members, at + EJECTED_UNTIL, (now + span * times) | 0)
  Atomics.store(members, at + FAILS, 0)
  setGate(members, at, EJECTED, true, now)
}

/** How long the member is still left out for its failures; 0 when it is not. */
export function ejectedFor(members: Int32Array, at: number, now: number): number {
  if (((members[at + GATE] ?? 0) & EJECTED) === 0) return 0
  return Math.max(0, ((members[at + EJECTED_UNTIL] ?? 0) - now) | 0)
}

/** Lets a member back in whose ejection is over; true when nothing else keeps it out. */
export function readmit(members: Int32Array, at: number, now: number): boolean {
  if (ejectedFor(members, at, now) > 0) return false
  setGate(members, at, EJECTED, false, now)
  return members[at + GATE] === 0
}

// ---

// The loads of a segment of members (see segment.ts) stand for nothing; the last one of them counts.
function countChange(members: Int32Array): void {
  Atomics.add(members, members.length - 1, 1)
}
