// For bytes that are overwritten soon, and somebody who may have to keep them for longer.

import type {Downstream} from '../exchange.ts'

/** As long ones and longer do not come from Node's pool: each would be memory outside of V8's heap for the collector to find. */
const POOLED_BYTES = 4_096

/** Has a copy written to the client by `write`, and takes its memory back as soon as nothing of it waits. */
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
