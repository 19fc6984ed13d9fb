// Counters in shared memory: the workers write, the main thread reads, nobody sends a message.
//
// A segment is a fixed SharedArrayBuffer (a growable one costs four times as much per write). It has a lane per worker, a
// lane has SLOTS records, a record is one cache line of eight numbers. Each worker writes only its own lane with plain
// adds; the reader sums the lanes. A number may be a little old when read, never torn: 8-byte floats are written whole.
//
// Behind the lanes stands one 32-bit number per slot, the load: requests under way in all workers together, changed with
// Atomics and read plainly. Whoever looks for the least loaded of hundreds of instances reads sixteen of them per cache line.

/** Records in a lane of one segment. */
export const SLOTS = 4096
/** Numbers in a record: 64 bytes, a cache line of its own. */
export const FIELDS = 8

/** What a record counts; the index of each number in it. */
export const REQUESTS = 0
export const ERRORS = 1
export const IN_FLIGHT = 2
/** Of upgraded connections, from the client and to it. */
export const BYTES_IN = 3
export const BYTES_OUT = 4
/** Copies for a mirror that were not made. */
export const COPIES_DROPPED = 5
/** Of instances: milliseconds from a try to the head of its answer, a moving mean, all of them together, and how many. */
export const LATENCY_MEAN = 5
export const LATENCY_SUM = 6
export const LATENCIES = 7

export function createSegment(lanes: number): SharedArrayBuffer {
  return new SharedArrayBuffer(lanes * SLOTS * FIELDS * Float64Array.BYTES_PER_ELEMENT + LOADS_BYTES)
}

/** The part of a segment that worker `lane` writes. */
export function laneOf(segment: SharedArrayBuffer, lane: number): Float64Array {
  const numbers = SLOTS * FIELDS
  return new Float64Array(segment, lane * numbers * Float64Array.BYTES_PER_ELEMENT, numbers)
}

/** How many lanes a segment has. */
export function lanesOf(segment: SharedArrayBuffer): number {
  return (segment.byteLength - LOADS_BYTES) / (SLOTS * FIELDS * Float64Array.BYTES_PER_ELEMENT)
}

/** The loads of a segment, by slot. */
export function loadsOf(segment: SharedArrayBuffer): Int32Array {
  return new Int32Array(segment, segment.byteLength - LOADS_BYTES, SLOTS)
}

/** Index of a slot's load among the loads of its segment. */
export function loadOf(slot: number): number {
  return slot % SLOTS
}

/** Index of a slot's record within its segment's lane. */
export function recordOf(slot: number): number {
  return (slot % SLOTS) * FIELDS
}

/** Which segment a slot is in. */
export function segmentOf(slot: number): number {
  return Math.floor(slot / SLOTS)
}

// ---

const LOADS_BYTES = SLOTS * Int32Array.BYTES_PER_ELEMENT
