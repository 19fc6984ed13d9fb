// What one stream says: its head as a block of fields, its body as frames of data, as much as the windows and the socket take.
// The rest waits here, in its order, and is sent a frame at a time, so that no stream keeps the others from theirs.

import {blockBytesMax} from './field-encoder.ts'
import {
  CONTINUATION,
  DATA,
  END_HEADERS,
  END_STREAM,
  FRAME_BYTES_MAX,
  FRAME_HEAD_BYTES,
  HEADERS,
  writeFrameHead,
} from './frame.ts'
import type {Session} from './session.ts'

export class Outgoing {
  readonly #session: Session
  readonly #id: number
  /** How much the client takes of this stream; below nothing when it has made it smaller. */
  window: number
  /** Has the head of the answer been sent? */
  hasHead = false
  /** Bytes of the body, and those of them that wait. */
  written = 0
  queuedBytes = 0
  #queue: Buffer[] = []
  /** The buffers that what waits is in. */
  #held: Buffer[] = []
  /** Where the flags of its last frame are, in which piece. */
  #flagsAt = 0
  #serial = -1

  constructor(session: Session, id: number) {
    this.#session = session
    this.#id = id
    this.window = session.streamSendWindow
  }

  /** Sends the head in `text` up to `end`, as HTTP/1.1 writes it. An interim one is followed by another. */
  head(text: string, end: number): void {
    const status = text.slice(9, 12)
    this.hasHead = status >= '200'
    this.#block(status, text, text.indexOf('\r\n') + 2, end, 0)
  }

  /** Sends lines behind the body, which they end. */
  trailers(lines: string): void {
    this.#block('', lines, 0, lines.length, END_STREAM)
  }

  /** Ends the stream where it is, by its last frame when that has not left. Nothing may wait. */
  end(): void {
    const {out} = this.#session
    if (!out.endStream(this.#serial, this.#flagsAt)) this.#session.say(DATA, END_STREAM, this.#id, [])
  }

  /** A small body that came with its head goes from text into the frame, without a Buffer of its own; false when it waits. */
  text(text: string): boolean {
    const {length} = text
    const {out, sendWindow} = this.#session
    if (length > FRAME_BYTES_MAX || length > this.window || length > sendWindow || out.isFull())
      return this.bytes(Buffer.from(text, 'latin1'))
    this.written += length
    const at = out.reserve(FRAME_HEAD_BYTES + length)
    const from = writeFrameHead(out.piece, at, length, DATA, 0, this.#id)
    out.at = from + out.piece.latin1Write(text, from)
    this.#count(at, length)
    return true
  }

  /** A part of the body; false when some of it waits. */
  bytes(bytes: Buffer): boolean {
    this.written += bytes.length
    const sent = this.queuedBytes > 0 ? 0 : this.#emit(bytes)
    if (sent === bytes.length) return true
    this.#queue.push(sent === 0 ? bytes : bytes.subarray(sent))
    this.queuedBytes += bytes.length - sent
    return false
  }

  /** Sends one frame of what waits. */
  frame(): void {
    const first = this.#queue[0]
    if (first === undefined) return
    const sent = this.#emit(first.length > FRAME_BYTES_MAX ? first.subarray(0, FRAME_BYTES_MAX) : first)
    this.queuedBytes -= sent
    if (sent === first.length) this.#queue.shift()
    else this.#queue[0] = first.subarray(sent)
    if (this.queuedBytes > 0) return
    for (const buffer of this.#held) this.#session.thread.readBuffers.give(buffer)
    this.#held = []
  }

  /** Something in this buffer waits; it is given back when nothing does. */
  hold(buffer: Buffer): void {
    this.#held.push(buffer)
  }

  /** Forgets what waits. */
  drop(): void {
    this.#queue = []
    this.#held = []
    this.queuedBytes = 0
  }

  // The lines from `start` to `end` as a block, in one frame or, where they are many, in several. No status: trailers.
  #block(status: string, text: string, start: number, end: number, flags: number): void {
    const {out, thread} = this.#session
    const bytesMax = blockBytesMax(end - start)
    if (bytesMax <= FRAME_BYTES_MAX) {
      const at = out.reserve(FRAME_HEAD_BYTES + bytesMax)
      const to = this.#writeBlock(status, text, start, out.piece, at + FRAME_HEAD_BYTES)
      writeFrameHead(out.piece, at, to - at - FRAME_HEAD_BYTES, HEADERS, flags | END_HEADERS, this.#id)
      out.at = to
      this.#noteFlags(at)
    } else {
      const block = Buffer.allocUnsafe(bytesMax)
      this.#largeBlock(block.subarray(0, this.#writeBlock(status, text, start, block, 0)), flags)
    }
    thread.endOfTurn.join(this.#session)
  }

  #writeBlock(status: string, text: string, start: number, out: Buffer, at: number): number {
    const {encoder} = this.#session
    return encoder.lines(text, start, out, status === '' ? at : encoder.status(status, out, at))
  }

  #largeBlock(block: Buffer, flags: number): void {
    const {out} = this.#session
    for (let from = 0; from < block.length; from += FRAME_BYTES_MAX) {
      const part = block.subarray(from, from + FRAME_BYTES_MAX)
      const endFlag = from + FRAME_BYTES_MAX >= block.length ? END_HEADERS : 0
      const at = out.reserve(FRAME_HEAD_BYTES + part.length)
      const to =
        from === 0
          ? writeFrameHead(out.piece, at, part.length, HEADERS, flags | endFlag, this.#id)
          : writeFrameHead(out.piece, at, part.length, CONTINUATION, endFlag, this.#id)
      part.copy(out.piece, to)
      out.at = to + part.length
    }
    // END_STREAM would stand at the first of them.
    this.#serial = -1
  }

  // As much as the windows and the socket take; returns how much.
  #emit(bytes: Buffer): number {
    const session = this.#session
    const {out} = session
    let from = 0
    while (from < bytes.length && !out.isFull()) {
      const length = Math.min(bytes.length - from, FRAME_BYTES_MAX, this.window, session.sendWindow)
      if (length <= 0) break
      const at = out.reserve(FRAME_HEAD_BYTES + length)
      const to = writeFrameHead(out.piece, at, length, DATA, 0, this.#id)
      bytes.copy(out.piece, to, from, from + length)
      out.at = to + length
      this.#count(at, length)
      from += length
    }
    return from
  }

  // A frame of the body was written at `at`.
  #count(at: number, length: number): void {
    this.window -= length
    this.#session.sendWindow -= length
    this.#noteFlags(at)
    this.#session.thread.endOfTurn.join(this.#session)
  }

  #noteFlags(frameAt: number): void {
    this.#flagsAt = frameAt + 4
    this.#serial = this.#session.out.serial
  }
}
