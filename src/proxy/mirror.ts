// A copy of a request for the mirror of its route. It is an exchange of its own that nobody waits for: it goes out when the
// original has been sent whole, to an instance that is picked as for any request, and its answer is read and thrown away.
// Nothing of it can reach the client: whatever goes wrong ends the copy alone.

import type {Socket} from 'node:net'
import {COPIES_DROPPED} from '../scoreboard/segment.ts'
import type {RouteEntry} from './entries.ts'
import {type Downstream, Exchange, finishExchange} from './exchange.ts'
import {FAILURES, type FailureCode} from './failure.ts'
import {readdress} from './http1/readdress.ts'
import type {RequestHead} from './http1/request-head.ts'
import {forward} from './http1/upstream.ts'
import {bodyFor} from './mirror-body.ts'
import {pick} from './pick.ts'
import type {Thread} from './thread.ts'
import type {Timed} from './ticks.ts'
import {traceOfCopy} from './tracing/trace.ts'

/** Copies under way in a worker; with their bodies they are what a mirror that hangs can cost. */
const COPIES_MAX = 512
/** Of a body with its chunks; a request with a longer one is not copied. */
const BODY_BYTES_MAX = 65_536
/** Of an answer; a longer one is not read to its end, and its connection is closed. */
const ANSWER_BYTES_MAX = 1 << 20
/** From the first byte sent to the last byte of the answer. */
const COPY_MS = 30_000
/** All that is asked of the socket of a client is to hold back and to let go. */
const NOWHERE = {cork() {}, uncork() {}} as unknown as Socket

/**
 * The copy of a request whose head is composed, when chance wants one; null, and counted unless it was chance, when none can
 * be made. It takes the body as it flows, and is sent or dropped by whoever sends the original.
 */
export function copyFor(
  original: Exchange,
  head: RequestHead,
  target: string,
  {entry, share}: NonNullable<RouteEntry['mirror']>,
): RequestCopy | null {
  // Without an instance the original is never sent.
  if (original.member === null || Math.random() >= share) return null
  const {thread} = original.client
  if (thread.copies < COPIES_MAX && head.contentLength <= BODY_BYTES_MAX) {
    const copy = new RequestCopy(original, entry)
    const member = entry.pool && pick(entry.pool, copy.exchange, head, target)
    if (member) {
      copy.exchange.member = member
      copy.exchange.requestHead = original.requestHead
      if (original.trace !== null) copy.exchange.trace = traceOfCopy(original.trace)
      readdress(copy.exchange, original.member, member)
      thread.copies++
      return copy
    }
    copy.forget()
  }
  countDropped(original)
  return null
}

/** One copy, from the head of its original to the end of its answer. */
export class RequestCopy implements Downstream, Timed {
  readonly thread: Thread
  readonly exchange: Exchange
  deadlineMs = 0
  tickIndex = 0
  readonly #original: Exchange
  #body = ''
  #answerBytes = 0
  #isSent = false
  #isOver = false

  // What a client's connection is asked for by those who forward; the client of the original is hashed.
  readonly socket = NOWHERE
  readonly address: string
  readonly isTrusted: boolean
  readonly hostValue: string
  readonly secured = null
  readonly pending = null
  readonly hsts = ''
  trailers = ''
  readonly tunnel = null
  readonly hasEnded = false

  constructor(original: Exchange, entry: RouteEntry) {
    const {client, method} = original
    this.thread = client.thread
    this.address = client.address
    this.isTrusted = client.isTrusted
    this.hostValue = client.hostValue
    this.#original = original
    this.exchange = new Exchange(this, method, 1, 0, false, false)
    this.exchange.route = entry
  }

  /** A part of the body, as it goes to the instance of the original. Kept as text: a slice would hold the whole read. */
  take(bytes: Buffer, from: number, to: number): void {
    this.#body += bytes.latin1Slice(from, to)
    if (this.#body.length <= BODY_BYTES_MAX) return
    countDropped(this.#original)
    this.drop()
  }

  /** The original has been sent whole: so is this. */
  send(): void {
    const {exchange, thread} = this
    this.#original.copy = null
    this.#isSent = true
    this.deadlineMs = thread.ticks.nowMs + COPY_MS
    thread.ticks.join(this)
    exchange.replay = exchange.requestHead + bodyFor(exchange, this.#original, this.#body)
    forward(exchange)
  }

  /** The original ends before it was sent whole. */
  drop(): void {
    this.#original.copy = null
    this.forget()
    this.#end()
  }

  /** It was never sent: whatever it was let in for, such as the probe of a circuit, is open to others. */
  forget(): void {
    this.exchange.isAbandoned = true
    finishExchange(this.exchange)
  }

  /** A part of the answer; what is too long is read no further, and ends with the next tick. */
  write(data: string | Buffer): void {
    this.#answerBytes += data.length
    if (this.#answerBytes <= ANSWER_BYTES_MAX) return
    this.exchange.upstream?.pause()
    this.deadlineMs = this.thread.ticks.nowMs
  }

  complete(exchange: Exchange): void {
    finishExchange(exchange)
    this.#end()
  }

  fail(exchange: Exchange, code: FailureCode): void {
    if (exchange.isFinished) return
    exchange.upstream?.abort()
    exchange.status = FAILURES[code].status
    exchange.failure = code
    this.complete(exchange)
  }

  onDeadline(): void {
    const {exchange} = this
    if (!exchange.hasAnswerBegun) {
      this.fail(exchange, exchange.queue === null ? 'response-timeout' : 'queue-timeout')
      return
    }
    exchange.upstream?.abort()
    this.complete(exchange)
  }

  // There is nobody whose pace could be judged, and nobody to hold up.
  startPace(): void {}
  pause(): void {}
  resume(): void {}
  detach(): void {}
  hold(): void {}
  isHolding(): boolean {
    return false
  }
  ownPending(): null {
    return null
  }

  #end(): void {
    if (this.#isOver) return
    this.#isOver = true
    this.thread.copies--
    if (this.#isSent) this.thread.ticks.leave(this)
  }
}

// ---

function countDropped({route}: Exchange): void {
  if (route === null) return
  const at = route.record + COPIES_DROPPED
  route.counters[at] = (route.counters[at] ?? 0) + 1
}
