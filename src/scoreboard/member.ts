// What all threads know of a member of a pool: one cache line of 32-bit numbers that the control plane and every worker
// write with Atomics and read plainly. A member is usable while its gate is 0.

/** Numbers in a record. */
export const MEMBER_FIELDS = 16

/** Index of the gate in a record: bits, each a reason why the member gets no requests. */
export const GATE = 0

/** Active health has found it down. */
export const DOWN = 1
/** Drained by an operator, or marked as down where it is written. */
export const DRAINED = 2

/** Where the record of a slot begins in its segment, as an Int32Array sees it; see segment.ts. */
export function memberRecord(record: number): number {
  // Records are made of 8-byte numbers.
  return record * 2
}

/** Sets or clears one reason. */
export function setGate(members: Int32Array, at: number, bit: number, isSet: boolean): void {
  if (isSet) Atomics.or(members, at + GATE, bit)
  else Atomics.and(members, at + GATE, ~bit)
}
