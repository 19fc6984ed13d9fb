// How routes and instances did of late: what was counted since one or two windows ago, because an outage of last week says
// nothing about today. Two copies of the counters, taken in turn.

import type {Clock} from '../base/clock.ts'
import type {DataPlane} from '../snapshot/data-plane.ts'
import {type Durations, durationsSince} from './latency.ts'
import type {Before, Sample} from './soak.ts'

/** What has been counted since the counters began. */
export type Counters = {
  route(id: string): Sample
  instance(key: string): Sample
  /** Of the whole answers of a route. */
  durations(id: string): Durations
  /** Upper bounds of the buckets of `durations`. */
  readonly boundsMs: readonly number[]
  /** Until the heads of an instance's answers. */
  latency(key: string): {readonly sumMs: number; readonly count: number}
}

export type Traffic = {
  /** Counted in the last window, and what there is of the one before. */
  readonly recent: Before
  close(): void
}

/** `keys` are the routes and instances that are served now. */
export function createTraffic(
  counters: Counters,
  keys: () => {readonly routes: readonly string[]; readonly instances: readonly string[]},
  windowMs: number,
  clock: Clock,
): Traffic {
  let older: Copy = NOTHING
  let newer: Copy = NOTHING
  let cancel = clock.after(windowMs, turn)

  function turn(): void {
    older = newer
    newer = copyOf(counters, keys(), older)
    cancel = clock.after(windowMs, turn)
  }

  return {
    recent: {
      boundsMs: counters.boundsMs,
      route: id => minus(counters.route(id), older.routes.get(id)),
      instance: key => minus(counters.instance(key), older.instances.get(key)),
      durations: id => durationsSince(counters.durations(id), older.durations.get(id)),
      instanceMeanMs(key) {
        const [now, before = NO_LATENCY] = [counters.latency(key), older.latencies.get(key)]
        const since = now.count < before.count ? NO_LATENCY : before
        return now.count === since.count ? 0 : (now.sumMs - since.sumMs) / (now.count - since.count)
      },
    },
    close: () => cancel(),
  }
}

export function countersOf(plane: DataPlane): Counters {
  return {
    route: plane.routeStats,
    instance: plane.instanceStats,
    durations: id => plane.answersOf(id) ?? NO_DURATIONS,
    boundsMs: plane.durationBoundsMs,
    latency: plane.latencyOf,
  }
}

/** Counters begin anew when a key was out of use for long, and with the daemon. */
export function minus(now: Sample, before: Sample | undefined): Sample {
  if (before === undefined || now.requests < before.requests) return {requests: now.requests, errors: now.errors}
  return {requests: now.requests - before.requests, errors: now.errors - before.errors}
}

// ---

type Latency = {readonly sumMs: number; readonly count: number}

type Copy = {
  readonly routes: ReadonlyMap<string, Sample>
  readonly instances: ReadonlyMap<string, Sample>
  readonly durations: ReadonlyMap<string, Durations>
  readonly latencies: ReadonlyMap<string, Latency>
}

const NOTHING: Copy = {routes: new Map(), instances: new Map(), durations: new Map(), latencies: new Map()}
const NO_DURATIONS: Durations = {buckets: [], sumMs: 0}
const NO_LATENCY: Latency = {sumMs: 0, count: 0}

function copyOf(
  {route, instance, durations, latency}: Counters,
  keys: {readonly routes: readonly string[]; readonly instances: readonly string[]},
  before: Copy,
): Copy {
  const routes = new Map(keys.routes.map(id => [id, minus(route(id), undefined)]))
  const instances = new Map(keys.instances.map(key => [key, minus(instance(key), undefined)]))
  // Of many routes few are asked for: a histogram is not read where it is empty, nor where it is as before.
  const asked = [...routes].filter(([, {requests}]) => requests > 0)
  return {
    routes,
    instances,
    durations: new Map(
      asked.map(([id, {requests}]) => {
        const known = before.routes.get(id)?.requests === requests ? before.durations.get(id) : undefined
        return [id, known ?? histogramOf(durations(id))]
      }),
    ),
    latencies: new Map(keys.instances.map(key => [key, latency(key)])),
  }
}

function histogramOf({buckets, sumMs}: Durations): Durations {
  return {buckets, sumMs}
}
