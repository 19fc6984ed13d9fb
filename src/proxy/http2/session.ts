// A connection of HTTP/2. Node and nghttp2 bound what a client may ask of it: streams at once, fields, their size, memory,
// resets, and frames that only cost (CONTINUATION, PING, SETTINGS, empty ones); see the options. What is ours: the count of
// connections, the time that one may be idle, requests per connection, and the pace of each stream (stream.ts).

import {constants, performServerHandshake, type ServerHttp2Session, type ServerHttp2Stream} from 'node:http2'
import type {TLSSocket} from 'node:tls'
import type {Thread} from '../thread.ts'
import type {Timed} from '../ticks.ts'
import type {Secured} from '../tls/accept.ts'
import {StreamClient} from './stream.ts'

/** At once, on one connection. */
const STREAMS_MAX = 100
/** What a client may send on one stream before it has been passed on, and on all of them. */
const STREAM_WINDOW_BYTES = 65_535
const WINDOW_BYTES = 1 << 20
/** ':method', ':path', ':scheme', ':authority'. */
const PSEUDO_FIELDS = 4
/** Streams that a client may reset at once, and in a second: behind that the connection ends (CVE-2023-44487). */
const RESET_BURST = 200
const RESETS_PER_S = 20
/** Between GOAWAY and the end, where nothing is under way. */
const CLOSE_MS = 1_000
/** Frames that nghttp2 answers with a reset (MadeYouReset, CVE-2025-8671), and streams above the bound. */
const INVALID_FRAMES_MAX = 100
const REJECTED_MAX = 200
/** In MB; fields of streams that wait, and what is to be sent. */
const MEMORY_MAX_MB = 10

type OwnedSession = ServerHttp2Session & {session: Session}

export class Session implements Timed {
  readonly thread: Thread
  readonly http2: ServerHttp2Session
  readonly secured: Secured | null
  readonly address: string
  readonly isTrusted: boolean
  readonly peer: string
  deadlineMs: number
  tickIndex = 0
  requests = 0
  streams = 0
  #resets = 0
  #resetsMs = 0

  constructor(thread: Thread, socket: TLSSocket, peer: string, address: string, secured: Secured) {
    this.thread = thread
    this.secured = secured
    this.peer = peer
    this.address = address
    this.isTrusted = thread.trust.isTrusted(address)
    this.deadlineMs = thread.ticks.nowMs + thread.edge.headerTimeoutMs
    this.http2 = performServerHandshake(socket, {
      settings: {
        maxConcurrentStreams: STREAMS_MAX,
        maxHeaderListSize: thread.edge.headBytes,
        initialWindowSize: STREAM_WINDOW_BYTES,
        enablePush: false,
      },
      maxHeaderListPairs: thread.edge.headers + PSEUDO_FIELDS,
      maxSessionMemory: MEMORY_MAX_MB,
      maxSessionInvalidFrames: INVALID_FRAMES_MAX,
      maxSessionRejectedStreams: REJECTED_MAX,
    })
    this.http2.setLocalWindowSize(WINDOW_BYTES)
  }

  /** Nothing new is taken; what is under way is finished, and the connection ends behind it (RFC 9113 §6.8). */
  close(): void {
    if (!this.http2.closed) this.http2.close()
  }

  /** A client has taken back a request; who does nothing else is let go (CVE-2023-44487). */
  countReset(): void {
    const {nowMs} = this.thread.ticks
    this.#resets = Math.max(0, this.#resets - ((nowMs - this.#resetsMs) * RESETS_PER_S) / 1000) + 1
    this.#resetsMs = nowMs
    if (this.#resets > RESET_BURST && !this.http2.destroyed)
      this.http2.destroy(undefined, constants.NGHTTP2_ENHANCE_YOUR_CALM)
  }

  onDeadline(): void {
    if (this.streams > 0) return
    if (this.http2.closed) {
      // Half of a request keeps it open.
      this.http2.destroy()
      return
    }
    this.close()
    this.deadlineMs = this.thread.ticks.nowMs + CLOSE_MS
  }
}

/** Serves a connection whose client has chosen h2. */
export function serveSession(thread: Thread, socket: TLSSocket, peer: string, address: string, secured: Secured): void {
  const session = new Session(thread, socket, peer, address, secured)
  ;(session.http2 as OwnedSession).session = session
  thread.sessions.add(session)
  thread.ticks.join(session)
  session.http2.on('stream', onStream)
  session.http2.on('error', onError)
  socket.on('close', () => onClose(session))
  if (thread.isDraining) session.close()
}

// ---

function onStream(
  this: ServerHttp2Session,
  stream: ServerHttp2Stream,
  _headers: unknown,
  flags: number,
  fields: readonly string[],
): void {
  const {session} = this as OwnedSession
  session.requests++
  session.streams++
  session.deadlineMs = 0
  stream.on('close', () => onStreamClose(session, stream))
  new StreamClient(session, stream).begin(fields, (flags & constants.NGHTTP2_FLAG_END_STREAM) === 0)
  if (session.requests >= session.thread.edge.requestsPerConnection) session.close()
}

function onStreamClose(session: Session, stream: ServerHttp2Stream): void {
  session.streams--
  if (stream.aborted) session.countReset()
  const {ticks, edge} = session.thread
  if (session.streams === 0) session.deadlineMs = ticks.nowMs + edge.idleTimeoutMs
}

function onError(): void {
  // 'close' of the socket follows and does the work.
}

function onClose(session: Session): void {
  const {thread} = session
  thread.doors.leave(session.peer)
  thread.ticks.leave(session)
  thread.sessions.delete(session)
  thread.tellWhenEmpty()
}
