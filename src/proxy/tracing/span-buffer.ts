// Spans of a worker on their way to the main thread: one message at a time, so that a main thread that does not turn is not
// buried. What does not fit meanwhile is dropped and counted; no request waits.

/** Spans that wait to be sent; with those under way about 2 KiB each. */
const SPANS_MAX = 2_048
/** From so many on they are sent before the tick. */
const FLUSH_AT = 256

export type SpanBuffer = {
  /** Takes a span as OTLP writes it in JSON. */
  add(span: string): void
  /** Sends what there is, unless the main thread still has the last message before it. */
  flush(): void
  /** The main thread has taken the last message. */
  taken(): void
  /** Sends what is left, at once. */
  end(): void
}

export function createSpanBuffer(send: (spans: readonly string[], dropped: number) => void): SpanBuffer {
  let waiting: string[] = []
  let dropped = 0
  let isSending = false

  function sendAll(): void {
    if (waiting.length === 0 && dropped === 0) return
    isSending = true
    send(waiting, dropped)
    waiting = []
    dropped = 0
  }

  function flush(): void {
    if (!isSending) sendAll()
  }

  return {
    add(span) {
      if (waiting.length >= SPANS_MAX) {
        dropped++
        return
      }
      waiting.push(span)
      if (waiting.length >= FLUSH_AT) flush()
    },
    flush,
    taken() {
      isSending = false
      if (waiting.length >= FLUSH_AT) sendAll()
    },
    end: sendAll,
  }
}
