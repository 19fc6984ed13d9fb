// One request on a connection of HTTP/2 to an instance. To whoever forwards, it is a connection of HTTP/1.1: it takes the head
// as text and the body as bytes, and gives the head of the answer as text to the same strict reader. Both bodies flow at once
// and are held back by the windows of their streams.

import {type ClientHttp2Stream, constants} from 'node:http2'
import {Duplex} from 'node:stream'
import {type Exchange, endAttempt} from '../exchange.ts'
import {FAILURES, type FailureCode} from '../failure.ts'
import {mayBeSilent} from '../grpc.ts'
import {ChunkScanner} from '../http1/chunked.ts'
import {sendBody, takeInlineBody} from '../http1/request-body.ts'
import {ResponseReader} from '../http1/response.ts'
import {isIdempotent, mayRetryAnswer, mayTryAgain} from '../retry.ts'
import type {Thread} from '../thread.ts'
import type {Timed} from '../ticks.ts'
import {answerHead, fieldLines, requestFields} from './fields.ts'
import type {UpstreamSession} from './session.ts'
import type {Sessions} from './sessions.ts'

/** Of a body, what is kept until the answer begins, so that a request that the instance refused unseen can be sent again. */
const KEPT_BYTES = 8192
/** After an answer of a known length, for the frame that says that it has ended. */
const LINGER_MS = 1_000

const {NGHTTP2_CANCEL, NGHTTP2_ENHANCE_YOUR_CALM, NGHTTP2_PROTOCOL_ERROR, NGHTTP2_REFUSED_STREAM} = constants

type OwnedStream = ClientHttp2Stream & {upstream: UpstreamStream}

export class UpstreamStream implements Timed {
  readonly thread: Thread
  readonly reader: ResponseReader
  readonly connectMs: number
  /** What the body is written to. */
  readonly socket = this
  deadlineMs: number
  tickIndex = 0
  exchange: Exchange | null
  isOpen = false
  /** The instance has said where its answer ends. */
  isWhole = false
  trailers = ''
  readonly #sessions: Sessions
  readonly #again: (exchange: Exchange) => void
  #session: UpstreamSession | null = null
  #stream: ClientHttp2Stream | null = null
  #isPaused = false
  #sentMs = 0
  /** What has been sent of a body that flows; null: too much to be sent again. */
  #kept: string | null = ''

  constructor(exchange: Exchange, sessions: Sessions, again: (exchange: Exchange) => void) {
    this.thread = exchange.client.thread
    this.exchange = exchange
    this.#sessions = sessions
    this.#again = again
    this.reader = new ResponseReader(this)
    this.reader.expect(exchange)
    this.connectMs = exchange.route?.timeouts.connectMs ?? 0
    this.deadlineMs = this.thread.ticks.nowMs + this.connectMs
    this.thread.ticks.join(this)
    exchange.upstream = this
    // Bodies go without chunks; nothing of this one has been looked at.
    if (exchange.chunks !== null && !exchange.isSent) exchange.chunks = new ChunkScanner(true)
  }

  /** Sends the head and what has come of the body. */
  open(session: UpstreamSession): void {
    const {exchange} = this
    if (exchange === null) return
    this.#session = session
    this.#sentMs = this.thread.ticks.nowMs
    const inline = exchange.replay === '' ? takeInlineBody(exchange) : null
    if (inline !== null) exchange.replay = exchange.requestHead + inline.latin1Slice()
    const body = exchange.replay.slice(exchange.requestHead.length)
    try {
      const fields = requestFields(exchange.requestHead, session.origin.scheme)
      this.#stream = attach(this, session.request(fields, exchange.isRequestDone && body === ''))
    } catch {
      // What is told once, told twice: Node does not send it, and no client of HTTP/2 could.
      if (session.hasRoom()) exchange.client.fail(exchange, 'bad-request')
      else this.fail(exchange, 'connect-failed')
      return
    }
    this.isOpen = true
    exchange.isSent = true
    if (exchange.isRequestDone) {
      if (exchange.replay === '') exchange.replay = exchange.requestHead
      if (body !== '') this.#stream.write(body, 'latin1')
      this.awaitAnswer(exchange)
      if (exchange.copy !== null) exchange.copy.send()
      return
    }
    // The first part of a body that was refused with its head, and not the whole request.
    exchange.replay = ''
    if (body !== '') this.write(Buffer.from(body, 'latin1'))
    sendBody(exchange)
    if (exchange.isRequestDone || exchange.isFinished) return
    this.awaitSending(exchange)
    if (exchange.expectsContinue) {
      exchange.expectsContinue = false
      exchange.client.write('HTTP/1.1 100 Continue\r\n\r\n')
      exchange.client.startPace()
    }
    exchange.client.resume()
  }

  /** A piece of the body of the request. */
  write(piece: Buffer): boolean {
    if (this.#kept !== null)
      this.#kept = this.#kept.length + piece.length > KEPT_BYTES ? null : this.#kept + piece.latin1Slice()
    return this.#stream?.write(piece) ?? true
  }

  get address(): string {
    return this.#session?.address ?? ''
  }

  /** Does anything that was written still wait for the instance? */
  isHolding(): boolean {
    return this.#stream !== null && this.#stream.writableLength > 0
  }

  /** The request is whole: from now on the instance has the route's time to begin its answer. */
  awaitAnswer(exchange: Exchange): void {
    if (this.#stream !== null && !this.#stream.writableEnded) this.#stream.end()
    if (exchange.hasAnswerBegun) this.awaitMore(exchange)
    else this.deadlineMs = this.thread.ticks.nowMs + (exchange.route?.timeouts.responseMs ?? 0)
  }

  /** The request is still being sent. A call may go on for as long as one of the two says something now and then. */
  awaitSending(exchange: Exchange): void {
    if (exchange.hasAnswerBegun || mayBeSilent(exchange)) this.awaitMore(exchange)
    else this.deadlineMs = this.thread.ticks.nowMs + (exchange.route?.timeouts.sendMs ?? 0)
  }

  awaitMore(exchange: Exchange): void {
    this.deadlineMs = this.thread.ticks.nowMs + (exchange.route?.timeouts.idleMs ?? 0)
  }

  pause(): void {
    this.#isPaused = true
    this.#stream?.pause()
  }

  resume(): void {
    if (!this.#isPaused) return
    this.#isPaused = false
    this.#stream?.resume()
  }

  /** Connections of HTTP/2 are not kept by fields. */
  keepFor(): void {}

  /** Ends the instance's part in its exchange, wherever that is. */
  abort(): void {
    if (this.exchange) this.exchange.upstream = null
    this.exchange = null
    if (this.#stream !== null) {
      this.#reset(this.#stream)
      return
    }
    this.#sessions.forget(this)
    this.thread.ticks.leave(this)
  }

  /** The answer is complete. What has not been sent of the request is not wanted any more (RFC 9113 §8.1). */
  release(): void {
    const {exchange} = this
    this.exchange = null
    if (exchange === null || this.#stream === null) return
    exchange.upstream = null
    if (!exchange.isRequestDone) this.#reset(this.#stream)
    else this.deadlineMs = this.thread.ticks.nowMs + LINGER_MS
    this.#stream.resume()
  }

  /** The instance has failed: the request goes to another one when it may, or the client is told. */
  fail(exchange: Exchange, code: FailureCode): void {
    if (!mayTryAgain(exchange, code)) {
      exchange.client.fail(exchange, code)
      return
    }
    this.abort()
    endAttempt(exchange, true)
    this.#again(exchange)
  }

  /** No connection came about. */
  failWaiting(code: FailureCode): void {
    if (this.exchange !== null) this.fail(this.exchange, code)
  }

  /** Drops an answer of which the client has seen nothing, and tries again, when the route wants that. */
  retryAnswer(exchange: Exchange, status: number): boolean {
    if (!mayRetryAnswer(exchange, status)) return false
    this.abort()
    endAttempt(exchange, true, status)
    this.#again(exchange)
    return true
  }

  onDeadline(): void {
    const {exchange} = this
    if (exchange === null) {
      if (this.#stream !== null) this.#reset(this.#stream)
    } else if (!this.isOpen) {
      this.fail(exchange, this.#sessions.isConnecting() ? 'connect-timeout' : 'no-stream')
    } else if (exchange.hasAnswerBegun) {
      this.#judgeAnswer(exchange)
    } else if (exchange.isRequestDone) {
      this.#failLate(exchange, 'response-timeout')
    } else {
      this.#judgeSending(exchange)
    }
  }

  /** The answer has come to its end, if the instance has said so: Node tells the end of one that was reset, too. */
  takeEnd(): void {
    if (this.isWhole) this.reader.end(this.trailers)
  }

  onClose(stream: ClientHttp2Stream): void {
    const {exchange} = this
    const session = this.#session
    this.thread.ticks.leave(this)
    session?.end()
    if (exchange === null || session === null) return
    this.exchange = null
    exchange.upstream = null
    if (this.#isUnseen(stream, session)) this.#failUnseen(exchange, session)
    else this.#failSeen(exchange, session, this.#failureOf(exchange, stream.rstCode))
  }

  hear(): void {
    if (this.#session !== null) this.#session.heardMs = this.thread.ticks.nowMs
  }

  // A client that does not read is not the instance's fault: its own pace is judged.
  #judgeAnswer(exchange: Exchange): void {
    if (this.#isPaused) this.awaitMore(exchange)
    else exchange.client.fail(exchange, 'response-incomplete')
  }

  // Nor is one that does not send.
  #judgeSending(exchange: Exchange): void {
    if (this.isHolding()) this.#failLate(exchange, 'send-timeout')
    else if (mayBeSilent(exchange)) exchange.client.fail(exchange, 'body-timeout')
    else this.awaitSending(exchange)
  }

  // A connection on which nothing has been heard since may be dead, and would take the next requests with it.
  #failLate(exchange: Exchange, code: FailureCode): void {
    if (this.#session !== null && this.#session.heardMs < this.#sentMs) this.#session.leave()
    this.fail(exchange, code)
  }

  // RFC 9113 §8.7: the instance has not looked at it, whatever the method.
  #isUnseen({id, rstCode}: ClientHttp2Stream, {lastStream}: UpstreamSession): boolean {
    return !this.reader.hasBytes && (rstCode === NGHTTP2_REFUSED_STREAM || id === undefined || id > lastStream)
  }

  #failUnseen(exchange: Exchange, session: UpstreamSession): void {
    if (exchange.replay === '' && this.#kept !== null) exchange.replay = exchange.requestHead + this.#kept
    const mayRepeat = exchange.tries === 0 && exchange.replay !== ''
    // An instance may end a connection when it likes: that is no failure, and the next one is as good.
    if (session.isLeaving() && mayRepeat) this.#repeat(exchange)
    else if (mayTryAgain(exchange, 'stream-refused')) this.#turn(exchange)
    else if (mayRepeat) this.#repeat(exchange)
    else exchange.client.fail(exchange, 'stream-refused')
  }

  // RFC 9112 §9.3.1, as for connections of HTTP/1.1: once, when not one byte came back, and only what may be done twice.
  #failSeen(exchange: Exchange, session: UpstreamSession, code: FailureCode): void {
    const isStale = FAILURES[code].retry === 'if-reused' && session.served > 1 && session.http2?.destroyed
    if (isStale && exchange.tries === 0 && exchange.replay !== '' && isIdempotent(exchange.method))
      this.#repeat(exchange)
    else if (mayTryAgain(exchange, code)) this.#turn(exchange)
    else exchange.client.fail(exchange, code)
  }

  #repeat(exchange: Exchange): void {
    exchange.tries++
    endAttempt(exchange, false)
    this.#again(exchange)
  }

  #turn(exchange: Exchange): void {
    endAttempt(exchange, true)
    this.#again(exchange)
  }

  #failureOf(exchange: Exchange, rstCode: number): FailureCode {
    if (exchange.hasAnswerBegun || this.reader.hasBytes) return 'response-incomplete'
    // What nghttp2 does not take of an answer it resets itself.
    if (rstCode === NGHTTP2_PROTOCOL_ERROR) return 'response-invalid'
    return rstCode === NGHTTP2_ENHANCE_YOUR_CALM ? 'response-head-too-large' : 'send-failed'
  }

  #reset(stream: ClientHttp2Stream): void {
    // Node would say that the body has ended before it resets, and an instance could take a part of it for the whole.
    stream._final = callback => callback(null)
    if (!stream.closed) stream.close(NGHTTP2_CANCEL)
    stream.resume()
  }
}

// --- listeners -----------------------------------------------------------------------------------------------------

function attach(upstream: UpstreamStream, stream: ClientHttp2Stream): ClientHttp2Stream {
  ;(stream as OwnedStream).upstream = upstream
  stream.push = push
  stream.on('headers', onInterim)
  stream.on('response', onResponse)
  stream.on('trailers', onTrailers)
  stream.on('data', onData)
  stream.on('end', onEnd)
  stream.on('drain', onDrain)
  stream.on('error', onError)
  stream.on('close', onClose)
  return stream
}

// Node ends what can be read of a stream when END_STREAM comes, and when a reset comes, which has closed the stream by then.
// Nothing else tells one from the other.
function push(this: ClientHttp2Stream, chunk: Buffer | null, encoding?: BufferEncoding): boolean {
  if (chunk === null && !this.closed) (this as OwnedStream).upstream.isWhole = true
  return Duplex.prototype.push.call(this, chunk, encoding)
}

function onInterim(this: ClientHttp2Stream, _headers: unknown, _flags: number, fields?: readonly string[]): void {
  takeHead((this as OwnedStream).upstream, fields ?? [], false)
}

function onResponse(this: ClientHttp2Stream, _headers: unknown, flags: number, fields?: readonly string[]): void {
  takeHead((this as OwnedStream).upstream, fields ?? [], (flags & constants.NGHTTP2_FLAG_END_STREAM) !== 0)
}

function takeHead(upstream: UpstreamStream, fields: readonly string[], endsWithHead: boolean): void {
  upstream.hear()
  if (upstream.exchange !== null) upstream.reader.takeHead(Buffer.from(answerHead(fields), 'latin1'), endsWithHead)
}

function onTrailers(this: ClientHttp2Stream, _headers: unknown, _flags: number, fields?: readonly string[]): void {
  ;(this as OwnedStream).upstream.trailers = fieldLines(fields ?? [])
}

function onData(this: ClientHttp2Stream, data: Buffer): void {
  const {upstream} = this as OwnedStream
  upstream.hear()
  if (upstream.exchange !== null) upstream.reader.read(data, false)
}

function onEnd(this: ClientHttp2Stream): void {
  ;(this as OwnedStream).upstream.takeEnd()
}

function onDrain(this: ClientHttp2Stream): void {
  const {exchange} = (this as OwnedStream).upstream
  if (exchange !== null && !exchange.isRequestDone) exchange.client.resume()
}

function onError(): void {
  // 'close' follows and does the work.
}

function onClose(this: ClientHttp2Stream): void {
  ;(this as OwnedStream).upstream.onClose(this)
}
