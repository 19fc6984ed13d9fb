// The circuit of a pool: closed, open when too many requests failed, half-open while one request finds out whether it may
// close again. Every step is one compare-and-swap, so that of all workers one opens it and one probes.

import {CIRCUIT, CIRCUIT_SINCE, CLOSED, ENDED, FAILED, HALF_OPEN, OPEN, OWN_PROBE, WINDOW} from './pool.ts'
import {hasElapsed} from './time.ts'

/** Times in deciseconds; see time.ts. */
export type CircuitRule = {
  readonly errorRate: number
  readonly minRequests: number
  readonly window: number
  readonly open: number
}

export type Passage = 'passes' | 'probes' | 'stays'

/** May a request go through? One that probes has to call `settle`, whatever comes of it. */
export function enterCircuit(pools: Int32Array, at: number, own: number, rule: CircuitRule, now: number): Passage {
  const state = pools[at + CIRCUIT]
  if (state === CLOSED) return 'passes'
  if (state === HALF_OPEN || !hasElapsed(now, pools[at + CIRCUIT_SINCE] ?? 0, rule.open)) return 'stays'
  if (Atomics.compareExchange(pools, at + CIRCUIT, OPEN, HALF_OPEN) !== OPEN) return 'stays'
  Atomics.store(pools, own + OWN_PROBE, 1)
  return 'probes'
}

/** How long until the next probe may go through. */
export function opensFor(pools: Int32Array, at: number, rule: CircuitRule, now: number): number {
  // Another worker's tick may be ahead of ours.
  const elapsed = Math.max(0, (now - (pools[at + CIRCUIT_SINCE] ?? 0)) | 0)
  return Math.max(1, rule.open - elapsed)
}

/**
 * Counts a request that went through a closed circuit, and opens it when of at least `minRequests` in the window the share
 * `errorRate` has failed. Windows follow each other, they do not slide.
 */
export function countOutcome(pools: Int32Array, at: number, rule: CircuitRule, isFailure: boolean, now: number): void {
  if (pools[at + CIRCUIT] !== CLOSED) return
  const since = pools[at + WINDOW] ?? 0
  if (hasElapsed(now, since, rule.window) && Atomics.compareExchange(pools, at + WINDOW, since, now) === since) {
    Atomics.store(pools, at + ENDED, 0)
    Atomics.store(pools, at + FAILED, 0)
  }
  const ended = Atomics.add(pools, at + ENDED, 1) + 1
  const failed = isFailure ? Atomics.add(pools, at + FAILED, 1) + 1 : (pools[at + FAILED] ?? 0)
  if (failed === 0 || ended < rule.minRequests || failed < rule.errorRate * ended) return
  // The time first: whoever sees the circuit open must not find the time of the last one.
  Atomics.store(pools, at + CIRCUIT_SINCE, now)
  Atomics.compareExchange(pools, at + CIRCUIT, CLOSED, OPEN)
}

/** What the probe has found; null when it came to no end, so that the next request probes. */
export function settleProbe(pools: Int32Array, at: number, own: number, isFailure: boolean | null, now: number): void {
  Atomics.store(pools, own + OWN_PROBE, 0)
  if (isFailure === true) Atomics.store(pools, at + CIRCUIT_SINCE, now)
  if (isFailure === false) {
    Atomics.store(pools, at + ENDED, 0)
    Atomics.store(pools, at + FAILED, 0)
    Atomics.store(pools, at + WINDOW, now)
  }
  Atomics.store(pools, at + CIRCUIT, isFailure === false ? CLOSED : OPEN)
}
