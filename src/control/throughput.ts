// How much goes through now, and how fast: looked at once a second, told to whoever listens, and kept for ten seconds.

import type {Latency, Rates} from '../admin/protocol.ts'
import type {Clock} from '../base/clock.ts'
import type {DataPlane, Tally} from '../snapshot/data-plane.ts'

export type Traffic = {readonly traffic: Rates; readonly latency: Latency | null}

export type Throughput = {
  /** Of the last ten seconds, or of what there was of them. */
  recent(): Traffic
  close(): void
}

export type ThroughputParts = {
  readonly clock: Clock
  readonly plane: Pick<DataPlane, 'tally' | 'durationBoundsMs'>
  /** Gets every look, its rates of one second and its latency of ten, for a minute after the last answer. */
  readonly onLook: (traffic: Traffic) => void
}

const LOOK_MS = 1_000
const LOOKS = 10
/** As long as somebody may draw it; then there is nothing new to say. */
const QUIET_LOOKS = 60

export function createThroughput({clock, plane, onLook}: ThroughputParts): Throughput {
  const looks: Look[] = []
  let seenMs = clock.now()
  let quiet = QUIET_LOOKS
  let cancel = clock.after(LOOK_MS, look)

  function look(): void {
    cancel = clock.after(LOOK_MS, look)
    const nowMs = clock.now()
    const overMs = nowMs - seenMs
    seenMs = nowMs
    const tally = plane.tally()
    // A clock that was set, or a machine that slept, says nothing of how long it took.
    if (overMs <= 0 || overMs > LOOKS * LOOK_MS) return
    const answers = sum(tally.buckets)
    looks.push({overMs, answers, tally})
    if (looks.length > LOOKS) looks.shift()
    quiet = answers === 0 ? quiet + 1 : 0
    if (quiet <= QUIET_LOOKS)
      onLook({traffic: rates(looks.slice(-1)), latency: latencyOf(looks, plane.durationBoundsMs)})
  }

  return {
    recent: () => ({traffic: rates(looks), latency: latencyOf(looks, plane.durationBoundsMs)}),
    close: () => cancel(),
  }
}

/** How long the fastest `share` (0 to 1) took at the most, as if the answers of a bucket were spread evenly over it. */
export function quantile(buckets: readonly number[], boundsMs: readonly number[], share: number): number {
  const wanted = sum(buckets) * share
  let below = 0
  for (const [bucket, boundMs] of boundsMs.entries()) {
    const count = buckets[bucket] ?? 0
    const fromMs = bucket === 0 ? 0 : (boundsMs[bucket - 1] ?? 0)
    if (count > 0 && below + count >= wanted) return fromMs + ((boundMs - fromMs) * (wanted - below)) / count
    below += count
  }
  // Slower than all bounds: how much slower nobody has counted.
  return boundsMs.at(-1) ?? 0
}

// ---

type Look = {readonly overMs: number; readonly answers: number; readonly tally: Tally}

function rates(looks: readonly Look[]): Rates {
  const overMs = sum(looks.map(look => look.overMs))
  const perSecond = (count: number) => (overMs === 0 ? 0 : round((count * 1000) / overMs))
  return {
    requestsPerSecond: perSecond(sum(looks.map(({answers}) => answers))),
    errorsPerSecond: perSecond(sum(looks.map(({tally}) => tally.errors))),
    overMs,
  }
}

function latencyOf(looks: readonly Look[], boundsMs: readonly number[]): Latency | null {
  const buckets = Array.from({length: boundsMs.length + 1}, (_, bucket) =>
    sum(looks.map(({tally}) => tally.buckets[bucket] ?? 0)),
  )
  if (sum(buckets) === 0) return null
  return {p50Ms: round(quantile(buckets, boundsMs, 0.5)), p99Ms: round(quantile(buckets, boundsMs, 0.99))}
}

function sum(numbers: Iterable<number>): number {
  let total = 0
  for (const number of numbers) total += number
  return total
}

function round(number: number): number {
  return Math.round(number * 1000) / 1000
}
