// Spans of a worker on their way to the main thread: bytes from the start, because texts that wait cost the garbage collector
// more than they cost to write. One message at a time, so that a main thread that does not turn is not buried; what does not
// fit meanwhile is dropped and counted, and no request waits.

import type {SpanChunk} from '../../snapshot/spans.ts'

/** Spans that wait to be sent, and their bytes; as many may be on their way. */
const SPANS_MAX = 2_048
const BYTES_MAX = 2 << 20
/** From so many on they are sent before the tick. */
const FLUSH_AT = 256

export type SpanBuffer = {
  /** Takes a span as OTLP writes it in JSON, in ASCII. */
  add(span: string): void
  /** Sends what there is, unless the main thread still has the last message before it. */
  flush(): void
  /** The main thread has taken the last message. */
  taken(): void
  /** Sends what is left, at once. */
  end(): void
}

/** `send` may keep what it is given. */
export function createSpanBuffer(send: (spans: SpanChunk, dropped: number) => void): SpanBuffer {
  // Pages that nobody has written cost nothing.
  const bytes = Buffer.allocUnsafeSlow(BYTES_MAX)
  const ends = new Uint32Array(SPANS_MAX)
  let used = 0
  let count = 0
  let dropped = 0
  let isSending = false

  function sendAll(): void {
    if (count === 0 && dropped === 0) return
    isSending = true
    send({bytes: new Uint8Array(bytes.subarray(0, used)), ends: ends.slice(0, count)}, dropped)
    used = 0
    count = 0
    dropped = 0
  }

  function flush(): void {
    if (!isSending) sendAll()
  }

  return {
    add(span) {
      if (count === SPANS_MAX || used + span.length >= BYTES_MAX) {
        dropped++
        return
      }
      if (count > 0) bytes[used++] = COMMA
      used += bytes.latin1Write(span, used)
      ends[count++] = used
      if (count >= FLUSH_AT) flush()
    },
    flush,
    taken() {
      isSending = false
      if (count >= FLUSH_AT) sendAll()
    },
    end: sendAll,
  }
}

// ---

const COMMA = 0x2c
