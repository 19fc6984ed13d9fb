// What waits for the end of a turn of the worker's loop, when all that has come in has been read: connections that have
// something to say.

export type Flushed = {isWaiting: boolean; flush(): void}

export class EndOfTurn {
  #waiting: Flushed[] = []
  #running: Flushed[] = []
  readonly #run = () => {
    const waiting = this.#waiting
    this.#waiting = this.#running
    this.#running = waiting
    for (const one of waiting) {
      one.isWaiting = false
      one.flush()
    }
    waiting.length = 0
  }

  /** Has it flushed at the end of this turn; once, however often it asks. */
  join(one: Flushed): void {
    if (one.isWaiting) return
    one.isWaiting = true
    if (this.#waiting.push(one) === 1) setImmediate(this.#run)
  }
}
