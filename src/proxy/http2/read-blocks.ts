// Blocks of fields, which may come in several frames: a request begins with one, and its trailers are one. Every block is
// read, whatever becomes of it: the table behind it is that of the connection.

import {
  COMPRESSION_ERROR,
  DATA,
  END_HEADERS,
  END_STREAM,
  ENHANCE_YOUR_CALM,
  FRAME_HEAD_BYTES,
  HAS_PRIORITY,
  lengthAt,
  PADDED,
  PROTOCOL_ERROR,
  REFUSED_STREAM,
  readUint32,
  STREAM_CLOSED,
} from './frame.ts'
import type {Session} from './session.ts'
import {StreamClient} from './stream.ts'

/** Streams at once, on one connection. */
export const STREAMS_MAX = 100
/** A block may take so many times what its fields may: most that is too large can be answered as such. */
const BLOCK_FACTOR = 2
/** Frames of one block. */
const CONTINUATIONS_MAX = 64

export class BlockReader {
  /** Of the block that has begun and not ended; 0: there is none. */
  stream = 0
  readonly #session: Session
  #parts: Buffer[] = []
  #bytes = 0
  #isLast = false

  constructor(session: Session) {
    this.#session = session
  }

  /** RFC 9113 §6.2. */
  takeHeaders(flags: number, id: number, bytes: Buffer, from: number, to: number): void {
    const isPadded = (flags & PADDED) !== 0
    const start = from + (isPadded ? 1 : 0) + ((flags & HAS_PRIORITY) !== 0 ? 5 : 0)
    const end = to - (isPadded ? (bytes[from] ?? 0) : 0)
    if (start > end || id % 2 === 0) {
      this.#session.end(PROTOCOL_ERROR)
      return
    }
    const isLast = (flags & END_STREAM) !== 0
    if ((flags & END_HEADERS) !== 0) {
      this.#takeBlock(id, isLast, bytes, start, end, isLast ? null : bodyBehind(bytes, to, id))
      return
    }
    this.stream = id
    this.#isLast = isLast
    this.#parts = []
    this.#bytes = 0
    const {deadlineMs, thread} = this.#session
    if (deadlineMs === 0) this.#session.deadlineMs = thread.ticks.nowMs + thread.edge.headerTimeoutMs
    this.#gather(bytes.subarray(start, end))
  }

  /** RFC 9113 §6.10. */
  takeContinuation(flags: number, part: Buffer): void {
    if (this.stream === 0) {
      this.#session.end(PROTOCOL_ERROR)
      return
    }
    this.#gather(part)
    if (this.#session.isOver || (flags & END_HEADERS) === 0) return
    const id = this.stream
    const block = Buffer.concat(this.#parts)
    this.stream = 0
    this.#parts = []
    if (this.#session.streams.size > 0) this.#session.deadlineMs = 0
    this.#takeBlock(id, this.#isLast, block, 0, block.length, null)
  }

  // A copy: what it is a part of is as large as a whole read.
  #gather(part: Buffer): void {
    this.#parts.push(Buffer.from(part))
    this.#bytes += part.length
    const {thread} = this.#session
    if (this.#bytes > thread.edge.headBytes * BLOCK_FACTOR || this.#parts.length > CONTINUATIONS_MAX)
      this.#session.end(ENHANCE_YOUR_CALM)
  }

  // Every block is read, whatever becomes of it: the table is that of the connection.
  #takeBlock(id: number, isLast: boolean, bytes: Buffer, from: number, to: number, body: Buffer | null): void {
    const session = this.#session
    const {edge, requestFields: fields} = session.thread
    fields.reset(edge.headBytes)
    if (!session.decoder.decode(bytes, from, to, fields)) {
      session.end(COMPRESSION_ERROR)
      return
    }
    const known = session.streams.get(id)
    if (known !== undefined) {
      if (known.hasClientEnded()) known.blame(STREAM_CLOSED)
      else if (!isLast || !fields.isTrailers()) known.blame(PROTOCOL_ERROR)
      else known.takeEnd()
      return
    }
    if (id <= session.lastStream || session.isClosing) {
      // Trailers of a stream that has ended, or a request behind GOAWAY.
      session.countCostly()
      return
    }
    session.lastStream = id
    if (session.streams.size >= STREAMS_MAX || !(fields.isTooLarge() || fields.isRequest())) {
      session.resetStream(id, session.streams.size >= STREAMS_MAX ? REFUSED_STREAM : PROTOCOL_ERROR)
      session.countReset()
      return
    }
    session.requests++
    session.deadlineMs = 0
    new StreamClient(session, id).begin(fields, !isLast, body)
    if (session.requests >= edge.requestsPerConnection) session.close()
  }
}

// ---

// The frame behind a head, when it has come whole and is of its body: it goes to the instance together with the head.
function bodyBehind(bytes: Buffer, at: number, stream: number): Buffer | null {
  const from = at + FRAME_HEAD_BYTES
  if (bytes.length < from || bytes[at + 3] !== DATA || ((bytes[at + 4] ?? 0) & PADDED) !== 0) return null
  const length = lengthAt(bytes, at)
  const isWhole = length > 0 && bytes.length >= from + length && readUint32(bytes, at + 5) === stream
  return isWhole ? bytes.subarray(from, from + length) : null
}
