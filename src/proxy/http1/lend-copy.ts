// For bytes that are overwritten soon, and somebody who may have to keep them for longer.

import type {Downstream} from '../exchange.ts'

/** Shorter ones come from Node's pool, which a few long ones would use up: then the collector has to find that memory. */
const POOLED_BYTES = 8_192

/** Has a copy written to the client by `write`. The memory of a long one is used again when nothing of it waits any more. */
export function lendCopy(client: Downstream, bytes: Buffer, write: (copy: Buffer) => void): void {
  if (bytes.length < POOLED_BYTES) {
    write(Buffer.from(bytes))
    return
  }
  const {readBuffers} = client.thread
  const memory = readBuffers.take()
  write(memory.subarray(0, bytes.copy(memory)))
  if (client.isHolding()) client.hold(memory)
  else readBuffers.give(memory)
}
