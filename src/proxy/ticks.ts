// All deadlines of a worker behind one timer. Setting one is an assignment, which a timer per request is not; it is kept to
// within TICK_MS. Whoever has deadlines joins once when it is opened and leaves when it is closed.

import {sharedNow} from '../scoreboard/time.ts'

export const TICK_MS = 100

/** 0 in `deadlineMs` means none. `onDeadline` sets the next one or leaves it at the 0 that it finds. */
export type Timed = {deadlineMs: number; tickIndex: number; onDeadline(): void}

export class Ticks {
  /** Milliseconds of the worker's own clock, as of the last tick: exact enough for deadlines, free to read. */
  nowMs = performance.now()
  /** The same moment in deciseconds of the clock that all threads share; see scoreboard/time.ts. */
  nowDs = sharedNow()
  /** 'Date: …' with its CRLF, for answers that have none (RFC 9110 §6.6.1). */
  dateField = dateField()
  readonly #members: Timed[] = []

  join(member: Timed): void {
    member.tickIndex = this.#members.length
    this.#members.push(member)
  }

  leave(member: Timed): void {
    const last = this.#members.pop()
    if (last === undefined || last === member) return
    this.#members[member.tickIndex] = last
    last.tickIndex = member.tickIndex
  }

  tick(): void {
    const now = performance.now()
    this.nowMs = now
    this.nowDs = sharedNow()
    this.dateField = dateField()
    // From the end, because a member that leaves is replaced by the last one, which has been seen by then.
    for (let i = this.#members.length - 1; i >= 0; i--) {
      const member = this.#members[i]
      if (!member || member.deadlineMs === 0 || member.deadlineMs > now) continue
      member.deadlineMs = 0
      member.onDeadline()
    }
  }
}

function dateField(): string {
  return `Date: ${new Date().toUTCString()}\r\n`
}
