// The connections of one worker to one instance that speaks HTTP/2, and the requests that wait for a stream on one of them.
// The first connection that has room takes a request, so that those of a burst become idle and end.

import type {Exchange} from '../exchange.ts'
import type {FailureCode} from '../failure.ts'
import type {Origin} from '../origin.ts'
import {UpstreamSession} from './session.ts'
import {UpstreamStream} from './stream.ts'

/** Connections of one worker to one instance, those that end with their last stream included. */
const SESSIONS_MAX = 100
/** Requests of one worker that wait for a connection to one instance, or for a stream on one. */
const WAITING_MAX = 1024
/** Streams that a connection is thought to take before an instance has said it (RFC 9113 §6.5.2). */
const STREAMS_EXPECTED = 100

export class Sessions {
  readonly #origin: Origin
  readonly #sessions: UpstreamSession[] = []
  /** In the order in which they came. */
  readonly #waiting = new Set<UpstreamStream>()

  constructor(origin: Origin) {
    this.#origin = origin
  }

  /** Sends the request of an exchange that has its place at the instance; `again` sends it to whom it may go next. */
  forward(exchange: Exchange, again: (exchange: Exchange) => void): void {
    const stream = new UpstreamStream(exchange, this, again)
    const session = this.#waiting.size === 0 ? this.#withRoom() : undefined
    if (session) {
      stream.open(session)
      return
    }
    if (this.#waiting.size >= WAITING_MAX) {
      stream.fail(exchange, 'no-stream')
      return
    }
    this.#waiting.add(stream)
    this.#dial(stream)
  }

  /** The stream does not wait any more. */
  forget(stream: UpstreamStream): void {
    this.#waiting.delete(stream)
  }

  /** Is there a connection that is not open yet? */
  isConnecting(): boolean {
    return this.#sessions.some(session => !session.isOpen)
  }

  onRoom(): void {
    for (const stream of this.#waiting) {
      const session = this.#withRoom()
      if (!session) {
        this.#dial(stream)
        return
      }
      this.#waiting.delete(stream)
      stream.open(session)
    }
  }

  onGone(session: UpstreamSession, code: FailureCode): void {
    this.#sessions.splice(this.#sessions.indexOf(session), 1)
    // Who waits may have another connection, but for one that could not be made when there is none.
    if (session.isOpen || this.#sessions.some(other => !other.isOpen || other.hasRoom() || other.streams > 0)) {
      this.onRoom()
      return
    }
    const failed = [...this.#waiting]
    this.#waiting.clear()
    for (const stream of failed) stream.failWaiting(code)
  }

  /** Closes what has been idle for `idleMs`. */
  trim(idleMs: number): void {
    for (const session of [...this.#sessions]) session.leaveIfIdle(idleMs)
  }

  #withRoom(): UpstreamSession | undefined {
    return this.#sessions.find(session => session.hasRoom())
  }

  // As many as those who wait will need; none to an instance that says it takes nothing now.
  #dial({thread, connectMs}: UpstreamStream): void {
    const streamsEach = this.#sessions.find(session => session.isOpen)?.streamsMax ?? STREAMS_EXPECTED
    const connecting = this.#sessions.filter(session => !session.isOpen).length
    if (streamsEach === 0 || this.#sessions.length >= SESSIONS_MAX) return
    if (connecting * streamsEach < this.#waiting.size)
      this.#sessions.push(new UpstreamSession(thread, this.#origin, this, connectMs))
  }
}
