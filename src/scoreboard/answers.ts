// What a route has answered, and how fast: one record per route and worker, in segments beside those of the routes' counters
// (the same slots). The worker counts with plain adds in its own lane; whoever reads sums the lanes.
//
// A record is a histogram of durations and a small open-addressed table of (method, status) pairs, so that statuses are
// exact and the memory is bounded: a route that answers with more pairs than fit counts the rest as 'other'. Pages of
// routes that nobody asks for are never touched and cost no memory.

import {SLOTS} from './segment.ts'

/** Upper bounds of the buckets in milliseconds; a last bucket takes all that is slower. */
export const DURATION_BOUNDS_MS: readonly number[] = [
  0.5, 1, 2.5, 5, 10, 25, 50, 100, 250, 500, 1000, 2500, 5000, 10_000,
]

/** Buckets of a histogram. */
export const BUCKETS = DURATION_BOUNDS_MS.length + 1

/** Methods that are told apart. */
export const METHODS: readonly string[] = ['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS', 'other']

/** Status of a request whose client went away before the answer began (nginx's 499). */
export const CLIENT_GONE = 499

export type Answers = {
  /** Status 0 stands for all those that had no room. */
  readonly counts: readonly {readonly method: string; readonly status: number; readonly count: number}[]
  /** Of each bucket by itself, the last one beyond all bounds. */
  readonly buckets: readonly number[]
  readonly sumMs: number
}

export function createAnswersSegment(lanes: number): SharedArrayBuffer {
  return new SharedArrayBuffer(lanes * SLOTS * FIELDS * Float64Array.BYTES_PER_ELEMENT)
}

/** The part of a segment that worker `lane` writes. */
export function answersLane(segment: SharedArrayBuffer, lane: number): Float64Array {
  const numbers = SLOTS * FIELDS
  return new Float64Array(segment, lane * numbers * Float64Array.BYTES_PER_ELEMENT, numbers)
}

/** One record of its own, for what is in no segment. */
export function privateAnswers(): Float64Array {
  return new Float64Array(FIELDS)
}

/** Index of a slot's record within its lane. */
export function answersRecord(slot: number): number {
  return (slot % SLOTS) * FIELDS
}

/** Counts one answer and the time that it took. */
export function countAnswer(lane: Float64Array, at: number, method: string, status: number, ms: number): void {
  let bucket = 0
  while (bucket < BUCKETS - 1 && ms > (DURATION_BOUNDS_MS[bucket] as number)) bucket++
  const counted = at + FIRST_BUCKET + bucket
  lane[counted] = (lane[counted] as number) + 1
  lane[at + SUM] = (lane[at + SUM] as number) + ms
  const key = status * METHODS.length + methodIndex(method) + 1
  let pair = key % PAIRS
  for (let probed = 0; probed < PAIRS; probed++) {
    const index = at + FIRST_PAIR + pair * 2
    const found = lane[index] as number
    if (found === 0) lane[index] = key
    if (found === 0 || found === key) {
      lane[index + 1] = (lane[index + 1] as number) + 1
      return
    }
    pair = pair + 1 === PAIRS ? 0 : pair + 1
  }
  lane[at + REST] = (lane[at + REST] as number) + 1
}

/** Sums what the workers have counted. */
export function readAnswers(lanes: readonly Float64Array[], at: number): Answers {
  const buckets = new Array<number>(BUCKETS).fill(0)
  const pairs = new Map<number, number>()
  let sumMs = 0
  let rest = 0
  for (const lane of lanes) {
    for (let bucket = 0; bucket < BUCKETS; bucket++)
      buckets[bucket] = (buckets[bucket] ?? 0) + (lane[at + FIRST_BUCKET + bucket] ?? 0)
    sumMs += lane[at + SUM] ?? 0
    rest += lane[at + REST] ?? 0
    for (let index = at + FIRST_PAIR; index < at + FIELDS; index += 2) {
      const key = lane[index] ?? 0
      if (key !== 0) pairs.set(key, (pairs.get(key) ?? 0) + (lane[index + 1] ?? 0))
    }
  }
  const counts = [...pairs].map(([key, count]) => ({
    method: METHODS[(key - 1) % METHODS.length] ?? OTHER,
    status: Math.floor((key - 1) / METHODS.length),
    count,
  }))
  if (rest > 0) counts.push({method: OTHER, status: 0, count: rest})
  return {counts, buckets, sumMs}
}

/** Sums the buckets alone into `into`. */
export function readBuckets(lanes: readonly Float64Array[], slot: number, into: Float64Array): void {
  const at = answersRecord(slot)
  into.fill(0)
  for (const lane of lanes)
    for (let bucket = 0; bucket < BUCKETS; bucket++)
      into[bucket] = (into[bucket] as number) + (lane[at + FIRST_BUCKET + bucket] as number)
}

/** A slot begins anew. */
export function clearAnswers(lanes: readonly Float64Array[], at: number): void {
  for (const lane of lanes) lane.fill(0, at, at + FIELDS)
}

// ---

const OTHER = 'other'
// In the first cache line is what an answer of up to 50 ms changes, beside its pair.
const SUM = 0
const FIRST_BUCKET = 1
const REST = FIRST_BUCKET + BUCKETS
/** Pairs begin on an even number: 64 numbers are 512 bytes, eight cache lines. */
const FIRST_PAIR = 18
const FIELDS = 64
const PAIRS = (FIELDS - FIRST_PAIR) / 2

function methodIndex(method: string): number {
  switch (method) {
    case 'GET':
      return 0
    case 'HEAD':
      return 1
    case 'POST':
      return 2
    case 'PUT':
      return 3
    case 'PATCH':
      return 4
    case 'DELETE':
      return 5
    case 'OPTIONS':
      return 6
    default:
      return 7
  }
}
