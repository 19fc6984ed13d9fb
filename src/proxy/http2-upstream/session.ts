// A connection to an instance that speaks HTTP/2. It takes requests when the SETTINGS of the instance have come, so whoever
// speaks another protocol is found out before he is asked anything. After a GOAWAY, or when it is old, it takes no more and
// ends with its last stream.

import {type ClientHttp2Session, type ClientHttp2Stream, connect as connectHttp2} from 'node:http2'
import {connect, type Socket} from 'node:net'
import {connect as connectTls, type TLSSocket} from 'node:tls'
import {codeOf} from '../../base/errors.ts'
import type {FailureCode} from '../failure.ts'
import {failureOfConnect, isUnreachable} from '../http1/upstream.ts'
import type {Origin} from '../origin.ts'
import type {Thread} from '../thread.ts'
import type {Timed} from '../ticks.ts'

/** At once on one connection, whatever the instance allows. */
const STREAMS_MAX = 250
/** What an instance may send on one stream before it has been passed on; with STREAMS_MAX the most that one may cost. */
const STREAM_WINDOW_BYTES = 131_072
/** The same of all streams: what has been read counts no more, so a slow client holds up nobody else. */
const WINDOW_BYTES = 1 << 22
/** Of the head of an answer, as from an instance of HTTP/1.1. */
const HEAD_BYTES_MAX = 65_536
const FIELDS_MAX = 200
/** In MB: STREAMS_MAX bodies of requests that the instance does not take, and some room. */
const MEMORY_MAX_MB = 64
/** As connections of HTTP/1.1, so that load moves when a name gets other addresses. */
const AGE_MAX_MS = 3_600_000

type OwnedSocket = Socket & {session: UpstreamSession}
type OwnedHttp2 = ClientHttp2Session & {session: UpstreamSession}

/** Who is told what becomes of a connection. */
export type SessionOwner = {
  /** There is room for a stream, or there may be. */
  onRoom(): void
  onGone(session: UpstreamSession, code: FailureCode): void
}

export class UpstreamSession implements Timed {
  readonly thread: Thread
  readonly origin: Origin
  readonly owner: SessionOwner
  http2: ClientHttp2Session | null = null
  deadlineMs: number
  tickIndex = 0
  isOpen = false
  /** Requests under way, and those that it has brought to an end. */
  streams = 0
  served = 0
  /** Of the streams that it may have at once. */
  streamsMax = 0
  /** The last stream that the instance looks at, by its GOAWAY. */
  lastStream = Number.POSITIVE_INFINITY
  /** When anything last came of any stream. */
  heardMs = 0
  #idleSinceMs = 0
  readonly #openedMs: number
  #socket: Socket
  #error: unknown = null
  #tried = 0
  address: string

  constructor(thread: Thread, origin: Origin, owner: SessionOwner, connectMs: number) {
    this.thread = thread
    this.origin = origin
    this.owner = owner
    this.#openedMs = thread.ticks.nowMs
    this.address = origin.addresses[0] ?? ''
    this.#socket = this.#dial()
    thread.ticks.join(this)
    this.deadlineMs = thread.ticks.nowMs + connectMs
  }

  hasRoom(): boolean {
    const {http2} = this
    if (!this.isOpen || http2 === null || http2.closed || http2.destroyed || this.isLeaving()) return false
    if (this.thread.ticks.nowMs - this.#openedMs <= AGE_MAX_MS) return this.streams < this.streamsMax
    this.leave()
    return false
  }

  /** Has the instance said that it takes no more? */
  isLeaving(): boolean {
    return this.lastStream !== Number.POSITIVE_INFINITY
  }

  /** Begins a request; throws for fields that Node does not send. */
  request(fields: string[], endsWithHead: boolean): ClientHttp2Stream {
    if (this.http2 === null) throw new Error('the connection is not open')
    const stream = this.http2.request(fields, {endStream: endsWithHead})
    this.streams++
    return stream
  }

  /** A stream has been closed. */
  end(): void {
    this.streams--
    this.served++
    this.#idleSinceMs = this.thread.ticks.nowMs
    if (this.streams === 0 && (this.origin.isRetired || this.origin.idleKept === 0)) this.leave()
    else this.owner.onRoom()
  }

  /** Takes no more, and ends with its last stream. */
  leave(): void {
    if (this.http2 === null) this.#socket.destroy()
    else if (!this.http2.closed) this.http2.close()
  }

  leaveIfIdle(forMs: number): void {
    if (this.isOpen && this.streams === 0 && this.thread.ticks.nowMs - this.#idleSinceMs >= forMs) this.leave()
  }

  /** The instance did not say in time that it speaks HTTP/2. */
  onDeadline(): void {
    this.#error = Object.assign(new Error('no connection in time'), {code: 'ETIMEDOUT'})
    this.#tried = this.origin.addresses.length
    if (this.http2 === null) this.#socket.destroy()
    else this.http2.destroy()
  }

  onConnect(): void {
    const {origin} = this
    if (origin.scheme === 'https' && (this.#socket as TLSSocket).alpnProtocol !== 'h2') {
      this.#error = Object.assign(new Error('the instance chose another protocol'), {code: NO_ALPN})
      this.#socket.destroy()
      return
    }
    const socket = this.#socket
    socket.off('error', onError)
    socket.off('close', onClose)
    const http2 = connectHttp2(`${origin.scheme}://${origin.authority}`, {
      createConnection: () => socket,
      settings: {enablePush: false, initialWindowSize: STREAM_WINDOW_BYTES, maxHeaderListSize: HEAD_BYTES_MAX},
      // ':status' is one more.
      maxHeaderListPairs: FIELDS_MAX + 1,
      maxSessionMemory: MEMORY_MAX_MB,
    })
    this.http2 = http2
    ;(http2 as OwnedHttp2).session = this
    http2.on('connect', onHttp2Connect)
    http2.on('remoteSettings', onSettings)
    http2.on('goaway', onGoaway)
    http2.on('error', onHttp2Error)
    http2.on('close', onHttp2Close)
  }

  takeSettings(streamsMax: number): void {
    this.streamsMax = Math.min(streamsMax, STREAMS_MAX)
    if (!this.isOpen) {
      this.isOpen = true
      this.deadlineMs = 0
      this.#idleSinceMs = this.thread.ticks.nowMs
      if (this.#tried > 0) this.origin.prefer(this.address)
    }
    this.owner.onRoom()
  }

  takeError(error: unknown): void {
    this.#error ??= error
    if (this.origin.tls !== null) this.origin.tlsSession = undefined
  }

  onGone(): void {
    if (this.http2 === null && this.#tryNextAddress()) return
    this.thread.ticks.leave(this)
    this.owner.onGone(this, this.#failure())
  }

  #dial(): Socket {
    const {origin} = this
    const address = this.address
    const plain = connect(origin.port === 0 ? {path: address} : {host: address, port: origin.port, noDelay: true})
    const isPlain = origin.scheme === 'http'
    const socket = isPlain ? plain : connectTls({...origin.tlsOptions(), socket: plain})
    ;(socket as OwnedSocket).session = this
    socket.on(isPlain ? 'connect' : 'secureConnect', onConnect)
    if (!isPlain) socket.on('session', onTicket)
    socket.on('error', onError)
    socket.on('close', onClose)
    return socket
  }

  #tryNextAddress(): boolean {
    const next = this.origin.addresses[this.#tried + 1]
    if (next === undefined || !isUnreachable(this.#error)) return false
    this.#tried++
    this.#error = null
    this.address = next
    this.#socket = this.#dial()
    return true
  }

  #failure(): FailureCode {
    if (this.isOpen) return 'connect-failed'
    const code = codeOf(this.#error)
    if (code.includes(NO_ALPN)) return 'tls-alpn'
    return this.http2 !== null && code !== 'ETIMEDOUT' ? 'not-http2' : failureOfConnect(this.#error)
  }
}

// --- listeners -----------------------------------------------------------------------------------------------------

/** A part of the name that OpenSSL has for the alert. */
const NO_ALPN = 'NO_APPLICATION_PROTOCOL'

function onConnect(this: Socket): void {
  ;(this as OwnedSocket).session.onConnect()
}

function onTicket(this: Socket, session: Buffer): void {
  ;(this as OwnedSocket).session.origin.tlsSession = session
}

function onError(this: Socket, error: Error): void {
  ;(this as OwnedSocket).session.takeError(error)
}

function onClose(this: Socket): void {
  ;(this as OwnedSocket).session.onGone()
}

function onHttp2Connect(this: ClientHttp2Session): void {
  this.setLocalWindowSize(WINDOW_BYTES)
}

function onSettings(this: ClientHttp2Session, settings: {maxConcurrentStreams?: number | undefined}): void {
  ;(this as OwnedHttp2).session.takeSettings(settings.maxConcurrentStreams ?? STREAMS_MAX)
}

// The first of two GOAWAYs may name the highest number there is, to say that the second is to come (RFC 9113 §6.8).
function onGoaway(this: ClientHttp2Session, _code: number, lastStream: number): void {
  const {session} = this as OwnedHttp2
  session.lastStream = Math.min(session.lastStream, lastStream)
}

function onHttp2Error(this: ClientHttp2Session, error: Error): void {
  ;(this as OwnedHttp2).session.takeError(error)
}

function onHttp2Close(this: ClientHttp2Session): void {
  ;(this as OwnedHttp2).session.onGone()
}
