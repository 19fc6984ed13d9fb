// Ids of traces and spans: 16 and 8 random bytes in hex (W3C trace-context §3.2.2). Random bytes are fetched for hundreds of
// ids at once, because asking for them costs more than all the rest of an id.

import {randomFillSync} from 'node:crypto'

const POOL_BYTES = 4096

export function newTraceId(): string {
  return take(16)
}

export function newSpanId(): string {
  return take(8)
}

// ---

const pool = Buffer.alloc(POOL_BYTES)
let used = POOL_BYTES

function take(bytes: number): string {
  if (used + bytes > POOL_BYTES) {
    randomFillSync(pool)
    used = 0
  }
  used += bytes
  return pool.toString('hex', used - bytes, used)
}
