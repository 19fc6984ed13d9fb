// How long the answers of a route take, out of a histogram. A p99 is known to within its bucket only, so one from before a
// change counts as the upper bound of its bucket, and one after it as worse when the buckets prove it, or when the mean,
// which is exact, says so as well.

import {formatDuration} from '../base/units.ts'

/** A histogram: of each bucket by itself, the last one beyond all bounds. */
export type Durations = {readonly buckets: readonly number[]; readonly sumMs: number}

/** Of the time before a change: no more than this. */
export type Pace = {readonly p99Ms: number; readonly meanMs: number}

export type SlownessRule = {
  /** How many times as slow as before is too slow. */
  readonly factor: number
  readonly minRequests: number
}

/** null: there were too few requests to tell, or they took longer than the histogram can say. */
export function paceOf(durations: Durations, boundsMs: readonly number[], minRequests: number): Pace | null {
  const requests = countOf(durations)
  if (requests < Math.max(1, minRequests)) return null
  const {upperMs} = bucketOf(durations, boundsMs, Math.ceil(requests / 100))
  return Number.isFinite(upperMs) ? {p99Ms: upperMs, meanMs: durations.sumMs / requests} : null
}

/** How much slower than before, in words; null when it is not, or when there are too few requests to tell. */
export function describeSlowness(
  before: Pace,
  now: Durations,
  boundsMs: readonly number[],
  {factor, minRequests}: SlownessRule,
): string | null {
  const requests = countOf(now)
  if (requests < Math.max(SLOW_AT_LEAST, minRequests)) return null
  const {lowerMs, valueMs} = bucketOf(now, boundsMs, Math.max(SLOW_AT_LEAST, Math.ceil(requests / 100)))
  const boundMs = factor * before.p99Ms
  const isMeanWorse = now.sumMs / requests > factor * before.meanMs
  if (lowerMs < FAST_MS || !(lowerMs >= boundMs || (valueMs > boundMs && isMeanWorse))) return null
  return `a p99 of ${formatDuration(valueMs)} over ${requests} requests, at most ${formatDuration(Math.max(1, before.p99Ms))} before`
}

/** Counters begin anew when a key was out of use for long, and with the daemon. */
export function durationsSince(now: Durations, before: Durations | undefined): Durations {
  if (before === undefined || countOf(now) < countOf(before)) return now
  const buckets = now.buckets.map((count, bucket) => count - (before.buckets[bucket] ?? 0))
  return {buckets, sumMs: now.sumMs - before.sumMs}
}

// ---

/** A p99 up to this is never too slow, whatever it was before: what a garbage collection or a busy machine makes of 1 ms. */
const FAST_MS = 25
/** Fewer slow answers than this may be bad luck: of 50 requests the p99 is the slowest. */
const SLOW_AT_LEAST = 5

function countOf({buckets}: Durations): number {
  return buckets.reduce((sum, count) => sum + count, 0)
}

// Where the slowest so many requests begin. Within a bucket requests are taken to be spread evenly.
function bucketOf(
  {buckets}: Durations,
  boundsMs: readonly number[],
  slowest: number,
): {lowerMs: number; upperMs: number; valueMs: number} {
  let above = 0
  for (let bucket = buckets.length - 1; bucket >= 0; bucket--) {
    const count = buckets[bucket] ?? 0
    if (count > 0 && above + count >= slowest) {
      const lowerMs = boundsMs[bucket - 1] ?? 0
      const upperMs = boundsMs[bucket] ?? Number.POSITIVE_INFINITY
      const isOpen = upperMs === Number.POSITIVE_INFINITY
      const valueMs = isOpen ? lowerMs : upperMs - ((slowest - above) / count) * (upperMs - lowerMs)
      return {lowerMs, upperMs, valueMs}
    }
    above += count
  }
  return {lowerMs: 0, upperMs: 0, valueMs: 0}
}
