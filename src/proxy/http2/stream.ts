// One request on a connection of HTTP/2. To whoever forwards it, it is a client of HTTP/1.1: its head was written as one
// (fields.ts), its answer comes as the text of one and is taken apart here. Flow control is pause and resume, as elsewhere: a
// stream that is not read gets no window.

import {constants, type ServerHttp2Stream} from 'node:http2'
import type {Socket} from 'node:net'
import type {HostRoutes} from '../../router/routing.ts'
import type {RouteEntry} from '../entries.ts'
import {countRefusal, type Exchange, finishExchange, type Requester} from '../exchange.ts'
import {FAILURES, type FailureCode, textOf} from '../failure.ts'
import {CRLF_CRLF} from '../http1/bytes.ts'
import {beginRequest} from '../http1/request.ts'
import {sendBody} from '../http1/request-body.ts'
import {parseRequestHead} from '../http1/request-head.ts'
import {failureAnswer} from '../respond.ts'
import type {Table} from '../table.ts'
import type {Thread} from '../thread.ts'
import type {Timed} from '../ticks.ts'
import type {Secured} from '../tls/accept.ts'
import {answerFields, fieldsObject, requestHead} from './fields.ts'
import type {Session} from './session.ts'

/** A client's pace is judged over windows of this length. */
const PACE_MS = 5_000
/** What an exchange of HTTP/2 has as its minor version: its body is neither in chunks nor ended by the connection. */
export const HTTP2 = 2

type OwnedStream = ServerHttp2Stream & {client: StreamClient}

export class StreamClient implements Requester, Timed {
  readonly thread: Thread
  readonly secured: Secured | null
  readonly address: string
  readonly isTrusted: boolean
  readonly requests: number
  readonly isService = false
  readonly hasEnded = false
  readonly stream: ServerHttp2Stream
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
  hostValue = ''
  host = ''
  hostTable: Table | null = null
  hostRoutes: HostRoutes<RouteEntry> | null = null
  forwarding = ''
  hsts = ''
  refusal: FailureCode | null = null
  isRedirected = false
  #isWrapped = false
  #isPaused = false
  #received = 0
  #written = 0
  #paced = 0

  constructor(session: Session, stream: ServerHttp2Stream) {
    const {thread, secured, address, isTrusted, requests} = session
    this.thread = thread
    this.secured = secured
    this.address = address
    this.isTrusted = isTrusted
    this.requests = requests
    this.stream = stream
    this.socket = stream as unknown as Socket
    ;(stream as OwnedStream).client = this
    thread.ticks.join(this)
    stream.on('error', onError)
    stream.on('close', onClose)
    stream.on('drain', onDrain)
  }

  /** Reads the request and begins its exchange. */
  begin(fields: readonly string[], hasBody: boolean): void {
    const {edge, requestHead: head, table} = this.thread
    const request = requestHead(fields, hasBody)
    const bytes = request === null ? null : Buffer.from(request.head, 'latin1')
    const problem =
      bytes === null
        ? 'bad-request'
        : bytes.indexOf(CRLF_CRLF) !== bytes.length - 4
          ? 'bad-request'
          : bytes.length > edge.headBytes
            ? 'head-too-large'
            : parseRequestHead(bytes, 0, bytes.length, edge.headers + 1, table.forward, head)
    if (request === null || problem) {
      this.#refuse(problem ?? 'bad-request')
      return
    }
    head.minor = HTTP2
    this.#isWrapped = request.isWrapped
    if (hasBody) {
      this.stream.on('data', onData)
      this.stream.on('end', onEnd)
    } else {
      this.stream.resume()
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
      // Node would say that the body has ended before it resets, and a client that was told no length would believe it.
      this.stream._final = callback => callback(null)
      this.stream.close(constants.NGHTTP2_INTERNAL_ERROR)
      return
    }
    const fields = this.thread.ticks.dateField + this.hsts
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
    const {stream} = this
    if (stream.destroyed || stream.closed) return
    if (typeof data === 'string' && !stream.headersSent) {
      const end = data.indexOf('\r\n\r\n') + 4
      if (this.exchange !== null) this.exchange.bytesOut += end
      this.#respond(data.slice(0, end))
      if (end < data.length) this.write(Buffer.from(data.slice(end), 'latin1'))
      return
    }
    if (stream.writableEnded) return
    const bytes = typeof data === 'string' ? Buffer.from(data, 'latin1') : data
    this.#written += bytes.length
    if (this.exchange !== null) this.exchange.bytesOut += bytes.length
    if (stream.write(bytes)) return
    this.exchange?.upstream?.pause()
    if (this.deadlineMs === 0) this.startPace()
  }

  /** The answer is whole. What the client still sends of its request is not wanted (RFC 9113 §8.1). */
  complete(exchange: Exchange): void {
    const {stream} = this
    const isUnread = !exchange.isRequestDone
    finishExchange(exchange)
    this.exchange = null
    this.pending = null
    if (stream.destroyed) return
    if (!stream.writableEnded) stream.end()
    if (isUnread) {
      stream.off('data', onData)
      stream.resume()
      stream.close(constants.NGHTTP2_NO_ERROR)
    } else if (stream.writableLength > 0) {
      this.startPace()
    }
  }

  ownPending(): Buffer | null {
    return this.pending
  }

  isHolding(): boolean {
    return this.stream.writableLength > 0
  }

  startPace(): void {
    this.#paced = this.#moved()
    this.deadlineMs = this.thread.ticks.nowMs + PACE_MS
  }

  pause(): void {
    if (this.#isPaused) return
    this.#isPaused = true
    this.stream.pause()
  }

  resume(): void {
    if (!this.#isPaused || this.stream.destroyed) return
    this.#isPaused = false
    this.stream.resume()
  }

  detach(): void {}

  /** A part of the body has come. */
  take(data: Buffer): void {
    this.#received += data.length
    if (data.length === 0) return
    const piece = this.#isWrapped ? Buffer.concat([Buffer.from(`${data.length.toString(16)}\r\n`), data, CRLF]) : data
    this.#pass(piece)
  }

  /** The body has come whole. */
  takeEnd(): void {
    if (this.#isWrapped) this.#pass(LAST_CHUNK)
  }

  /** Slow bodies and slow readers: the rules of the connections of HTTP/1.1. */
  onDeadline(): void {
    const {exchange, stream, thread} = this
    const isTaking = stream.writableLength > 0
    const isSending = exchange !== null && !exchange.isRequestDone && !this.#isPaused && !exchange.expectsContinue
    if (!isTaking && (exchange === null || exchange.isRequestDone)) return
    const moved = this.#moved() - this.#paced
    if ((isSending || isTaking) && moved < (thread.edge.bodyRateBytesPerS * PACE_MS) / 1000) {
      if (exchange !== null && !exchange.hasAnswerBegun) this.fail(exchange, 'body-timeout')
      else stream.close(constants.NGHTTP2_CANCEL)
      return
    }
    this.startPace()
  }

  #respond(head: string): void {
    const {stream} = this
    const status = Number(head.slice(9, 12))
    if (status < 200) {
      const fields = fieldsObject(head.slice(head.indexOf('\r\n') + 2))
      stream.additionalHeaders({...fields, ':status': status})
      return
    }
    const waitForTrailers = this.exchange?.takesTrailers ?? false
    if (waitForTrailers) stream.on('wantTrailers', onWantTrailers)
    stream.respond(answerFields(head), {waitForTrailers})
  }

  #pass(piece: Buffer): void {
    const {exchange} = this
    if (exchange === null || exchange.isRequestDone) return
    this.pending = this.pending === null ? piece : Buffer.concat([this.pending, piece])
    sendBody(exchange)
  }

  #refuse(code: FailureCode): void {
    countRefusal(this, code)
    this.write(failureAnswer(code, this.thread.ticks.dateField, false, true))
    this.stream.end()
    this.stream.close(constants.NGHTTP2_NO_ERROR)
  }

  #moved(): number {
    return this.#received + this.#written - this.stream.writableLength
  }
}

// ---

const CRLF = Buffer.from('\r\n')
const LAST_CHUNK = Buffer.from('0\r\n\r\n')

function onData(this: ServerHttp2Stream, data: Buffer): void {
  ;(this as OwnedStream).client.take(data)
}

function onEnd(this: ServerHttp2Stream): void {
  ;(this as OwnedStream).client.takeEnd()
}

function onDrain(this: ServerHttp2Stream): void {
  ;(this as OwnedStream).client.exchange?.upstream?.resume()
}

function onWantTrailers(this: ServerHttp2Stream): void {
  this.sendTrailers(fieldsObject((this as OwnedStream).client.trailers))
}

function onError(): void {
  // 'close' follows and does the work.
}

function onClose(this: ServerHttp2Stream): void {
  const {client} = this as OwnedStream
  client.thread.ticks.leave(client)
  client.pending = null
  const {exchange} = client
  if (exchange === null) return
  client.exchange = null
  exchange.upstream?.abort()
  exchange.isAbandoned = true
  finishExchange(exchange)
}
