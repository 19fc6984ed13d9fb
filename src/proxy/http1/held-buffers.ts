// Buffers from which a connection has still to write. They are read into again when it has written all: a buffer that is left to
// the collector each time makes V8 look through its whole heap again and again, for the memory outside of it.

import type {Socket} from 'node:net'
import type {ReadBuffers} from './read-buffers.ts'

/** A socket that is never done, with a client that only just keeps up, would hold more and more; the collector knows better. */
const HELD_MAX = 32

export class HeldBuffers {
  readonly #socket: Socket
  readonly #readBuffers: ReadBuffers
  #held: Buffer[] = []
  /** Writes that have not told yet that they are done. */
  #awaited = 0

  constructor(socket: Socket, readBuffers: ReadBuffers) {
    this.#socket = socket
    this.#readBuffers = readBuffers
  }

  /** Writes bytes, and is told when that is done; false when the socket has enough. */
  write(bytes: Buffer): boolean {
    this.#awaited++
    return this.#socket.write(bytes, this.#onWritten)
  }

  /** Something of what was written is in this buffer and waits. */
  add(buffer: Buffer): void {
    if (this.#awaited === 0) return
    if (this.#held.length === HELD_MAX) this.#held = []
    this.#held.push(buffer)
  }

  readonly #onWritten = () => {
    this.#awaited--
    if (this.#held.length === 0) return
    const {writableLength} = this.#socket
    if (writableLength > 0 && this.#awaited > 0) return
    // What is behind the last write that tells is left to the collector.
    if (writableLength === 0) for (const buffer of this.#held) this.#readBuffers.give(buffer)
    this.#held = []
  }
}
