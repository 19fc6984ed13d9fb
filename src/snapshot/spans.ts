// What workers hand over of traces. Types only.

/** Spans as OTLP writes them in JSON, in ASCII, with a comma between each two. */
export type SpanChunk = {
  readonly bytes: Uint8Array<ArrayBuffer>
  /** Where each of them ends. */
  readonly ends: Uint32Array<ArrayBuffer>
}
