// What many routes have alike, kept once for all of them. Of a hundred thousand routes each request meets others, and every
// value of their own is memory that the processor has not seen for a while.

import type {Action, Timeouts} from '../snapshot/snapshot.ts'

/** Of each kind; beyond it they are forgotten, and what comes later is shared anew. */
const KEPT_MAX = 10_000

export class Alike {
  readonly #texts = new Map<string, string>()
  readonly #actions = new Map<string, Action>()
  readonly #timeouts = new Map<string, Timeouts>()
  #lastGiven: Timeouts | null = null
  #lastKept: Timeouts | null = null

  text(text: string): string {
    return kept(this.#texts, text, text)
  }

  action(action: Action): Action {
    return action.kind === 'forward' ? kept(this.#actions, action.pool, action) : action
  }

  timeouts(timeouts: Timeouts): Timeouts {
    // Routes that came in one message have one object.
    if (timeouts === this.#lastGiven && this.#lastKept !== null) return this.#lastKept
    this.#lastGiven = timeouts
    this.#lastKept = kept(this.#timeouts, JSON.stringify(timeouts), timeouts)
    return this.#lastKept
  }
}

// ---

function kept<T>(values: Map<string, T>, key: string, value: T): T {
  const known = values.get(key)
  if (known !== undefined) return known
  if (values.size >= KEPT_MAX) values.clear()
  values.set(key, value)
  return value
}
