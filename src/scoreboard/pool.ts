// What all threads know of a pool: one record of 32-bit numbers in the first lane, and in each worker's own lane what must
// be forgotten when that worker dies.

import {recordOf, SLOTS} from './segment.ts'

/** Numbers in a record. */
const POOL_FIELDS = 16

/** The turn of its rotation. */
export const TURN = 0
/** State of the circuit, when it came into it, and the window at hand: its begin, and what ended in it; see circuit.ts. */
export const CIRCUIT = 1
export const CIRCUIT_SINCE = 2
export const WINDOW = 3
export const ENDED = 4
export const FAILED = 5
/** Requests that wait for a place, and what is notified when one may be free. */
export const QUEUED = 6
export const WOKEN = 7
/** When somebody began to eject a member; 0 while nobody does. */
export const EJECTING = 8

/** Of one worker, in its lane: requests that wait, and whether the probe of a half-open circuit is its. */
export const OWN_QUEUED = 9
export const OWN_PROBE = 10

export const CLOSED = 0
export const OPEN = 1
export const HALF_OPEN = 2

/** Where the record of a slot begins in a lane of its segment, as an Int32Array sees it. */
export function poolRecord(record: number, lane: number): number {
  return lane * SLOTS * POOL_FIELDS + record * 2
}

/** A worker that died waits no more, and its probe tells nothing. */
export function forgetInPools(pools: Int32Array, lane: number): void {
  for (let slot = 0; slot < SLOTS; slot++) {
    const at = poolRecord(recordOf(slot), 0)
    const own = poolRecord(recordOf(slot), lane)
    const queued = Atomics.exchange(pools, own + OWN_QUEUED, 0)
    if (queued !== 0) Atomics.sub(pools, at + QUEUED, queued)
    if (Atomics.exchange(pools, own + OWN_PROBE, 0) === 1) Atomics.compareExchange(pools, at + CIRCUIT, HALF_OPEN, OPEN)
  }
}
