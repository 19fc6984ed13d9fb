// Requests that found every instance of their pool full, in the order in which they came. Each worker has a queue of its own
// for a pool; how many wait is bounded over all of them. The first one gets the next place that becomes free:
//
// - in this worker, at once, when nobody waits in another one;
// - else all workers with somebody who waits are woken (Atomics.notify), and the first to take the place has it;
// - and at every tick the queue is looked through, for places that no request of this pool has left, such as those of
//   another pool with the same instance, or of a worker that died.

import {OWN_QUEUED, QUEUED, WOKEN} from '../scoreboard/pool.ts'
import type {MemberEntry, PoolEntry} from './entries.ts'
import {countAttempt, type Exchange} from './exchange.ts'
import {readdress} from './http1/readdress.ts'
import {pickPlace} from './pick.ts'
import type {Ticks, Timed} from './ticks.ts'

/** Sends the request of an exchange that has its place. */
type Resume = (exchange: Exchange) => void

type Waiting = {
  readonly exchange: Exchange
  readonly pool: PoolEntry
  readonly untilMs: number
  readonly resume: Resume
}

export class WaitQueue implements Timed {
  deadlineMs = 0
  tickIndex = 0
  readonly #waiting = new Map<Exchange, Waiting>()
  readonly #states: Int32Array
  readonly #at: number
  readonly #own: number
  readonly #ticks: Ticks
  #isListening = false
  #isServing = false

  /** `at` and `own`: the pool's record, and this worker's own; see scoreboard/pool.ts. */
  constructor(states: Int32Array, at: number, own: number, ticks: Ticks) {
    this.#states = states
    this.#at = at
    this.#own = own
    this.#ticks = ticks
  }

  /** Does anybody wait, in any worker? */
  hasWaiting(): boolean {
    return this.#states[this.#at + QUEUED] !== 0
  }

  /** Waits for a place, behind all others; false when the queue is full. `resume` is called when there is one. */
  join(exchange: Exchange, pool: PoolEntry, size: number, timeoutMs: number, resume: Resume): boolean {
    if (Atomics.add(this.#states, this.#at + QUEUED, 1) >= size) {
      Atomics.sub(this.#states, this.#at + QUEUED, 1)
      return false
    }
    Atomics.add(this.#states, this.#own + OWN_QUEUED, 1)
    if (this.#waiting.size === 0) {
      this.#ticks.join(this)
      this.deadlineMs = this.#ticks.nowMs
    }
    this.#waiting.set(exchange, {exchange, pool, untilMs: this.#ticks.nowMs + timeoutMs, resume})
    exchange.queue = this
    // Listens before it looks, or a place that becomes free in between would be missed.
    this.#listen()
    this.#serve()
    return true
  }

  /** Waits no more: it has its place, its time is up, or its client has gone. */
  leave(exchange: Exchange): void {
    exchange.queue = null
    if (!this.#waiting.delete(exchange)) return
    Atomics.sub(this.#states, this.#own + OWN_QUEUED, 1)
    Atomics.sub(this.#states, this.#at + QUEUED, 1)
    if (this.#waiting.size > 0) return
    this.deadlineMs = 0
    this.#ticks.leave(this)
  }

  /** A place may have become free. */
  wake(): void {
    const waiting = this.#states[this.#at + QUEUED] ?? 0
    if (waiting === 0) return
    if (waiting === this.#waiting.size) {
      this.#serve()
      return
    }
    Atomics.add(this.#states, this.#at + WOKEN, 1)
    Atomics.notify(this.#states, this.#at + WOKEN)
  }

  /** Every tick. */
  onDeadline(): void {
    this.deadlineMs = this.#ticks.nowMs
    for (const {exchange, untilMs} of this.#waiting.values()) {
      if (untilMs <= this.#ticks.nowMs) exchange.client.fail(exchange, 'queue-timeout')
    }
    this.#serve()
  }

  // A request that ends as soon as it is sent wakes the queue that is just being served; the loop sees its place.
  #serve(): void {
    if (this.#isServing) return
    this.#isServing = true
    for (const {exchange, pool, resume} of this.#waiting.values()) {
      const place = pickPlace(pool)
      if (place === 'full') break
      if (typeof place === 'string') {
        exchange.client.fail(exchange, place)
        continue
      }
      // Another worker was faster.
      if (!this.#give(exchange, place)) break
      resume(exchange)
    }
    this.#isServing = false
  }

  #give(exchange: Exchange, place: MemberEntry): boolean {
    const {member} = exchange
    if (!countAttempt(exchange, place)) return false
    this.leave(exchange)
    if (member !== null && member !== place) readdress(exchange, member, place)
    return true
  }

  // One promise for all who wait, and none while nobody does. It does not keep the thread alive.
  #listen(): void {
    if (this.#isListening) return
    const {states, at} = {states: this.#states, at: this.#at + WOKEN}
    const woken = Atomics.waitAsync(states, at, Atomics.load(states, at))
    if (!woken.async) return
    this.#isListening = true
    void woken.value.then(() => {
      this.#isListening = false
      if (this.#waiting.size === 0) return
      this.#listen()
      this.#serve()
    })
  }
}

/**
 * Takes a place for the exchange at its member, or at another one of the pool, or lets it wait for one. True: it has its
 * place now. Else it has been answered, or `resume` is called in its turn.
 */
export function enter(exchange: Exchange, member: MemberEntry, resume: Resume): boolean {
  const {pool} = member
  const {queue, waiting} = pool
  if (exchange.attempted === member) return true
  // Nobody overtakes those who wait.
  const mustWait = waiting?.hasWaiting() ?? false
  if (!mustWait && (countAttempt(exchange, member) || takeAnother(exchange, member))) return true
  if (queue === null || waiting === null) exchange.client.fail(exchange, 'all-busy')
  else if (!waiting.join(exchange, pool, queue.size, queue.timeoutMs, resume))
    exchange.client.fail(exchange, 'queue-full')
  return false
}

// ---

// The last place was taken between the pick and now.
function takeAnother(exchange: Exchange, member: MemberEntry): boolean {
  const place = pickPlace(member.pool)
  if (typeof place === 'string' || !countAttempt(exchange, place)) return false
  readdress(exchange, member, place)
  return true
}
