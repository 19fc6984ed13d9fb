// A client's connection: reads heads, one request at a time, and writes answers. Requests that a client pipelines wait in
// `pending` until the one before is answered. Listeners are named functions that reach the connection through the socket.

import type {Socket} from 'node:net'
import type {HostRoutes} from '../../router/routing.ts'
import {ACCEPTED, TURNED_AWAY} from '../../scoreboard/gauges.ts'
import type {RouteEntry} from '../entries.ts'
import {countRefusal, type Exchange, finishExchange} from '../exchange.ts'
import {endsConnection, FAILURES, type FailureCode, inServiceMode, textOf} from '../failure.ts'
import {failureAnswer} from '../respond.ts'
import type {Table} from '../table.ts'
import type {Thread} from '../thread.ts'
import type {Timed} from '../ticks.ts'
import type {Secured} from '../tls/accept.ts'
import {plainAddress} from '../trust.ts'
import {HeldBuffers} from './held-buffers.ts'
import {judgeClient, PACE_MS} from './judge-client.ts'
import {COLLECTOR, type Holder, type ReadingConnection, readingFor} from './read-buffers.ts'
import {readInto} from './read-into.ts'
import {readRequests} from './read-requests.ts'
import {sendBody} from './request-body.ts'
import type {Tunnel} from './tunnel.ts'

/** After an answer that closes, what the client still sends is read and dropped, or the reset would take the answer away. */
const LINGER_MS = 2_000
const LINGER_BYTES = 1 << 20
/** To be told when a shorter write is done costs more than its buffer is worth. TLS, where all waits for a turn, tells anyway. */
const TOLD_BYTES = 4_096
/** How long a client that has said FIN is thought to wait for its answer: a half-close looks like a disconnect. */
const HALF_CLOSED_MS = 1_000

export type ClientSocket = Socket & {connection: ClientConnection}

export class ClientConnection implements Timed, ReadingConnection {
  readonly thread: Thread
  readonly socket: Socket
  /** It came in where requests are for services by their slugs. */
  readonly isService: boolean
  /** What its handshake has settled; null: it speaks plain http. */
  readonly secured: Secured | null
  /** Of the peer, or of the client that its PROXY header named. */
  address: string
  isTrusted: boolean
  awaitsProxyHeader: boolean
  deadlineMs = 0
  tickIndex = 0
  /** Bytes that no request has claimed yet: at most one read beyond what one head and its body need. */
  pending: Buffer | null = null
  exchange: Exchange | null = null
  tunnel: Tunnel | null = null
  requests = 0
  isPaused = false
  isReading = false
  /** No request is taken any more; what still comes is dropped. */
  isClosing = false
  /** The client has said FIN. */
  hasEnded = false
  discardedBytes = 0
  /** What was read last has not been used or written whole, and must stay as it is. */
  heldBy: Holder | null = null
  /** `pending` is a part of bytes that are lent. */
  #isLent = false
  /** Others read the socket. */
  #isDetached = false
  /** Up to here `pending` holds no end of a head. */
  searchFrom = 0
  /** What waits to be written is in these; a connection that never writes so much has none. */
  #written: HeldBuffers | null = null
  /** Bytes moved when the window of the pace began. */
  pacedBytes = 0

  // The host that the last request named, as sent and as decided: the next one nearly always names the same.
  hostValue = ''
  host = ''
  hostTable: Table | null = null
  hostRoutes: HostRoutes<RouteEntry> | null = null
  forwarding = ''
  /** What `hosts:` says of it: Strict-Transport-Security with its CRLF or '', why no request to it is served here, and
   * whether it is to be asked for by https. */
  hsts = ''
  refusal: FailureCode | null = null
  isRedirected = false
  /** Of the answer, where they are not a part of its body. */
  trailers = ''

  constructor(thread: Thread, socket: Socket, address: string, isService: boolean, secured: Secured | null) {
    this.thread = thread
    this.socket = socket
    this.isService = isService
    this.secured = secured
    this.address = address
    this.isTrusted = thread.trust.isTrusted(address)
    // In front of TLS it was read before the handshake.
    this.awaitsProxyHeader = secured === null && thread.edge.proxyProtocol && this.isTrusted
  }

  /** Takes what the client has sent; bytes that are lent are overwritten by the next read of any connection. */
  read(bytes: Buffer, isLent: boolean): boolean {
    if (this.#isDetached) return this.socket.push(isLent ? Buffer.from(bytes) : bytes)
    if (this.isClosing) {
      this.discardedBytes += bytes.length
      if (this.discardedBytes > LINGER_BYTES) this.socket.destroy()
      return true
    }
    const {exchange} = this
    this.#isLent = isLent && this.pending === null
    this.pending = this.pending === null ? bytes : Buffer.concat([this.pending, bytes])
    if (exchange === null) readRequests(this)
    else if (!exchange.isRequestDone) sendBody(exchange)
    else this.pause()
    this.ownPending()
    // Bytes that began another request may have gone anywhere.
    const isHeld =
      this.pending !== null || exchange !== this.exchange || (exchange?.upstream?.isHolding() ?? exchange !== null)
    this.heldBy = isHeld ? COLLECTOR : null
    return !this.isPaused
  }

  isInBody(): boolean {
    return this.exchange !== null && !this.exchange.isRequestDone
  }

  /** What waits in `pending`, to be kept for longer than the call that brought it. */
  ownPending(): Buffer | null {
    if (this.#isLent && this.pending !== null) this.pending = Buffer.from(this.pending)
    this.#isLent = false
    return this.pending
  }

  /** Answers a failure of the exchange, or cuts the connection when the answer has begun: never a clean end. */
  fail(exchange: Exchange, reason: FailureCode): void {
    if (exchange.isFinished) return
    const code = this.isService ? inServiceMode(reason) : reason
    exchange.upstream?.abort()
    exchange.status = FAILURES[code].status
    exchange.failure = code
    if (exchange.hasAnswerBegun) {
      finishExchange(exchange)
      this.#cut(exchange)
      return
    }
    exchange.isPersistent &&= exchange.isRequestDone && !endsConnection(code) && !this.thread.isDraining
    const isHead = exchange.method === 'HEAD'
    const {isPersistent, retryAfterS} = exchange
    const fields = this.thread.ticks.dateField + this.hsts
    this.answer(exchange, failureAnswer(code, fields, isHead, !isPersistent, retryAfterS, textOf(code, reason)))
  }

  /** A request that cannot be read: there is no telling where the next one begins, so the connection ends. */
  refuse(code: FailureCode): void {
    countRefusal(this, code)
    this.socket.write(failureAnswer(code, this.thread.ticks.dateField, false, true), 'latin1')
    this.close()
  }

  /** Gives an answer of our own, whole. */
  answer(exchange: Exchange, bytes: string): void {
    exchange.hasAnswerBegun = true
    if (exchange.logged !== null) exchange.bytesOut = bytes.length - bytes.indexOf('\r\n\r\n') - 4
    this.socket.write(bytes, 'latin1')
    this.complete(exchange)
  }

  /** The answer has been written whole: ends the exchange and goes on with the next request, or closes. */
  complete(exchange: Exchange): void {
    finishExchange(exchange)
    this.exchange = null
    if (!exchange.isPersistent || this.thread.isDraining || (this.pending === null && this.hasEnded)) {
      this.close()
      return
    }
    this.deadlineMs = this.thread.ticks.nowMs + this.thread.edge.idleTimeoutMs
    if (this.pending !== null && !this.isReading) readRequests(this)
    if (this.exchange === null) this.resume()
  }

  /** Writes a part of the answer; while the client does not keep up, the instance is not read. */
  write(data: string | Buffer): void {
    if (this.exchange !== null) this.exchange.bytesOut += data.length
    const isFlowing = typeof data === 'string' ? this.socket.write(data, 'latin1') : this.#writeBytes(data)
    if (isFlowing) return
    this.exchange?.upstream?.pause()
    if (this.deadlineMs === 0) this.startPace()
  }

  /** Does anything that was given to `write` still wait for the client? */
  isHolding(): boolean {
    return this.socket.writableLength > 0
  }

  /** Something in this buffer waits for the client. */
  hold(buffer: Buffer): void {
    this.#written?.add(buffer)
  }

  /** From now on the client has to move bytes, in or out, at the least rate that the settings allow. */
  startPace(): void {
    this.pacedBytes = this.movedBytes()
    this.deadlineMs = this.thread.ticks.nowMs + PACE_MS
  }

  /** The client has said FIN: it is thought to be there as long as it takes its answer. */
  awaitLast(): void {
    this.startPace()
    if (this.socket.writableLength === 0) this.deadlineMs = this.thread.ticks.nowMs + HALF_CLOSED_MS
  }

  pause(): void {
    if (this.isPaused) return
    this.isPaused = true
    this.socket.pause()
  }

  resume(): void {
    if (!this.isPaused || this.socket.destroyed) return
    this.isPaused = false
    this.socket.resume()
  }

  /** Ends the connection behind what was written, and drops what the client still sends. */
  close(): void {
    if (this.isClosing) return
    this.isClosing = true
    this.pending = null
    if (this.hasEnded && this.socket.writableLength === 0) {
      this.socket.destroySoon()
      return
    }
    this.startPace()
    if (this.socket.writableLength === 0) this.deadlineMs = this.thread.ticks.nowMs + LINGER_MS
    this.socket.end()
    this.resume()
  }

  /** Gives the socket to whoever reads it next, with what has come behind the head. */
  detach(): void {
    this.#isDetached = true
    this.socket.off('data', onData)
    this.socket.off('end', onEnd)
    this.socket.off('drain', onDrain)
    // A flowing socket that nobody listens to loses what comes.
    this.socket.pause()
    if (this.pending !== null) this.socket.unshift(this.pending)
    this.pending = null
  }

  onDeadline(): void {
    judgeClient(this)
  }

  /** Since it was accepted, in and out. */
  movedBytes(): number {
    return this.socket.bytesRead + this.socket.bytesWritten - this.socket.writableLength
  }

  #writeBytes(bytes: Buffer): boolean {
    if (this.secured === null && bytes.length < TOLD_BYTES) return this.socket.write(bytes)
    this.#written ??= new HeldBuffers(this.socket, this.thread.readBuffers)
    return this.#written.write(bytes)
  }

  // To a client of HTTP/1.0 the end of the connection is the end of the answer: only a reset says that it is not. In TLS
  // an end without a close_notify does.
  #cut(exchange: Exchange): void {
    if (exchange.minor === 0 && this.secured === null) this.socket.resetAndDestroy()
    else this.socket.destroy()
  }
}

/** Takes a new connection into service, or turns it away when there are too many. */
export function acceptClient(thread: Thread, socket: Socket, isService: boolean): void {
  const address = plainAddress(socket.remoteAddress ?? '')
  if (!thread.doors.enter(address)) {
    thread.gauges[TURNED_AWAY] = (thread.gauges[TURNED_AWAY] ?? 0) + 1
    socket.on('error', onError)
    socket.end(failureAnswer('too-many-connections', thread.ticks.dateField, false, true))
    socket.destroySoon()
    return
  }
  thread.gauges[ACCEPTED] = (thread.gauges[ACCEPTED] ?? 0) + 1
  serveClient(thread, socket, address, isService, address, null)
}

/** Serves a connection that counts for `peer` and whose client has `address`. */
export function serveClient(
  thread: Thread,
  socket: Socket,
  peer: string,
  isService: boolean,
  address: string,
  secured: Secured | null,
): void {
  const connection = new ClientConnection(thread, socket, address, isService, secured)
  ;(socket as ClientSocket).connection = connection
  thread.clients.add(connection)
  thread.ticks.join(connection)
  connection.deadlineMs = thread.ticks.nowMs + thread.edge.headerTimeoutMs
  readInto(socket, readingFor(connection))
  socket.on('data', onData)
  socket.on('end', onEnd)
  socket.on('drain', onDrain)
  socket.on('error', onError)
  socket.on('close', () => onClose(connection, peer))
}

// --- listeners -----------------------------------------------------------------------------------------------------

function onData(this: Socket, data: Buffer): void {
  ;(this as ClientSocket).connection.read(data, false)
}

function onEnd(this: Socket): void {
  const client = (this as ClientSocket).connection
  client.hasEnded = true
  const exchange = client.exchange
  if (exchange === null || client.isClosing) {
    if (this.writableLength === 0) this.destroySoon()
    else client.close()
  } else if (!exchange.isRequestDone) {
    this.destroy()
  } else {
    client.awaitLast()
  }
}

function onDrain(this: Socket): void {
  const client = (this as ClientSocket).connection
  client.exchange?.upstream?.resume()
  if (client.exchange === null && !client.isClosing && client.pending !== null) {
    readRequests(client)
    if (client.exchange === null) client.resume()
  }
}

function onError(): void {
  // 'close' follows and does the work.
}

function onClose(client: ClientConnection, peer: string): void {
  const thread = client.thread
  thread.doors.leave(peer)
  thread.ticks.leave(client)
  thread.clients.delete(client)
  client.isClosing = true
  client.pending = null
  // First, because what a tunnel has moved is told of its exchange.
  client.tunnel?.onClose()
  const exchange = client.exchange
  if (exchange) {
    client.exchange = null
    exchange.upstream?.abort()
    exchange.isAbandoned = true
    finishExchange(exchange)
  }
  thread.tellWhenEmpty()
}
