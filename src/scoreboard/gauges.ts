// How each worker is: one cache-line-aligned record per worker in one block, written by it with every tick, read by the
// main thread. No messages: a worker that does not turn cannot tell that it does not.

export const GAUGE_FIELDS = 16

/** Open connections of clients, and what has come of those that wanted to be. */
export const CONNECTIONS = 0
export const ACCEPTED = 1
export const TURNED_AWAY = 2
/** Milliseconds that the loop was late: the most of the last 10 to 20 s. */
export const LAG_MS = 3
/** Milliseconds in which the loop did something, since the worker began. */
export const ACTIVE_MS = 4
export const HEAP_BYTES = 5
/** Lines for the access log that were written, and that were dropped because nobody took them. */
export const LOGGED = 6
export const LOG_DROPPED = 7
/** Copies for mirrors that are under way. */
export const COPIES = 8

export function createGauges(lanes: number): SharedArrayBuffer {
  return new SharedArrayBuffer(lanes * GAUGE_FIELDS * Float64Array.BYTES_PER_ELEMENT)
}

/** The record of one worker. */
export function gaugesOf(memory: SharedArrayBuffer, lane: number): Float64Array {
  return new Float64Array(memory, lane * GAUGE_FIELDS * Float64Array.BYTES_PER_ELEMENT, GAUGE_FIELDS)
}

/** A worker is gone: what it had open is not any more; what it has counted stays. */
export function clearGauges(memory: SharedArrayBuffer, lane: number): void {
  const gauges = gaugesOf(memory, lane)
  for (const field of [CONNECTIONS, LAG_MS, HEAP_BYTES, COPIES]) gauges[field] = 0
}
