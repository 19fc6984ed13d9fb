// How routes and instances did of late: what was counted since one or two windows ago, because an outage of last week says
// nothing about today. Two copies of the counters, taken in turn.

import type {Clock} from '../base/clock.ts'
import type {Sample} from './soak.ts'

/** What has been counted since the counters began. */
export type Counters = {route(id: string): Sample; instance(key: string): Sample}

export type Traffic = {
  /** Counted in the last window, and what there is of the one before. */
  readonly recent: Counters
  close(): void
}

/** `keys` are the routes and instances that are served now. */
export function createTraffic(
  counters: Counters,
  keys: () => {readonly routes: readonly string[]; readonly instances: readonly string[]},
  windowMs: number,
  clock: Clock,
): Traffic {
  let older: Copy = {routes: new Map(), instances: new Map()}
  let newer: Copy = older
  let cancel = clock.after(windowMs, turn)

  function turn(): void {
    older = newer
    const {routes, instances} = keys()
    newer = {routes: copyOf(routes, counters.route), instances: copyOf(instances, counters.instance)}
    cancel = clock.after(windowMs, turn)
  }

  return {
    recent: {
      route: id => minus(counters.route(id), older.routes.get(id)),
      instance: key => minus(counters.instance(key), older.instances.get(key)),
    },
    close: () => cancel(),
  }
}

/** Counters begin anew when a key was out of use for long, and with the daemon. */
export function minus(now: Sample, before: Sample | undefined): Sample {
  if (before === undefined || now.requests < before.requests) return {requests: now.requests, errors: now.errors}
  return {requests: now.requests - before.requests, errors: now.errors - before.errors}
}

// ---

type Copy = {readonly routes: ReadonlyMap<string, Sample>; readonly instances: ReadonlyMap<string, Sample>}

function copyOf(names: readonly string[], read: (name: string) => Sample): ReadonlyMap<string, Sample> {
  return new Map(names.map(name => [name, minus(read(name), undefined)]))
}
