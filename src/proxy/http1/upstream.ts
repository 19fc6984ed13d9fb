// A connection to an instance: sends one request at a time, holds the answer to the rules of the request parser, and goes
// back to the origin's idle ones when both sides agree where the message ended. Any byte on an idle connection, and any
// doubt about framing, ends it (nginx CVE-2026-1642, undici GHSA-35p6).

import {connect, type Socket} from 'node:net'
import {connect as connectTls} from 'node:tls'
import {codeOf} from '../../base/errors.ts'
import type {Timeouts} from '../../snapshot/snapshot.ts'
import {type Exchange, endAttempt} from '../exchange.ts'
import {FAILURES, type FailureCode} from '../failure.ts'
import type {Origin} from '../origin.ts'
import {isIdempotent, mayRetryAnswer, mayTryAgain} from '../retry.ts'
import type {Thread} from '../thread.ts'
import type {Timed} from '../ticks.ts'
import {enter} from '../wait-queue.ts'
import {type Holder, type ReadingConnection, readingFor} from './read-buffers.ts'
import {sendRequest} from './request-body.ts'
import {ResponseReader} from './response.ts'

/** We close well before the instance does, or a request could meet its FIN. */
const IDLE_SHARE = 0.75
/** A connection is not used for longer than this, so that load moves when a name gets other addresses. */
const AGE_MAX_MS = 3_600_000
/** Requests on one connection before it is closed; instances have such limits too (nginx: 1000, then an abrupt close). */
const REQUESTS_MAX = 100_000

export type UpstreamSocket = Socket & {connection: UpstreamConnection}

export class UpstreamConnection implements Timed, ReadingConnection {
  readonly thread: Thread
  readonly origin: Origin
  readonly reader: ResponseReader
  socket: Socket
  deadlineMs = 0
  tickIndex = 0
  exchange: Exchange | null = null
  isOpen = false
  requests = 0
  idleSinceMs = 0
  idleMs: number
  readonly openedMs: number
  isPaused = false
  /** The client to which what was read last has not been written whole. */
  heldBy: Holder | null = null
  error: unknown = null
  /** Index of the address that is being tried. */
  tried = 0
  address: string

  constructor(thread: Thread, origin: Origin) {
    this.thread = thread
    this.origin = origin
    this.idleMs = origin.keepalive.timeoutMs
    this.openedMs = thread.ticks.nowMs
    this.reader = new ResponseReader(this)
    this.address = origin.addresses[0] ?? ''
    this.socket = dial(this)
  }

  /** Takes what the instance has sent; bytes that are lent are overwritten by the next read of any connection. */
  read(bytes: Buffer, isLent: boolean): boolean {
    const {exchange} = this
    if (exchange === null) {
      this.close()
    } else {
      this.reader.read(bytes, isLent)
      this.heldBy = exchange.client.isHolding() ? exchange.client : null
    }
    return !this.isPaused
  }

  isInBody(): boolean {
    return this.reader.isInBody
  }

  /** Does anything that was sent still wait for the instance? */
  isHolding(): boolean {
    return this.socket.writableLength > 0
  }

  /** From now on the instance has the route's time to begin its answer. */
  awaitAnswer(exchange: Exchange): void {
    if (!exchange.hasAnswerBegun) this.deadlineMs = this.thread.ticks.nowMs + timeoutsOf(exchange).responseMs
  }

  /** The request is still being sent: the instance has to take it, the time to answer has not begun. */
  awaitSending(exchange: Exchange): void {
    if (!exchange.hasAnswerBegun) this.deadlineMs = this.thread.ticks.nowMs + timeoutsOf(exchange).sendMs
  }

  /** A part of the answer has come, and the next has as long again. */
  awaitMore(exchange: Exchange): void {
    this.deadlineMs = this.thread.ticks.nowMs + timeoutsOf(exchange).idleMs
  }

  pause(): void {
    if (this.isPaused) return
    this.isPaused = true
    this.socket.pause()
  }

  resume(): void {
    if (!this.isPaused) return
    this.isPaused = false
    this.socket.resume()
  }

  close(): void {
    this.socket.destroy()
  }

  /** The instance keeps an idle connection for `instanceMs`. */
  keepFor(instanceMs: number): void {
    this.idleMs = Math.min(this.origin.keepalive.timeoutMs, instanceMs * IDLE_SHARE)
  }

  /** Ends the instance's part in its exchange, wherever that is; the connection cannot be used again. */
  abort(): void {
    if (this.exchange) this.exchange.upstream = null
    this.exchange = null
    this.close()
  }

  /** The answer is complete. The connection serves another request when nothing is in doubt. */
  release(isReusable: boolean): void {
    if (this.exchange) this.exchange.upstream = null
    this.exchange = null
    this.deadlineMs = 0
    this.requests++
    const {nowMs} = this.thread.ticks
    const isWornOut = this.requests >= REQUESTS_MAX || nowMs - this.openedMs > AGE_MAX_MS
    if (!isReusable || isWornOut || this.socket.destroyed) {
      this.close()
      return
    }
    this.idleSinceMs = nowMs
    this.resume()
    this.origin.keep(this)
  }

  /** The instance has failed: the request goes to another one when it may, or the client is told. */
  fail(exchange: Exchange, code: FailureCode): void {
    if (!mayTryAgain(exchange, code)) {
      exchange.client.fail(exchange, code)
      return
    }
    this.abort()
    endAttempt(exchange, true)
    forward(exchange)
  }

  /** Drops an answer of which the client has seen nothing, and tries again, when the route wants that. */
  retryAnswer(exchange: Exchange, status: number, isReusable: boolean): boolean {
    if (!mayRetryAnswer(exchange, status)) return false
    if (isReusable) this.release(true)
    else this.abort()
    endAttempt(exchange, true, status)
    forward(exchange)
    return true
  }

  onDeadline(): void {
    const exchange = this.exchange
    if (exchange === null) {
      this.close()
      return
    }
    if (!this.isOpen) this.fail(exchange, 'connect-timeout')
    else if (exchange.hasAnswerBegun) this.#judgeAnswer(exchange)
    else if (exchange.isRequestDone) this.fail(exchange, 'response-timeout')
    else this.#judgeSending(exchange)
  }

  // A client that does not read is not the instance's fault: its own pace is judged.
  #judgeAnswer(exchange: Exchange): void {
    if (this.isPaused) this.awaitMore(exchange)
    else exchange.client.fail(exchange, 'response-incomplete')
  }

  // Nor is one that does not send.
  #judgeSending(exchange: Exchange): void {
    if (this.socket.writableLength === 0) this.awaitSending(exchange)
    else this.fail(exchange, 'send-timeout')
  }
}

/** Sends the request of an exchange to its instance, over an idle connection or a new one. */
export function forward(exchange: Exchange): void {
  const {member} = exchange
  if (!member || member.origin.addresses.length === 0) {
    exchange.client.fail(exchange, member ? 'name-unresolved' : exchange.refusal)
    return
  }
  if (!enter(exchange, member, forward)) return
  const {origin} = exchange.member ?? member
  if (origin.http2 !== null) {
    origin.http2.forward(exchange, forward)
    return
  }
  const idle = exchange.tries === 0 ? origin.takeIdle(exchange.client.thread.ticks.nowMs) : undefined
  if (idle) {
    begin(idle, exchange)
    sendRequest(exchange, idle)
    return
  }
  const connection = new UpstreamConnection(exchange.client.thread, origin)
  begin(connection, exchange)
  connection.deadlineMs = connection.thread.ticks.nowMs + timeoutsOf(exchange).connectMs
}

/** What went wrong before there was a connection, by the error that came of it. */
export function failureOfConnect(error: unknown): FailureCode {
  const code = codeOf(error)
  if (code === 'ECONNREFUSED') return 'connect-refused'
  if (code === 'ECONNECT_TIMEOUT' || code === 'ETIMEDOUT') return 'connect-timeout'
  if (CERTIFICATE.test(code)) return 'certificate-invalid'
  return code === 'EPROTO' || code.startsWith('ERR_SSL') || code.startsWith('ERR_TLS') ? 'tls-failed' : 'connect-failed'
}

/** Is there nobody at the address? Another one of the same name may do. */
export function isUnreachable(error: unknown): boolean {
  return UNREACHABLE.has(codeOf(error))
}

// ---

function begin(upstream: UpstreamConnection, exchange: Exchange): void {
  upstream.exchange = exchange
  exchange.upstream = upstream
  upstream.reader.expect(exchange)
}

function dial(upstream: UpstreamConnection): Socket {
  const {origin} = upstream
  const {address} = upstream
  const place = origin.port === 0 ? {path: address} : {host: address, port: origin.port, noDelay: true}
  if (upstream.tried === 0) upstream.thread.ticks.join(upstream)
  if (origin.scheme === 'http') {
    const plain = connect({...place, onread: readingFor(upstream)})
    plain.on('connect', onConnect)
    // Its bytes do not come by this, but its end does.
    plain.resume()
    return attach(upstream, plain)
  }
  const secure = connectTls({...origin.tlsOptions(), socket: connect(place)})
  secure.on('secureConnect', onConnect)
  secure.on('data', onData)
  secure.on('session', onSession)
  return attach(upstream, secure)
}

function attach(upstream: UpstreamConnection, socket: Socket): Socket {
  ;(socket as UpstreamSocket).connection = upstream
  socket.on('end', onEnd)
  socket.on('drain', onDrain)
  socket.on('error', onError)
  socket.on('close', onClose)
  return socket
}

function onConnect(this: Socket): void {
  const upstream = (this as UpstreamSocket).connection
  upstream.isOpen = true
  upstream.deadlineMs = 0
  if (upstream.tried > 0) upstream.origin.prefer(upstream.address)
  if (upstream.exchange) sendRequest(upstream.exchange, upstream)
  else upstream.close()
}

function onSession(this: Socket, session: Buffer): void {
  ;(this as UpstreamSocket).connection.origin.tlsSession = session
}

function onData(this: Socket, data: Buffer): void {
  const upstream = (this as UpstreamSocket).connection
  upstream.read(data, false)
  // It is Node's memory.
  upstream.heldBy = null
}

function onEnd(this: Socket): void {
  const upstream = (this as UpstreamSocket).connection
  if (upstream.exchange?.hasAnswerBegun) upstream.reader.end()
}

function onDrain(this: Socket): void {
  const upstream = (this as UpstreamSocket).connection
  const exchange = upstream.exchange
  if (exchange && !exchange.isRequestDone) exchange.client.resume()
}

function onError(this: Socket, error: Error): void {
  const upstream = (this as UpstreamSocket).connection
  upstream.error = error
  if (upstream.origin.tls !== null) upstream.origin.tlsSession = undefined
}

function onClose(this: Socket): void {
  const upstream = (this as UpstreamSocket).connection
  if (upstream.socket !== this) return
  const exchange = upstream.exchange
  if (exchange && !upstream.isOpen && tryNextAddress(upstream)) return
  upstream.thread.ticks.leave(upstream)
  if (exchange === null) {
    upstream.origin.forget(upstream)
    return
  }
  upstream.exchange = null
  exchange.upstream = null
  const code = failureOf(upstream, exchange)
  if (mayRetry(exchange, upstream, code)) {
    exchange.tries++
    if (exchange.trace !== null) exchange.trace.failure = code
    // An instance may close an idle connection when it likes.
    endAttempt(exchange, false)
    forward(exchange)
  } else if (mayTryAgain(exchange, code)) {
    endAttempt(exchange, true)
    forward(exchange)
  } else {
    exchange.client.fail(exchange, code)
  }
}

// A name may have an address that nobody listens on: 'localhost' is ::1 as well as 127.0.0.1.
function tryNextAddress(upstream: UpstreamConnection): boolean {
  const next = upstream.origin.addresses[upstream.tried + 1]
  // An answer that cannot be trusted is an answer: only a dead address is passed over.
  if (next === undefined || !isUnreachable(upstream.error)) return false
  upstream.tried++
  upstream.address = next
  upstream.socket = dial(upstream)
  return true
}

function failureOf(upstream: UpstreamConnection, exchange: Exchange): FailureCode {
  if (!upstream.isOpen) return failureOfConnect(upstream.error)
  return exchange.hasAnswerBegun || upstream.reader.hasBytes ? 'response-incomplete' : 'send-failed'
}

// RFC 9112 §9.3.1: once, on a connection that was idle, when not one byte came back, and only what may be done twice.
function mayRetry(exchange: Exchange, upstream: UpstreamConnection, code: FailureCode): boolean {
  if (FAILURES[code].retry !== 'if-reused' || upstream.requests === 0 || exchange.tries > 0) return false
  return exchange.replay !== '' && isIdempotent(exchange.method)
}

const UNREACHABLE = new Set(['ECONNREFUSED', 'EHOSTUNREACH', 'ENETUNREACH', 'EADDRNOTAVAIL', 'ETIMEDOUT', 'ECONNRESET'])

// Codes of OpenSSL's verification (X509_V_ERR_…) and of the check of the name, as Node tells them.
const CERTIFICATE = /CERT|SELF_SIGNED|UNABLE_TO|CRL|CA_|PATH_LENGTH|HOSTNAME_MISMATCH/

function timeoutsOf(exchange: Exchange): Timeouts {
  return exchange.route?.timeouts ?? NO_ROUTE
}

// Every exchange that reaches an instance has a route; these keep the type without an assertion.
const NO_ROUTE: Timeouts = {connectMs: 5_000, sendMs: 60_000, responseMs: 60_000, idleMs: 60_000, tunnelMs: 60_000}
