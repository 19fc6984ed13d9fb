// What a connection of HTTP/2 has to say: frames are written side by side into one piece of memory and leave together at the
// end of the turn, so that the answers of many streams are one TLS record and one system call.

import type {TLSSocket} from 'node:tls'
import {END_STREAM, FRAME_HEAD_BYTES, writeFrameHead} from './frame.ts'

/** Holds a read of an instance, 64 KiB, in frames, with some heads. Several pieces would be copied once more to leave together. */
const PIECE_BYTES = 65_536 + 4_096
/** Pieces that a thread keeps for the next turn. */
const SPARE_MAX = 32
/** Unsent bytes of a connection above which streams wait: a read of several instances, twice. With half of it every read of a
 * long answer is held up. */
const UNSENT_BYTES = 262_144

/** Pieces of memory that nobody uses at the moment, of one thread. */
export class Pieces {
  readonly #spare: Buffer[] = []

  take(): Buffer {
    return this.#spare.pop() ?? Buffer.allocUnsafeSlow(PIECE_BYTES)
  }

  give(piece: Buffer): void {
    if (this.#spare.length < SPARE_MAX) this.#spare.push(piece)
  }
}

export class FrameWriter {
  /** Where frames are written, and up to where they have been. */
  piece: Buffer = NOTHING
  at = 0
  /** Which piece it is: a flag may be set as long as it has not left. */
  serial = 0
  /** Bytes that have left. */
  written = 0
  readonly #socket: TLSSocket
  readonly #pieces: Pieces
  /** Full ones, of this turn, and how much of each. */
  #full: Buffer[] = []
  #lengths: number[] = []
  /** Those that the socket has, in their order. */
  readonly #sent: Buffer[] = []
  readonly #sentLengths: number[] = []
  #fullBytes = 0
  #sentBytes = 0
  readonly #onWritten: () => void

  constructor(socket: TLSSocket, pieces: Pieces, onWritten: () => void) {
    this.#socket = socket
    this.#pieces = pieces
    this.#onWritten = () => {
      const piece = this.#sent.shift()
      const length = this.#sentLengths.shift()
      if (piece === undefined || length === undefined) return
      this.#sentBytes -= length
      this.written += length
      this.#pieces.give(piece)
      onWritten()
    }
  }

  /** Bytes that have not left yet. */
  unsent(): number {
    return this.at + this.#fullBytes + this.#sentBytes
  }

  isFull(): boolean {
    return this.unsent() >= UNSENT_BYTES
  }

  /** Makes room for `count` bytes, at most those of the largest frame, and returns where they begin; `at` is to be set behind them. */
  reserve(count: number): number {
    if (this.at + count > this.piece.length) this.#turnOver()
    return this.at
  }

  /** Ends a stream with a frame that was written and has not left. */
  endStream(serial: number, flagsAt: number): boolean {
    if (serial !== this.serial || this.at === 0) return false
    this.piece[flagsAt] = (this.piece[flagsAt] ?? 0) | END_STREAM
    return true
  }

  /** A whole frame of a few bytes. */
  small(type: number, flags: number, stream: number, payload: readonly number[]): void {
    let at = this.reserve(FRAME_HEAD_BYTES + payload.length)
    at = writeFrameHead(this.piece, at, payload.length, type, flags, stream)
    for (const byte of payload) this.piece[at++] = byte
    this.at = at
  }

  /** Gives the socket what was written since the last time. */
  flush(): void {
    if (this.at > 0) this.#retire()
    if (this.#full.length === 0) return
    const full = this.#full
    const lengths = this.#lengths
    this.#full = []
    this.#lengths = []
    this.#sentBytes += this.#fullBytes
    this.#fullBytes = 0
    if (full.length > 1) this.#socket.cork()
    for (const [i, piece] of full.entries()) {
      const length = lengths[i] ?? 0
      this.#sent.push(piece)
      this.#sentLengths.push(length)
      this.#socket.write(piece.subarray(0, length), this.#onWritten)
    }
    if (full.length > 1) this.#socket.uncork()
  }

  #turnOver(): void {
    if (this.at > 0) this.#retire()
    this.piece = this.#pieces.take()
  }

  #retire(): void {
    this.#full.push(this.piece)
    this.#lengths.push(this.at)
    this.#fullBytes += this.at
    this.piece = NOTHING
    this.at = 0
    this.serial++
  }
}

// ---

const NOTHING = Buffer.alloc(0)
