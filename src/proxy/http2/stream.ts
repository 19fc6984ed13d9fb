// One request on a connection of HTTP/2. To whoever forwards it, it is a client of HTTP/1.1: its head was written as one
// (request-fields.ts), its body comes in by incoming.ts, its answer comes as the text of one and is sent by outgoing.ts. While
// some of that waits, the instance is not read; what the client sends is credited when it has been passed on.

import type {Socket} from 'node:net'
import type {HostRoutes} from '../../router/routing.ts'
import type {RouteEntry} from '../entries.ts'
import {countRefusal, type Exchange, finishExchange, type Requester} from '../exchange.ts'
import {FAILURES, type FailureCode, textOf} from '../failure.ts'
import {callFailure, mayBeSilent} from '../grpc.ts'
import {PACE_MS} from '../http1/judge-client.ts'
import {beginRequest} from '../http1/request.ts'
import {sendBody} from '../http1/request-body.ts'
import {parseRequestHead} from '../http1/request-head.ts'
import {failureAnswer} from '../respond.ts'
import type {Table} from '../table.ts'
import type {Thread} from '../thread.ts'
import type {Timed} from '../ticks.ts'
import type {Secured} from '../tls/accept.ts'
import {CANCEL, INTERNAL_ERROR, NO_ERROR, PROTOCOL_ERROR, WINDOW_BYTES_MAX} from './frame.ts'
import {Incoming} from './incoming.ts'
import {Outgoing} from './outgoing.ts'
import type {RequestFields} from './request-fields.ts'
import type {Session} from './session.ts'

/** What an exchange of HTTP/2 has as its minor version: its body is neither in chunks nor ended by the connection. */
export const HTTP2 = 2

export class StreamClient implements Requester, Timed {
  readonly id: number
  readonly session: Session
  readonly thread: Thread
  readonly secured: Secured | null
  readonly address: string
  readonly isTrusted: boolean
  readonly requests: number
  readonly isService = false
  readonly hasEnded = false
  /** Held back and let go while an answer begins. */
  readonly socket: Socket
  deadlineMs = 0
  tickIndex = 0
  exchange: Exchange | null = null
  tunnel = null
  /** Bytes of the body that no instance has taken yet. */
  pending: Buffer | null = null
  /** Lines of the trailers of the answer, to be sent behind it. */
  trailers = ''
  hostValue: string
  host: string
  hostTable: Table | null
  hostRoutes: HostRoutes<RouteEntry> | null
  forwarding: string
  hsts: string
  refusal: FailureCode | null
  isRedirected: boolean
  isClosed = false

  readonly #in: Incoming
  readonly #out: Outgoing
  /** The answer is whole, and then: its end was sent. */
  #isEnding = false
  #hasEnded = false
  /** The rest of the request is not wanted. */
  #isUnread = true
  #paced = 0

  constructor(session: Session, id: number) {
    const {thread, secured, address, isTrusted, requests, socket, latest} = session
    this.id = id
    this.session = session
    this.thread = thread
    this.secured = secured
    this.address = address
    this.isTrusted = isTrusted
    this.requests = requests
    this.socket = socket
    this.hostValue = latest === null ? '' : latest.hostValue
    this.host = latest === null ? '' : latest.host
    this.hostTable = latest === null ? null : latest.hostTable
    this.hostRoutes = latest === null ? null : latest.hostRoutes
    this.forwarding = latest === null ? '' : latest.forwarding
    this.hsts = latest === null ? '' : latest.hsts
    this.refusal = latest === null ? null : latest.refusal
    this.isRedirected = latest === null ? false : latest.isRedirected
    this.#in = new Incoming(session, id)
    this.#out = new Outgoing(session, id)
    session.latest = this
    session.streams.set(id, this)
    thread.ticks.join(this)
  }

  /** Reads the request and begins its exchange; `body` is what has come of its body already, and will be taken yet. */
  begin(fields: RequestFields, hasBody: boolean, body: Buffer | null): void {
    const {edge, requestHead: head, table, headBytes: scratch} = this.thread
    const incoming = this.#in
    incoming.hasEnded = !hasBody
    incoming.isWrapped = hasBody && !fields.hasLength
    if (fields.isTooLarge()) {
      this.#refuse('head-too-large')
      return
    }
    if (!fields.isOfOneHost()) {
      this.#refuse('bad-request')
      return
    }
    const text = fields.head(incoming.isWrapped)
    if (text.length > edge.headBytes) {
      this.#refuse('head-too-large')
      return
    }
    const length = scratch.latin1Write(text, 0)
    const problem = parseRequestHead(scratch, 0, length, edge.headers + 1, table.forward, head)
    if (problem) {
      this.#refuse(problem)
      return
    }
    incoming.length = head.contentLength
    if (!hasBody && head.contentLength > 0) {
      this.blame(PROTOCOL_ERROR)
      return
    }
    head.minor = HTTP2
    if (body !== null && body.length > 0 && (incoming.length < 0 || body.length <= incoming.length)) {
      incoming.isAhead = true
      this.pending = incoming.framed(body)
    }
    beginRequest(this, head)
  }

  /** Answers a failure, or resets the stream when the answer has begun: never a clean end. */
  fail(exchange: Exchange, code: FailureCode): void {
    if (exchange.isFinished) return
    exchange.upstream?.abort()
    exchange.status = FAILURES[code].status
    exchange.failure = code
    if (exchange.hasAnswerBegun) {
      finishExchange(exchange)
      this.reset(INTERNAL_ERROR)
      return
    }
    const fields = this.thread.ticks.dateField + this.hsts
    if (exchange.isGrpc) {
      this.answer(exchange, callFailure(code, fields, textOf(code, code)))
      return
    }
    const isHead = exchange.method === 'HEAD'
    this.answer(exchange, failureAnswer(code, fields, isHead, true, exchange.retryAfterS, textOf(code, code)))
  }

  /** Gives an answer of our own, whole. */
  answer(exchange: Exchange, text: string): void {
    exchange.hasAnswerBegun = true
    // The head is no part of what is counted.
    exchange.bytesOut = -(text.indexOf('\r\n\r\n') + 4)
    this.write(text)
    this.complete(exchange)
  }

  /** A part of the answer: its head first, as text, perhaps with a small body behind it; then bytes. */
  write(data: string | Buffer): void {
    if (this.isClosed || this.#isEnding) return
    if (this.exchange !== null) this.exchange.bytesOut += data.length
    if (typeof data !== 'string') {
      this.#go(this.#out.bytes(data))
    } else if (this.#out.hasHead) {
      this.#go(this.#out.text(data))
    } else {
      const end = data.indexOf('\r\n\r\n') + 4
      this.#out.head(data, end)
      if (end < data.length) this.#go(this.#out.text(data.slice(end)))
    }
  }

  /** The answer is whole. What the client still sends of its request is not wanted (RFC 9113 §8.1). */
  complete(exchange: Exchange): void {
    this.#isUnread = !exchange.isRequestDone
    finishExchange(exchange)
    this.exchange = null
    this.pending = null
    this.#end()
  }

  ownPending(): Buffer | null {
    return this.pending
  }

  /** What has gone into frames was copied there. */
  isHolding(): boolean {
    return this.#out.queuedBytes > 0
  }

  /** Something in this buffer waits for a window. */
  hold(buffer: Buffer): void {
    this.#out.hold(buffer)
  }

  startPace(): void {
    this.#paced = this.#moved()
    this.deadlineMs = this.thread.ticks.nowMs + PACE_MS
  }

  pause(): void {
    this.#in.isPaused = true
  }

  resume(): void {
    this.#in.resume()
  }

  detach(): void {}

  /** The client has sent all of its request. */
  hasClientEnded(): boolean {
    return this.#in.hasEnded
  }

  /** A frame of the body begins; the code of the error when it may not. */
  expect(length: number): number {
    return this.#in.expect(length)
  }

  /** A part of the body has come. */
  take(data: Buffer): void {
    const incoming = this.#in
    if (!incoming.count(data.length)) this.blame(PROTOCOL_ERROR)
    else if (!incoming.isAhead) this.#pass(incoming.framed(data))
    // It comes whole, as it was seen.
    else incoming.isAhead = false
    this.credit(data.length)
  }

  /** The body has come whole. */
  takeEnd(): void {
    const incoming = this.#in
    if (!incoming.isWhole()) {
      this.blame(PROTOCOL_ERROR)
      return
    }
    incoming.hasEnded = true
    const last = incoming.end()
    if (this.#hasEnded) this.#close()
    else if (last !== null) this.#pass(last)
  }

  /** Bytes have been passed on, or need not be. */
  credit(bytes: number): void {
    if (this.isClosed) this.session.credit(bytes)
    else this.#in.credit(bytes)
  }

  /** The client takes so many bytes more, or less; false when that is beyond what a window may be. */
  widen(bytes: number): boolean {
    const out = this.#out
    out.window += bytes
    if (out.window > 0 && out.queuedBytes > 0) this.session.sending.add(this)
    return out.window <= WINDOW_BYTES_MAX
  }

  /** Sends one frame of what waits; true when more could follow. */
  sendFrame(): boolean {
    const out = this.#out
    out.frame()
    if (out.queuedBytes > 0) return out.window > 0
    if (this.#isEnding) this.#endNow()
    else this.exchange?.upstream?.resume()
    return false
  }

  reset(code: number): void {
    if (this.isClosed) return
    this.session.resetStream(this.id, code)
    this.abandon()
  }

  /** Resets it for what the client has done, which counts as if the client had. */
  blame(code: number): void {
    this.reset(code)
    this.session.countReset()
  }

  /** Nobody waits for the answer any more. */
  abandon(): void {
    this.#close()
    const {exchange} = this
    if (exchange === null) return
    this.exchange = null
    exchange.upstream?.abort()
    exchange.isAbandoned = true
    finishExchange(exchange)
  }

  /** Slow bodies and slow readers: the rules of the connections of HTTP/1.1. */
  onDeadline(): void {
    const {exchange, thread} = this
    if (this.#hasEnded) {
      this.reset(NO_ERROR)
      return
    }
    const isTaking = this.#out.queuedBytes > 0
    const isSending =
      exchange !== null &&
      !exchange.isRequestDone &&
      !this.#in.isPaused &&
      !exchange.expectsContinue &&
      !mayBeSilent(exchange)
    if (!isTaking && (exchange === null || exchange.isRequestDone)) return
    const moved = this.#moved() - this.#paced
    if ((isSending || isTaking) && moved < (thread.edge.bodyRateBytesPerS * PACE_MS) / 1000) {
      if (exchange !== null && !exchange.hasAnswerBegun) this.fail(exchange, 'body-timeout')
      else this.reset(CANCEL)
      return
    }
    this.startPace()
  }

  #refuse(code: FailureCode): void {
    countRefusal(this, code)
    this.write(failureAnswer(code, this.thread.ticks.dateField, false, true))
    this.#end()
  }

  #pass(piece: Buffer): void {
    const {exchange} = this
    if (exchange === null || exchange.isRequestDone) return
    this.pending = this.pending === null ? piece : Buffer.concat([this.pending, piece])
    sendBody(exchange)
  }

  // Some of what was written waits: the instance does, too.
  #go(isFlowing: boolean): void {
    if (isFlowing) return
    if (this.#out.window > 0) this.session.sending.add(this)
    this.exchange?.upstream?.pause()
    if (this.deadlineMs === 0) this.startPace()
  }

  #end(): void {
    if (this.isClosed) return
    this.#isEnding = true
    if (this.#out.queuedBytes === 0) this.#endNow()
    else this.startPace()
  }

  #endNow(): void {
    const {session, trailers} = this
    if (trailers === '') this.#out.end()
    else this.#out.trailers(trailers)
    this.#hasEnded = true
    // A body that is whole by its length is ended by one frame more, which may be on its way.
    if (!this.#in.hasEnded && !this.#isUnread) {
      this.startPace()
      return
    }
    if (!this.#in.hasEnded) session.resetStream(this.id, NO_ERROR)
    this.#close()
  }

  #close(): void {
    if (this.isClosed) return
    this.isClosed = true
    this.pending = null
    this.#out.drop()
    this.#in.drop()
    this.session.leave(this)
  }

  #moved(): number {
    return this.#in.received + this.#out.written - this.#out.queuedBytes
  }
}
