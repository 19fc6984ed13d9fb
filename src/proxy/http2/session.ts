// A connection of HTTP/2: its streams, the windows of both sides, and how it ends. What comes in is read by read-frames.ts,
// what goes out is gathered by frame-writer.ts and leaves at the end of the turn. What a client may ask of it is bounded
// here and there: streams at once, fields and their size, bytes that wait, resets, frames that only cost, time without a
// request, requests per connection, and the pace of each stream (stream.ts).

import {Socket} from 'node:net'
import type {TLSSocket} from 'node:tls'
import type {Thread} from '../thread.ts'
import type {Timed} from '../ticks.ts'
import type {Secured} from '../tls/accept.ts'
import {Budget} from './budget.ts'
import {FieldDecoder} from './field-decoder.ts'
import {FieldEncoder} from './field-encoder.ts'
import {
  ENHANCE_YOUR_CALM,
  GOAWAY,
  INITIAL_WINDOW_SIZE,
  MAX_CONCURRENT_STREAMS,
  MAX_HEADER_LIST_SIZE,
  NO_ERROR,
  RST_STREAM,
  SETTINGS,
  uint32,
  WINDOW_BYTES,
  WINDOW_UPDATE,
} from './frame.ts'
import {FrameWriter} from './frame-writer.ts'
import {STREAM_RECEIVE_BYTES} from './incoming.ts'
import {STREAMS_MAX} from './read-blocks.ts'
import {FrameReader} from './read-frames.ts'
import type {StreamClient} from './stream.ts'

/** What a client may send on all streams before it has been passed on. */
const RECEIVE_BYTES = 1 << 20
/** Streams that a client may reset, or have reset, at once and in a second (CVE-2023-44487, CVE-2025-8671). */
const RESET_BURST = 200
const RESETS_PER_S = 20
/** Frames that only cost: PING, SETTINGS, PRIORITY, empty ones. Honest clients ping with every round trip. */
const COSTLY_BURST = 10_000
const COSTLY_PER_S = 2_000
/** Between GOAWAY and the end, where nothing is under way. */
const CLOSE_MS = 1_000
/** Unsent bytes of a connection above which its client is not read: answers to frames that it does not take. */
const UNREAD_BYTES = 1 << 20

type OwnedSocket = TLSSocket & {session: Session}

export class Session implements Timed {
  readonly thread: Thread
  readonly socket: TLSSocket
  readonly secured: Secured | null
  readonly address: string
  readonly isTrusted: boolean
  readonly peer: string
  deadlineMs: number
  tickIndex = 0
  requests = 0
  readonly streams = new Map<number, StreamClient>()
  /** Those that have bytes to send, and a window. */
  readonly sending = new Set<StreamClient>()
  readonly out: FrameWriter
  readonly decoder = new FieldDecoder()
  readonly encoder = new FieldEncoder()
  readonly reader: FrameReader
  /** What the client takes, of all streams and of a new one. */
  sendWindow = WINDOW_BYTES
  streamSendWindow = WINDOW_BYTES
  /** What it may send of all streams. */
  receiveWindow = RECEIVE_BYTES
  /** The last one that was taken. */
  lastStream = 0
  /** GOAWAY has been said: no stream is taken any more. */
  isClosing = false
  /** Nothing is read or written any more. */
  isOver = false
  isWaiting = false
  /** The stream that asked last: the next one nearly always names the same host. */
  latest: StreamClient | null = null
  readonly #resets = new Budget(RESET_BURST, RESETS_PER_S)
  readonly #costly = new Budget(COSTLY_BURST, COSTLY_PER_S)
  /** Of an instance, while parts of a body are gathered for it. */
  #gathering: Socket | undefined
  #uncredited = 0
  #isUnread = false
  #writtenBefore = 0

  constructor(thread: Thread, socket: TLSSocket, peer: string, address: string, secured: Secured) {
    this.thread = thread
    this.socket = socket
    this.secured = secured
    this.peer = peer
    this.address = address
    this.isTrusted = thread.trust.isTrusted(address)
    this.deadlineMs = thread.ticks.nowMs + thread.edge.headerTimeoutMs
    this.out = new FrameWriter(socket, thread.pieces, () => this.#onWritten())
    this.reader = new FrameReader(this)
    const settings = [
      ...setting(MAX_CONCURRENT_STREAMS, STREAMS_MAX),
      ...setting(MAX_HEADER_LIST_SIZE, thread.edge.headBytes),
      ...setting(INITIAL_WINDOW_SIZE, STREAM_RECEIVE_BYTES),
    ]
    this.say(SETTINGS, 0, 0, settings)
    this.say(WINDOW_UPDATE, 0, 0, uint32(RECEIVE_BYTES - WINDOW_BYTES))
  }

  /** Sends a frame of a few bytes. */
  say(type: number, flags: number, stream: number, payload: readonly number[]): void {
    this.out.small(type, flags, stream, payload)
    this.thread.endOfTurn.join(this)
  }

  resetStream(stream: number, code: number): void {
    this.say(RST_STREAM, 0, stream, uint32(code))
  }

  /** Nothing new is taken; what is under way is finished, and the connection ends behind it (RFC 9113 §6.8). */
  close(): void {
    if (this.isClosing || this.isOver) return
    this.isClosing = true
    this.say(GOAWAY, 0, 0, [...uint32(this.lastStream), ...uint32(NO_ERROR)])
  }

  /** Ends the connection for what the client has done (RFC 9113 §5.4.1). */
  end(code: number): void {
    if (this.isOver) return
    this.say(GOAWAY, 0, 0, [...uint32(this.lastStream), ...uint32(code)])
    this.isOver = true
    this.out.flush()
    this.#abandonStreams()
    this.socket.destroySoon()
    this.deadlineMs = this.thread.ticks.nowMs + CLOSE_MS
  }

  /** A client has taken back a request, or had it refused; who does nothing else is let go. */
  countReset(): void {
    if (!this.#resets.spend(this.thread.ticks.nowMs)) this.end(ENHANCE_YOUR_CALM)
  }

  countCostly(): void {
    if (!this.#costly.spend(this.thread.ticks.nowMs)) this.end(ENHANCE_YOUR_CALM)
  }

  /** Bytes of bodies have been passed on, or dropped: the client may send as many again. */
  credit(bytes: number): void {
    this.#uncredited += bytes
    if (this.#uncredited < RECEIVE_BYTES / 2) return
    this.receiveWindow += this.#uncredited
    this.say(WINDOW_UPDATE, 0, 0, uint32(this.#uncredited))
    this.#uncredited = 0
  }

  /** What is written to this socket of an instance leaves at the end of the turn: a frame of a body comes in several parts. */
  gather(towards: unknown): void {
    const socket = towards instanceof Socket ? towards : undefined
    if (socket === this.#gathering) return
    this.#gathering?.uncork()
    this.#gathering = socket
    if (socket === undefined) return
    socket.cork()
    this.thread.endOfTurn.join(this)
  }

  /** Lets streams go on that have waited for a window or for the socket, each a frame in its turn. */
  pump(): void {
    for (const stream of this.sending) {
      if (this.sendWindow <= 0 || this.out.isFull()) break
      this.sending.delete(stream)
      // It stands behind the others again, as long as it can go on.
      if (stream.sendFrame()) this.sending.add(stream)
    }
  }

  /** A stream has ended, by whomever. */
  leave(stream: StreamClient): void {
    this.streams.delete(stream.id)
    this.sending.delete(stream)
    this.thread.ticks.leave(stream)
    if (this.streams.size > 0 || this.isOver) return
    this.deadlineMs = this.thread.ticks.nowMs + this.thread.edge.idleTimeoutMs
    if (this.isClosing) this.thread.endOfTurn.join(this)
  }

  flush(): void {
    this.gather(undefined)
    if (this.isOver || this.socket.destroyed) return
    this.out.flush()
    if (this.isClosing && this.streams.size === 0) this.#finish()
    else if (!this.#isUnread && this.out.unsent() > UNREAD_BYTES) {
      this.#isUnread = true
      this.socket.pause()
    }
  }

  onDeadline(): void {
    if (this.isOver || this.reader.blocks.stream !== 0) {
      // Half of a request keeps it open, or a client that does not take what it was told.
      this.socket.destroy()
      return
    }
    if (this.streams.size > 0) return
    const {nowMs} = this.thread.ticks
    const {edge} = this.thread
    if (this.out.unsent() > 0) {
      // It is not idle while it takes what the last answers have left behind.
      if (this.out.written === this.#writtenBefore) this.socket.destroy()
      else this.deadlineMs = nowMs + edge.idleTimeoutMs
      this.#writtenBefore = this.out.written
      return
    }
    this.close()
    this.deadlineMs = nowMs + CLOSE_MS
  }

  /** The connection is gone. */
  onGone(): void {
    this.isOver = true
    this.#abandonStreams()
  }

  // What was said is sent, and the client may take it before the connection is closed.
  #finish(): void {
    this.isOver = true
    this.socket.end()
    this.socket.resume()
    const {ticks, edge} = this.thread
    this.deadlineMs = ticks.nowMs + (this.out.unsent() > 0 ? edge.idleTimeoutMs : CLOSE_MS)
  }

  #abandonStreams(): void {
    for (const stream of this.streams.values()) stream.abandon()
  }

  #onWritten(): void {
    if (this.isOver) {
      if (this.out.unsent() === 0) this.deadlineMs = this.thread.ticks.nowMs + CLOSE_MS
      return
    }
    if (this.sending.size > 0) this.pump()
    if (!this.#isUnread || this.out.unsent() > UNREAD_BYTES / 2) return
    this.#isUnread = false
    this.socket.resume()
  }
}

/** Serves a connection whose client has chosen h2. */
export function serveSession(thread: Thread, socket: TLSSocket, peer: string, address: string, secured: Secured): void {
  const session = new Session(thread, socket, peer, address, secured)
  ;(socket as OwnedSocket).session = session
  thread.sessions.add(session)
  thread.ticks.join(session)
  socket.on('data', onData)
  socket.on('end', onEnd)
  socket.on('error', onError)
  socket.on('close', onClose)
  if (thread.isDraining) session.close()
}

// ---

function setting(id: number, value: number): number[] {
  return [0, id, ...uint32(value)]
}

function onData(this: TLSSocket, data: Buffer): void {
  const {session} = this as OwnedSocket
  if (!session.isOver) session.reader.read(data)
}

// A client that says no more takes no more either: there is no half of a connection of HTTP/2.
function onEnd(this: TLSSocket): void {
  this.destroy()
}

function onError(): void {
  // 'close' follows and does the work.
}

function onClose(this: TLSSocket): void {
  const {session} = this as OwnedSocket
  const {thread} = session
  session.onGone()
  thread.doors.leave(session.peer)
  thread.ticks.leave(session)
  thread.sessions.delete(session)
  thread.tellWhenEmpty()
}
