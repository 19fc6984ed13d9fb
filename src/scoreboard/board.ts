// The main thread's side of the counters: gives every key (a route id, an origin) a slot that it keeps across reloads,
// adds segments when slots run out, and sums what the workers counted.

import {
  BYTES_IN,
  BYTES_OUT,
  COPIES_DROPPED,
  createSegment,
  ERRORS,
  FIELDS,
  IN_FLIGHT,
  LATENCIES,
  LATENCY_MEAN,
  LATENCY_SUM,
  laneOf,
  loadOf,
  loadsOf,
  REQUESTS,
  recordOf,
  SLOTS,
  segmentOf,
} from './segment.ts'

export type Counters = {
  requests: number
  errors: number
  inFlight: number
  bytesIn: number
  bytesOut: number
  copiesDropped: number
}

/** Of the tries at an instance that were answered: the moving mean is null before the first. */
export type Latency = {readonly meanMs: number | null; readonly sumMs: number; readonly count: number}

export type Board = {
  /** The slot of a key; a new key gets a free one and may add a segment. */
  slotOf(key: string): number
  /** The slot of a key that has one. */
  find(key: string): number | undefined
  /** Tells which keys are in use; the others keep their numbers for RETIRED_MS and then give up their slot. */
  retain(keys: Iterable<string>, nowMs: number): void
  /** Tells which keys are in use no more, for a caller that knows; as `retain`, at the cost of those. */
  retire(keys: Iterable<string>, nowMs: number): void
  segments(): readonly SharedArrayBuffer[]
  read(key: string): Counters
  readLatency(key: string): Latency
  /** A worker that died leaves requests that never end: its lane's in-flight numbers are set to zero. */
  forgetInFlight(lane: number): void
}

/** Long enough for every request that was under way when the key went, and for somebody to look at its numbers. */
const RETIRED_MS = 10 * 60_000

/** 'counters': each worker's numbers, and with 'loads' those under way of all together; 'states': 32-bit numbers of any kind. */
export type BoardKind = 'counters' | 'loads' | 'states'

/** `onRelease` is told of every slot that becomes free, so that what others keep of it can be cleared. */
export function createBoard(
  lanes: number,
  kind: BoardKind = 'counters',
  onRelease: (slot: number) => void = () => {},
): Board {
  const segments: SharedArrayBuffer[] = []
  const views: Float64Array[][] = []
  const slots = new Map<string, number>()
  const retiredAt = new Map<string, number>()
  const free: number[] = []
  let next = 0

  function allocate(): number {
    const reused = free.pop()
    if (reused !== undefined) return reused
    if (next === segments.length * SLOTS) {
      const segment = createSegment(lanes)
      segments.push(segment)
      views.push(Array.from({length: lanes}, (_, lane) => laneOf(segment, lane)))
    }
    return next++
  }

  function sum(slot: number, field: number): number {
    let total = 0
    for (const lane of views[segmentOf(slot)] ?? []) total += lane[recordOf(slot) + field] ?? 0
    return total
  }

  function release(key: string, slot: number): void {
    for (const lane of views[segmentOf(slot)] ?? []) lane.fill(0, recordOf(slot), recordOf(slot) + FIELDS)
    const segment = segments[segmentOf(slot)]
    if (segment) Atomics.store(loadsOf(segment), loadOf(slot), 0)
    slots.delete(key)
    retiredAt.delete(key)
    onRelease(slot)
    free.push(slot)
  }

  function releaseRetired(nowMs: number): void {
    for (const [key, since] of retiredAt) {
      const slot = slots.get(key)
      if (slot === undefined || nowMs - since <= RETIRED_MS) continue
      if (kind === 'states' || sum(slot, IN_FLIGHT) === 0) release(key, slot)
    }
  }

  return {
    slotOf(key) {
      let slot = slots.get(key)
      if (slot === undefined) {
        slot = allocate()
        slots.set(key, slot)
      }
      retiredAt.delete(key)
      return slot
    },
    find: key => slots.get(key),
    retain(keys, nowMs) {
      const used = new Set(keys)
      for (const key of slots.keys()) {
        if (used.has(key)) retiredAt.delete(key)
        else if (!retiredAt.has(key)) retiredAt.set(key, nowMs)
      }
      releaseRetired(nowMs)
    },
    retire(keys, nowMs) {
      for (const key of keys) if (slots.has(key) && !retiredAt.has(key)) retiredAt.set(key, nowMs)
      releaseRetired(nowMs)
    },
    segments: () => segments,
    read(key) {
      const slot = slots.get(key)
      const count = (field: number) => (slot === undefined ? 0 : sum(slot, field))
      return {
        requests: count(REQUESTS),
        errors: count(ERRORS),
        inFlight: count(IN_FLIGHT),
        bytesIn: count(BYTES_IN),
        bytesOut: count(BYTES_OUT),
        copiesDropped: kind === 'loads' ? 0 : count(COPIES_DROPPED),
      }
    },
    // Each worker has a mean of its own: they count as much as the worker has been answered.
    readLatency(key) {
      const slot = slots.get(key)
      if (slot === undefined) return {meanMs: null, sumMs: 0, count: 0}
      const count = sum(slot, LATENCIES)
      let weighed = 0
      for (const lane of views[segmentOf(slot)] ?? [])
        weighed += (lane[recordOf(slot) + LATENCY_MEAN] ?? 0) * (lane[recordOf(slot) + LATENCIES] ?? 0)
      return {meanMs: count === 0 ? null : weighed / count, sumMs: sum(slot, LATENCY_SUM), count}
    },
    forgetInFlight(lane) {
      for (const [index, lanesOfSegment] of views.entries()) {
        const numbers = lanesOfSegment[lane]
        const segment = segments[index]
        if (!numbers || !segment) continue
        const loads = loadsOf(segment)
        for (let slot = 0, at = IN_FLIGHT; at < numbers.length; slot++, at += FIELDS) {
          if (kind === 'loads') Atomics.sub(loads, slot, numbers[at] ?? 0)
          numbers[at] = 0
        }
      }
    },
  }
}
