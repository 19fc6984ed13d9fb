// Messages, and the beginnings of long ones, are put together here as bytes and written with one call: what is passed on as it
// came is copied once, and never becomes a text. One for each thread; a message is put together and written before another.

import {Views} from './views.ts'

/** Room for all that one read of a head can bring, and what is added to it. */
const BYTES = 20_480

export class WriteBuffer {
  #bytes = Buffer.allocUnsafeSlow(BYTES)
  #views = new Views(this.#bytes)
  #length = 0

  /** May a message of so many bytes be put together here? */
  holds(length: number): boolean {
    return length <= BYTES
  }

  /** Begins a message or goes on with it. The whole of it is to be no longer than `holds` allows. */
  add(bytes: Buffer, start: number, end: number): void {
    this.#length += bytes.copy(this.#bytes, this.#length, start, end)
  }

  /** The same with a text of latin1. */
  addText(text: string): void {
    this.#length += this.#bytes.latin1Write(text, this.#length)
  }

  /** The message, to be written at once. */
  take(): Buffer {
    const length = this.#length
    this.#length = 0
    return this.#views.first(length)
  }

  /** A part of the message waits to be written: its memory is left to it. */
  leave(): void {
    this.#bytes = Buffer.allocUnsafeSlow(BYTES)
    this.#views = new Views(this.#bytes)
  }
}
