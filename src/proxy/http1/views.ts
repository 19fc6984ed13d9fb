// The first bytes of a buffer that is used again and again, by their number: what is read or written most often needs no new
// view of it. A view costs as much as copying 1 KiB, and the collector as much again.

/** Longer ones are made anew. */
const KEPT_MAX = 4_096

export class Views {
  readonly #buffer: Buffer
  readonly #kept: (Buffer | null)[] = Array(KEPT_MAX).fill(null)

  constructor(buffer: Buffer) {
    this.#buffer = buffer
  }

  first(length: number): Buffer {
    if (length >= KEPT_MAX) return this.#buffer.subarray(0, length)
    const kept = this.#kept[length] as Buffer | null
    if (kept !== null) return kept
    const view = this.#buffer.subarray(0, length)
    this.#kept[length] = view
    return view
  }
}
