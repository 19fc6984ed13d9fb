// What all routes together have answered since it was asked last, for whoever shows how much goes through now. A route that
// nobody asks costs a look at one cache line of each worker; the histograms are read of those that have been asked.

import {BUCKETS, readBuckets} from './answers.ts'
import {ERRORS, FIELDS, IN_FLIGHT, laneOf, lanesOf, REQUESTS, SLOTS} from './segment.ts'

export type Tally = {
  /** Answers by how long they took, in the buckets of DURATION_BOUNDS_MS. */
  readonly buckets: Float64Array
  /** Answers of 500 and above. */
  errors: number
}

/** Segments in one call, 130,000 routes and 10 ms; of more, each call looks at the next ones. */
const SEGMENTS_AT_ONCE = 32

/**
 * `segments` and `answers` are those of the board of routes and beside it, of which there may be more with every call. The
 * record in slot 0 is always read: requests without a route are counted there, in its histogram only.
 */
export function createTally(
  segments: () => readonly SharedArrayBuffer[],
  answers: () => readonly SharedArrayBuffer[],
): () => Tally {
  const pages: Page[] = []
  let next = 0

  return () => {
    const [counters, histograms] = [segments(), answers()]
    for (let index = pages.length; index < counters.length; index++) {
      const [segment, histogram] = [counters[index], histograms[index]]
      if (segment && histogram) pages.push(pageOf(segment, histogram))
    }
    const tally: Tally = {buckets: new Float64Array(BUCKETS), errors: 0}
    const now = new Float64Array(BUCKETS)
    for (let seen = 0; seen < Math.min(SEGMENTS_AT_ONCE, pages.length); seen++) {
      next = (next + 1) % pages.length
      const page = pages[next]
      if (page) look(page, next === 0, tally, now)
    }
    return tally
  }
}

// ---

type Page = {
  readonly lanes: readonly Float64Array[]
  readonly answers: readonly Float64Array[]
  /** By slot: requests at the last look, BUSY while some were under way. */
  readonly requests: Float64Array
  readonly errors: Float64Array
  readonly buckets: Float64Array
}

const BUSY = -1

// The memory of what is all zero is not there yet: a route that is never asked costs none.
function pageOf(segment: SharedArrayBuffer, histogram: SharedArrayBuffer): Page {
  const count = lanesOf(segment)
  const bytes = histogram.byteLength / count
  return {
    lanes: Array.from({length: count}, (_, lane) => laneOf(segment, lane)),
    answers: Array.from(
      {length: count},
      (_, lane) => new Float64Array(histogram, lane * bytes, bytes / Float64Array.BYTES_PER_ELEMENT),
    ),
    requests: new Float64Array(SLOTS),
    errors: new Float64Array(SLOTS),
    buckets: new Float64Array(SLOTS * BUCKETS),
  }
}

function look(page: Page, hasUnrouted: boolean, tally: Tally, now: Float64Array): void {
  const {lanes, requests} = page
  for (let slot = 0, at = 0; slot < SLOTS; slot++, at += FIELDS) {
    let begun = 0
    let inFlight = 0
    for (const lane of lanes) {
      begun += lane[at + REQUESTS] as number
      inFlight += lane[at + IN_FLIGHT] as number
    }
    if (begun === requests[slot] && !(hasUnrouted && slot === 0)) continue
    // Noted before the histogram is read: an answer that comes in between is found at the next look.
    requests[slot] = inFlight > 0 ? BUSY : begun
    read(page, slot, at, tally, now)
  }
}

function read(
  {lanes, answers, errors, buckets}: Page,
  slot: number,
  at: number,
  tally: Tally,
  now: Float64Array,
): void {
  let failed = 0
  for (const lane of lanes) failed += lane[at + ERRORS] as number
  tally.errors += since(errors[slot] as number, failed)
  errors[slot] = failed
  readBuckets(answers, slot, now)
  for (let bucket = 0; bucket < BUCKETS; bucket++) {
    const index = slot * BUCKETS + bucket
    tally.buckets[bucket] = (tally.buckets[bucket] as number) + since(buckets[index] as number, now[bucket] as number)
    buckets[index] = now[bucket] as number
  }
}

// A slot that was given to another route begins anew.
function since(before: number, now: number): number {
  return now < before ? now : now - before
}
