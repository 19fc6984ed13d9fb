// The answer of an instance on its way to the client: head parsed and rewritten, body framed for this client, passed on as
// it comes. Interim answers go through, up to a bound.

import {settleProbeByStatus} from '../circuit.ts'
import {type Exchange, noteAnswer} from '../exchange.ts'
import {composeAnswer, passAnswer} from './answer.ts'
import {endOfHead} from './bytes.ts'
import {ChunkScanner, INVALID} from './chunked.ts'
import {withoutFields} from './field.ts'
import {lendCopy} from './lend-copy.ts'
import {fieldsOf, parseResponseHead, type ResponseHead, reasonOf} from './response-head.ts'
import type {UpstreamConnection} from './upstream.ts'

/** Of the head of an answer; what instances set in cookies goes beyond what clients send. */
const HEAD_BYTES_MAX = 65_536
const FIELDS_MAX = 200
/** Interim answers (1xx) to one request. */
const INTERIM_MAX = 32
/** A body of at most this many bytes that came with its head becomes a text with it, where the head does. */
const INLINE_BYTES = 8192

/** RFC 9110 §6.5.1: what frames, routes, controls or authenticates means nothing, or harm, behind the body. */
const NOT_IN_TRAILERS = (
  'content-length transfer-encoding connection keep-alive te trailer upgrade host authorization proxy-authorization ' +
  'www-authenticate proxy-authenticate cookie set-cookie content-encoding content-type content-range location ' +
  'cache-control expires pragma vary age date retry-after forwarded via x-forwarded-for x-forwarded-proto x-forwarded-host'
).split(' ')

const HEAD = 0
const COUNTED = 1
const CHUNKED = 2
const UNTIL_CLOSE = 3

/** Who an answer is read from: a connection, or a stream of one. */
export type Answering = Pick<
  UpstreamConnection,
  'thread' | 'awaitMore' | 'keepFor' | 'release' | 'fail' | 'retryAnswer'
>

export class ResponseReader {
  readonly #upstream: Answering
  #exchange: Exchange | null = null
  #mode = HEAD
  #left = 0
  #chunks: ChunkScanner | null = null
  #hasPassedTrailers = false
  /** The body ends with the connection, but this client gets it in chunks. */
  #isWrapping = false
  /** The instance has said with the head that there is no body, as only HTTP/2 can. */
  #isBodyless = false
  #isReusable = false
  #pending: Buffer | null = null
  #interim = 0
  /** Has anything come back for the request at hand? */
  hasBytes = false

  constructor(upstream: Answering) {
    this.#upstream = upstream
  }

  expect(exchange: Exchange): void {
    this.#exchange = exchange
    this.#mode = HEAD
    this.#pending = null
    this.#interim = 0
    this.hasBytes = false
  }

  /** Is the next to come a part of a body? */
  get isInBody(): boolean {
    return this.#exchange !== null && this.#mode !== HEAD
  }

  /** Takes the next bytes of the answer. Of those that are lent, nothing is kept that was not copied. */
  read(bytes: Buffer, isLent: boolean): void {
    const exchange = this.#exchange
    if (exchange === null) return
    this.hasBytes = true
    if (this.#mode === HEAD) {
      if (this.#pending === null) this.#readHead(exchange, bytes, isLent)
      else this.#readHead(exchange, Buffer.concat([this.#pending, bytes]), false)
      return
    }
    this.#upstream.awaitMore(exchange)
    if (isLent) lendCopy(exchange.client, bytes, copy => this.#readBody(exchange, copy))
    else this.#readBody(exchange, bytes)
  }

  /** A head that does not come in one piece with its body. */
  takeHead(bytes: Buffer, isBodyless: boolean): void {
    this.#isBodyless = isBodyless
    this.read(bytes, false)
  }

  /** The instance has closed: that ends a body without a length, and breaks every other off. `trailers` are lines. */
  end(trailers = ''): void {
    const exchange = this.#exchange
    if (exchange === null || this.#mode !== UNTIL_CLOSE) return
    const passed = exchange.takesTrailers && trailers !== '' ? withoutFields(trailers, NOT_IN_TRAILERS) : ''
    if (this.#isWrapping) exchange.client.write(`0\r\n${passed}\r\n`)
    else if (exchange.minor > 1) exchange.client.trailers = passed
    this.#complete(exchange)
  }

  #readHead(exchange: Exchange, bytes: Buffer, isLent: boolean): void {
    const end = endOfHead(bytes, 0)
    if (end < 0) {
      this.#pending = isLent ? Buffer.from(bytes) : bytes
      if (bytes.length > HEAD_BYTES_MAX) this.#upstream.fail(exchange, 'response-head-too-large')
      return
    }
    this.#pending = null
    const head = this.#upstream.thread.responseHead
    const problem = parseResponseHead(bytes, end, FIELDS_MAX, head)
    if (problem) {
      this.#upstream.fail(exchange, problem)
      return
    }
    if (head.status < 200) {
      this.#readInterim(exchange, head, bytes, end, isLent)
      return
    }
    this.#begin(exchange, head, bytes, end, isLent)
  }

  // 100 was answered by us already; 101 was not asked for; the others (103 Early Hints) are the client's to use.
  #readInterim(exchange: Exchange, head: ResponseHead, bytes: Buffer, end: number, isLent: boolean): void {
    if (head.status === 101 || ++this.#interim > INTERIM_MAX) {
      this.#upstream.fail(exchange, 'response-invalid')
      return
    }
    if (head.status !== 100 && exchange.minor > 0) {
      // What the client has seen of one instance must not be followed by the answer of another.
      exchange.replay = ''
      exchange.client.write(`HTTP/1.1 ${head.status}${reasonOf(head, bytes)}\r\n${fieldsOf(head, bytes)}\r\n`)
    }
    if (end < bytes.length) this.#readHead(exchange, bytes.subarray(end), isLent)
  }

  #begin(exchange: Exchange, head: ResponseHead, bytes: Buffer, end: number, isLent: boolean): void {
    noteAnswer(exchange)
    if (exchange.route?.retry && this.#isRetried(exchange, head, bytes.length - end)) return
    const thread = this.#upstream.thread
    exchange.status = head.status
    exchange.hasAnswerBegun = true
    if (exchange.isProbe) settleProbeByStatus(exchange, head.status)
    // Whoever answers before the request has ended leaves a client that is still sending: both connections end.
    exchange.isPersistent &&= exchange.isRequestDone && !thread.isDraining
    this.#isReusable = head.isPersistent && exchange.isRequestDone
    if (head.keepAliveMs > 0) this.#upstream.keepFor(head.keepAliveMs)
    this.#frame(exchange, head)
    if (this.#mode === COUNTED && this.#beginCounted(exchange, head, bytes, end)) return
    this.#upstream.awaitMore(exchange)
    const socket = exchange.client.socket
    socket.cork()
    this.#writeHead(exchange, head, bytes, '')
    if (end < bytes.length) this.read(bytes.subarray(end), isLent)
    socket.uncork()
  }

  // With one write for the head and what has come behind it; false when that does not go.
  #beginCounted(exchange: Exchange, head: ResponseHead, bytes: Buffer, end: number): boolean {
    const bodyEnd = end + this.#left
    const isWhole = bodyEnd <= bytes.length
    if (!passAnswer(exchange, head, bytes, end, isWhole ? bodyEnd : bytes.length)) {
      if (!isWhole || this.#left > INLINE_BYTES) return false
      this.#writeHead(exchange, head, bytes, bytes.latin1Slice(end, bodyEnd))
    }
    if (!isWhole) {
      this.#left = bodyEnd - bytes.length
      this.#upstream.awaitMore(exchange)
      return true
    }
    if (bodyEnd < bytes.length) this.#isReusable = false
    // All of it has come at once: it ends when it began.
    exchange.endedMs = exchange.answeredMs
    this.#complete(exchange)
    return true
  }

  #writeHead(exchange: Exchange, head: ResponseHead, bytes: Buffer, body: string): void {
    const composed = composeAnswer(exchange, head, bytes, this.#isBodyless)
    // The head is no part of what is counted.
    exchange.bytesOut = -composed.length
    exchange.client.write(composed + body)
  }

  // The connection is worth keeping when the whole answer has come.
  #isRetried(exchange: Exchange, head: ResponseHead, bodyBytes: number): boolean {
    const length = exchange.method === 'HEAD' ? 0 : head.isChunked ? -1 : head.contentLength
    if (head.keepAliveMs > 0) this.#upstream.keepFor(head.keepAliveMs)
    return this.#upstream.retryAnswer(exchange, head.status, head.isPersistent && bodyBytes === length)
  }

  // Where the body ends (RFC 9112 §6.3).
  #frame(exchange: Exchange, head: ResponseHead): void {
    this.#isWrapping = false
    this.#chunks = null
    this.#left = 0
    this.#mode = COUNTED
    if (exchange.method === 'HEAD' || head.status === 204 || head.status === 304) {
      // A body that is announced where none may be could come yet, and meet the next request.
      if (head.status === 204 && (head.isChunked || head.contentLength > 0)) this.#isReusable = false
      return
    }
    if (head.contentLength >= 0) {
      this.#left = head.contentLength
      return
    }
    if (this.#isBodyless) return
    const knowsChunks = exchange.minor === 1
    if (!knowsChunks) exchange.isPersistent = false
    if (head.isChunked) {
      this.#mode = CHUNKED
      this.#hasPassedTrailers = false
      this.#chunks = new ChunkScanner(!knowsChunks)
    } else {
      this.#mode = UNTIL_CLOSE
      this.#isReusable = false
      this.#isWrapping = knowsChunks
    }
  }

  #readBody(exchange: Exchange, data: Buffer): void {
    if (this.#mode === COUNTED) this.#readCounted(exchange, data)
    else if (this.#mode === CHUNKED) this.#readChunks(exchange, data)
    else this.#pass(exchange, data)
  }

  #readCounted(exchange: Exchange, data: Buffer): void {
    if (data.length < this.#left) {
      this.#left -= data.length
      exchange.client.write(data)
      return
    }
    if (data.length > this.#left) this.#isReusable = false
    exchange.client.write(data.length > this.#left ? data.subarray(0, this.#left) : data)
    this.#complete(exchange)
  }

  #readChunks(exchange: Exchange, data: Buffer): void {
    const chunks = this.#chunks
    if (chunks === null) return
    const end = chunks.scan(data, 0, data.length)
    if (end === INVALID) {
      exchange.client.fail(exchange, 'response-invalid')
      return
    }
    // With trailers, the CRLF that ends them is a range of its own, the last one; its LF may come in another read.
    const mayPassTrailers = exchange.takesTrailers && exchange.minor === 1
    const passesTrailers = chunks.isEnding && chunks.trailers !== '' && mayPassTrailers && !this.#hasPassedTrailers
    for (let i = 0; i < chunks.ranges.length; i += 2) {
      if (passesTrailers && i === chunks.ranges.length - 2) {
        this.#hasPassedTrailers = true
        exchange.client.write(withoutFields(chunks.trailers, NOT_IN_TRAILERS))
      }
      exchange.client.write(data.subarray(chunks.ranges[i], chunks.ranges[i + 1]))
    }
    if (end < 0) return
    if (end < data.length) this.#isReusable = false
    // Where there are no chunks on the client's side.
    if (exchange.minor > 1 && exchange.takesTrailers) {
      exchange.client.trailers = withoutFields(chunks.trailers, NOT_IN_TRAILERS)
    }
    this.#complete(exchange)
  }

  #pass(exchange: Exchange, data: Buffer): void {
    if (!this.#isWrapping) {
      exchange.client.write(data)
      return
    }
    const socket = exchange.client.socket
    socket.cork()
    exchange.client.write(`${data.length.toString(16)}\r\n`)
    exchange.client.write(data)
    exchange.client.write('\r\n')
    socket.uncork()
  }

  #complete(exchange: Exchange): void {
    this.#exchange = null
    this.#upstream.release(this.#isReusable)
    exchange.client.complete(exchange)
  }
}
