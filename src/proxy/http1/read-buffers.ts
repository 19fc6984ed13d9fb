// Where connections to instances are read into. Node gives every read 64 KiB of its own and cuts them to size, which for a
// small answer costs as much as the reading. Here heads come in one buffer of the whole thread, lent until the call ends, and
// bodies in buffers that are used again as soon as nothing of them waits to be written.

import type {OnReadOpts} from 'node:net'
import type {UpstreamConnection} from './upstream.ts'

/** Most answers are whole in it; what comes in it of a longer one is copied. */
const HEAD_READ_BYTES = 16_384
const BODY_READ_BYTES = 65_536
/** Of bodies, of one thread; what is more is left to the collector. */
const FREE_MAX = 32

export class ReadBuffers {
  readonly lent = Buffer.allocUnsafeSlow(HEAD_READ_BYTES)
  readonly #free: Buffer[] = []

  take(): Buffer {
    return this.#free.pop() ?? Buffer.allocUnsafeSlow(BODY_READ_BYTES)
  }

  give(buffer: Buffer): void {
    if (this.#free.length < FREE_MAX) this.#free.push(buffer)
  }
}

/** How `net.connect` is to read for a connection (its option `onread`). */
export function readingFor(upstream: UpstreamConnection): OnReadOpts {
  const {readBuffers} = upstream.thread
  let current: Buffer = readBuffers.lent
  return {
    callback(length) {
      upstream.read(current.subarray(0, length), current === readBuffers.lent)
      return true
    },
    // Asked before the first read and behind each.
    buffer: () => (current = bufferAfter(current, upstream, readBuffers)),
  }
}

// ---

function bufferAfter(last: Buffer, upstream: UpstreamConnection, readBuffers: ReadBuffers): Buffer {
  const isOwn = last !== readBuffers.lent
  if (upstream.reader.isInBody) return isOwn && !upstream.isHeld ? last : readBuffers.take()
  if (isOwn && !upstream.isHeld) readBuffers.give(last)
  return readBuffers.lent
}
