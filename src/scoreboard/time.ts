// A time that all threads agree on. performance.now() begins anew in each thread; the machine's monotonic clock does not,
// and nobody sets it.
//
// 32 bits of deciseconds: a record can hold it, and the difference of two, (a - b) | 0, is right up to 6.8 years.

/** Deciseconds of the machine's monotonic clock. */
export function sharedNow(): number {
  return Number(BigInt.asIntN(32, process.hrtime.bigint() / 100_000_000n))
}

/** Has `span` gone by since `then`? All in deciseconds. */
export function hasElapsed(now: number, then: number, span: number): boolean {
  return ((now - then) | 0) >= span
}

/** Milliseconds as deciseconds, never less than one of them. */
export function toDeciseconds(ms: number): number {
  return Math.max(1, Math.ceil(ms / 100))
}
