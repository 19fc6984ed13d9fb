// How many extra tries a route may make, so that they do not double the load of instances that are down already: a share of
// its requests, and a few per second for routes that have hardly any. As in Finagle's RetryBudget, without a timer: what has
// come in since is worked out when somebody wants to take. Each worker has its own.

import {REQUESTS} from '../scoreboard/segment.ts'

/** Extra tries per second that are always there, and how many of them can be saved up. */
const FLOOR_PER_S = 3
const FLOOR_MAX = 10
/** Extra tries that can be saved up in all. */
const SAVED_MAX = 100

export class RetryBudget {
  #saved = FLOOR_MAX
  #requests: number
  #atMs: number
  readonly #counters: Float64Array
  readonly #record: number

  /** `counters` and `record`: where this worker counts the requests of the route. */
  constructor(counters: Float64Array, record: number, nowMs: number) {
    this.#counters = counters
    this.#record = record
    this.#requests = this.#counted()
    this.#atMs = nowMs
  }

  /** Takes one extra try; false when there is none. `share`: extra tries per request. */
  take(share: number, nowMs: number): boolean {
    const requests = this.#counted()
    const came = Math.max(0, requests - this.#requests)
    const floor = Math.min(FLOOR_MAX, this.#saved + ((nowMs - this.#atMs) / 1000) * FLOOR_PER_S)
    this.#saved = Math.min(SAVED_MAX, Math.max(this.#saved, floor) + came * share)
    this.#requests = requests
    this.#atMs = nowMs
    if (this.#saved < 1) return false
    this.#saved--
    return true
  }

  #counted(): number {
    return this.#counters[this.#record + REQUESTS] ?? 0
  }
}
