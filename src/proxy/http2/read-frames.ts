// The bytes of a connection of HTTP/2, frame by frame (RFC 9113 §4, §6). What breaks the rules of a stream resets it, what
// breaks those of the connection ends it. Bodies are passed on as they come; every other frame is waited for whole, which
// is at most FRAME_BYTES_MAX.

import {
  ACK,
  CONTINUATION,
  DATA,
  END_STREAM,
  FLOW_CONTROL_ERROR,
  FRAME_BYTES_MAX,
  FRAME_HEAD_BYTES,
  FRAME_SIZE_ERROR,
  GOAWAY,
  HEADERS,
  lengthAt,
  PADDED,
  PING,
  PRIORITY,
  PROTOCOL_ERROR,
  PUSH_PROMISE,
  RST_STREAM,
  readUint32,
  SETTINGS,
  WINDOW_BYTES_MAX,
  WINDOW_UPDATE,
} from './frame.ts'
import {BlockReader} from './read-blocks.ts'
import type {Session} from './session.ts'
import {takeReset, takeSettings, takeWindowUpdate} from './take-control.ts'

const PREFACE = Buffer.from('PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n')

export class FrameReader {
  readonly blocks: BlockReader
  readonly #session: Session
  #rest: Buffer | null = null
  #hasPreface = false
  #hasSettings = false
  // A body's frame that has not come whole.
  #dataLeft = 0
  #dataStream = 0
  #isDataLast = false

  constructor(session: Session) {
    this.#session = session
    this.blocks = new BlockReader(session)
  }

  read(data: Buffer): void {
    const session = this.#session
    const bytes = this.#rest === null ? data : Buffer.concat([this.#rest, data])
    this.#rest = null
    let at = this.#hasPreface ? 0 : this.#takePreface(bytes)
    while (at < bytes.length && !session.isOver) {
      if (this.#dataLeft > 0) {
        const end = Math.min(bytes.length, at + this.#dataLeft)
        this.#takeData(bytes.subarray(at, end))
        at = end
        continue
      }
      if (!this.#hasPreface || bytes.length - at < FRAME_HEAD_BYTES) break
      const length = lengthAt(bytes, at)
      const type = bytes[at + 3] ?? 0
      const flags = bytes[at + 4] ?? 0
      const stream = readUint32(bytes, at + 5) & 0x7f_ff_ff_ff
      if (!this.#isInOrder(type, stream, length)) return
      const from = at + FRAME_HEAD_BYTES
      if (type === DATA && (flags & PADDED) === 0) {
        this.#beginData(stream, length, length, flags)
        at = from
        continue
      }
      if (bytes.length - from < length) break
      at = from + length
      this.#takeFrame(type, flags, stream, bytes, from, at)
    }
    if (at < bytes.length && !session.isOver) this.#rest = at === 0 ? bytes : bytes.subarray(at)
  }

  // RFC 9113 §3.4. Returns where it ends, or 0 when it has not come whole.
  #takePreface(bytes: Buffer): number {
    const length = Math.min(bytes.length, PREFACE.length)
    if (PREFACE.compare(bytes, 0, length, 0, length) !== 0) {
      this.#session.end(PROTOCOL_ERROR)
      return 0
    }
    if (length < PREFACE.length) return 0
    this.#hasPreface = true
    return length
  }

  // May a frame like this come now? If not, the connection is over.
  #isInOrder(type: number, stream: number, length: number): boolean {
    const session = this.#session
    const isSettings = type === SETTINGS
    if (length > FRAME_BYTES_MAX) session.end(FRAME_SIZE_ERROR)
    else if (!this.#hasSettings && !isSettings) session.end(PROTOCOL_ERROR)
    else if (this.blocks.stream !== 0 && (type !== CONTINUATION || stream !== this.blocks.stream))
      session.end(PROTOCOL_ERROR)
    else {
      this.#hasSettings = true
      return true
    }
    return false
  }

  #takeFrame(type: number, flags: number, stream: number, bytes: Buffer, from: number, to: number): void {
    const session = this.#session
    const length = to - from
    switch (type) {
      case DATA:
        this.#takePadded(flags, stream, bytes, from, to)
        return
      case HEADERS:
        this.blocks.takeHeaders(flags, stream, bytes, from, to)
        return
      case CONTINUATION:
        this.blocks.takeContinuation(flags, bytes.subarray(from, to))
        return
      case WINDOW_UPDATE:
        if (length !== 4) session.end(FRAME_SIZE_ERROR)
        else takeWindowUpdate(session, stream, readUint32(bytes, from) & WINDOW_BYTES_MAX)
        return
      case RST_STREAM:
        if (length !== 4) session.end(FRAME_SIZE_ERROR)
        else takeReset(session, stream)
        return
      case SETTINGS:
        session.countCostly()
        takeSettings(session, (flags & ACK) !== 0, stream, bytes, from, to)
        return
      case PING:
        session.countCostly()
        if (length !== 8) session.end(FRAME_SIZE_ERROR)
        else if (stream !== 0) session.end(PROTOCOL_ERROR)
        else if ((flags & ACK) === 0 && !session.isOver) session.say(PING, ACK, 0, [...bytes.subarray(from, to)])
        return
      case PUSH_PROMISE:
        session.end(PROTOCOL_ERROR)
        return
      case PRIORITY:
        // RFC 9113 §5.3.2: what it says is not used any more.
        session.countCostly()
        if (stream === 0) session.end(PROTOCOL_ERROR)
        return
      case GOAWAY:
        // The client asks for nothing more, and goes when it has all answers.
        if (stream !== 0) session.end(PROTOCOL_ERROR)
        return
      default:
        // RFC 9113 §4.1: unknown ones are ignored.
        session.countCostly()
    }
  }

  // RFC 9113 §6.1. `length` counts for the windows, `size` is that of the body in it.
  #beginData(id: number, length: number, size: number, flags: number): void {
    const session = this.#session
    const isLast = (flags & END_STREAM) !== 0
    this.#dataStream = 0
    this.#dataLeft = size
    this.#isDataLast = isLast
    if (id === 0 || id > session.lastStream) {
      session.end(PROTOCOL_ERROR)
      return
    }
    session.receiveWindow -= length
    if (session.receiveWindow < 0) {
      session.end(FLOW_CONTROL_ERROR)
      return
    }
    if (length === 0 && !isLast) session.countCostly()
    const stream = session.streams.get(id)
    const problem = stream === undefined ? 0 : stream.expect(length)
    if (stream === undefined || problem !== 0) {
      // Of a stream that has ended; it may have been on its way.
      session.credit(length)
      session.countCostly()
      stream?.blame(problem)
      return
    }
    if (size < length) stream.credit(length - size)
    this.#dataStream = id
    if (size === 0 && isLast) stream.takeEnd()
  }

  #takeData(data: Buffer): void {
    this.#dataLeft -= data.length
    const session = this.#session
    const stream = this.#dataStream === 0 ? undefined : session.streams.get(this.#dataStream)
    if (stream === undefined) {
      // What was dropped above has been credited.
      if (this.#dataStream !== 0) session.credit(data.length)
      return
    }
    session.gather(stream.exchange?.upstream?.socket)
    stream.take(data)
    if (this.#dataLeft === 0 && this.#isDataLast) stream.takeEnd()
  }

  #takePadded(flags: number, stream: number, bytes: Buffer, from: number, to: number): void {
    const padding = bytes[from] ?? 0
    const size = to - from - 1 - padding
    if (to === from || size < 0) {
      this.#session.end(PROTOCOL_ERROR)
      return
    }
    this.#beginData(stream, to - from, size, flags)
    if (size > 0) this.#takeData(bytes.subarray(from + 1, from + 1 + size))
  }
}
