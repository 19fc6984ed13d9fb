// Where connections are read into. Node gives every read 64 KiB of its own and cuts them to size, which for a small message
// costs as much as the reading. Here heads come in one buffer of the whole thread, lent until the call ends, and bodies in
// buffers that are used again as soon as nothing of them waits to be written.

import type {OnReadOpts} from 'node:net'
import {Views} from './views.ts'

/** Most messages are whole in it; what comes in it of a longer one is copied. */
const HEAD_READ_BYTES = 16_384
const BODY_READ_BYTES = 65_536
/** Of one thread, 8 MiB: as many connections can wait for TLS in a turn. What is more is left to the collector. */
const FREE_MAX = 128

export class ReadBuffers {
  readonly lent: Buffer = Buffer.allocUnsafeSlow(HEAD_READ_BYTES)
  readonly views = new Views(this.lent)
  readonly #free: Buffer[] = []

  take(): Buffer {
    return this.#free.pop() ?? Buffer.allocUnsafeSlow(BODY_READ_BYTES)
  }

  give(buffer: Buffer): void {
    if (this.#free.length < FREE_MAX) this.#free.push(buffer)
  }
}

/** Who needs a buffer for longer than the call that brought it, and gives it back when it is free. */
export type Holder = {hold(buffer: Buffer): void}

/** For buffers of which nobody is told that they are free. */
export const COLLECTOR: Holder = {hold() {}}

/** A connection, to those who read for it. */
export type ReadingConnection = {
  readonly thread: {readonly readBuffers: ReadBuffers}
  /** With whom anything of the last read waits to be used or written: its buffer is left to them, and they are forgotten. */
  heldBy: Holder | null
  /** Is the next to come a part of a body? */
  isInBody(): boolean
  /** Takes what has come; lent bytes are overwritten by the next read of any connection. False: no more for now. */
  read(bytes: Buffer, isLent: boolean): boolean
}

export type Reading = {readonly callback: OnReadOpts['callback']; readonly buffer: () => Buffer}

/** How Node is to read for a connection, in the form of the option `onread` of net.connect. */
export function readingFor(connection: ReadingConnection): Reading {
  const {readBuffers} = connection.thread
  let current = readBuffers.lent
  let isRead = false
  return {
    callback(length) {
      isRead = true
      if (current === readBuffers.lent) return connection.read(readBuffers.views.first(length), true)
      return connection.read(current.subarray(0, length), false)
    },
    // Asked before the first read and behind each. Node goes on with what it has when it is given none, and need not look
    // for where its memory is.
    buffer() {
      const last = current
      current = bufferAfter(last, connection, readBuffers)
      const isSame = isRead && current === last
      isRead = false
      return isSame ? SAME : current
    },
  }
}

// ---

// Its type knows nothing of that.
const SAME = undefined as unknown as Buffer

function bufferAfter(last: Buffer, connection: ReadingConnection, readBuffers: ReadBuffers): Buffer {
  const isOwn = last !== readBuffers.lent
  const {heldBy} = connection
  connection.heldBy = null
  const isInBody = connection.isInBody()
  if (isOwn) {
    if (heldBy !== null) heldBy.hold(last)
    else if (isInBody) return last
    else readBuffers.give(last)
  }
  return isInBody ? readBuffers.take() : readBuffers.lent
}
