// How many of something a client may do at once, and in a second: a token bucket by the worker's own clock.

export class Budget {
  readonly #burst: number
  readonly #perS: number
  #spent = 0
  #sinceMs = 0

  constructor(burst: number, perS: number) {
    this.#burst = burst
    this.#perS = perS
  }

  /** One more; false when it is one too many. */
  spend(nowMs: number): boolean {
    this.#spent = Math.max(0, this.#spent - ((nowMs - this.#sinceMs) * this.#perS) / 1000) + 1
    this.#sinceMs = nowMs
    return this.#spent <= this.#burst
  }
}
