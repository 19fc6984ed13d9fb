// What one stream hears: the body of the request, held to what its head has said of it, and how much more of it the client
// may send. A body without a length goes on to the instance in chunks.

import {FLOW_CONTROL_ERROR, STREAM_CLOSED, uint32, WINDOW_UPDATE} from './frame.ts'
import type {Session} from './session.ts'

/** What a client may send on one stream before it has been passed on. */
export const STREAM_RECEIVE_BYTES = 65_535

export class Incoming {
  readonly #session: Session
  readonly #id: number
  /** What the head said; -1: nothing. */
  length = -1
  received = 0
  /** The client has sent all of it. */
  hasEnded = false
  /** It has no length: the instance gets it in chunks. */
  isWrapped = false
  /** The instance does not take more for now. */
  isPaused = false
  /** Its first part has been passed on with the head, and comes yet. */
  isAhead = false
  #window = STREAM_RECEIVE_BYTES
  /** Bytes that have come and were not passed on, and those that the client has not been told of. */
  #held = 0
  #uncredited = 0

  constructor(session: Session, id: number) {
    this.#session = session
    this.#id = id
  }

  /** A frame of the body begins; the code of the error when it may not. */
  expect(length: number): number {
    if (this.hasEnded) return STREAM_CLOSED
    this.#window -= length
    return this.#window < 0 ? FLOW_CONTROL_ERROR : 0
  }

  /** So many bytes have come; false when they are more than the head said. */
  count(bytes: number): boolean {
    this.received += bytes
    return this.length < 0 || this.received <= this.length
  }

  isWhole(): boolean {
    return this.length < 0 || this.received === this.length
  }

  /** A part of the body as the instance is to get it. */
  framed(data: Buffer): Buffer {
    return this.isWrapped ? Buffer.concat([Buffer.from(`${data.length.toString(16)}\r\n`), data, CRLF]) : data
  }

  /** What the instance is to get behind the last part, or null. */
  end(): Buffer | null {
    return this.isWrapped ? LAST_CHUNK : null
  }

  resume(): void {
    this.isPaused = false
    if (this.#held > 0) this.credit(0)
  }

  /** Bytes have been passed on: the client may send as many again, when the instance takes them. */
  credit(bytes: number): void {
    this.#held += bytes
    if (this.isPaused) return
    this.#session.credit(this.#held)
    this.#uncredited += this.#held
    this.#held = 0
    if (this.hasEnded || this.#uncredited < STREAM_RECEIVE_BYTES / 2) return
    this.#window += this.#uncredited
    this.#session.say(WINDOW_UPDATE, 0, this.#id, uint32(this.#uncredited))
    this.#uncredited = 0
  }

  /** The stream is closed: what it held is the connection's again. */
  drop(): void {
    this.#session.credit(this.#held)
    this.#held = 0
  }
}

// ---

const CRLF = Buffer.from('\r\n')
const LAST_CHUNK = Buffer.from('0\r\n\r\n')
