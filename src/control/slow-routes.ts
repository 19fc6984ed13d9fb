// The routes of a change that have become slower by it. The first requests of a new instance are often slow, because it is
// cold; so a route has to be too slow twice in a row, each time over enough requests of its own.

import type {SoakSettings} from './config/git-settings.ts'
import type {Watched} from './gitops/decisions.ts'
import {type Durations, describeSlowness, durationsSince} from './latency.ts'
import type {Breach} from './soak.ts'
import type {Counters} from './traffic.ts'

export type SlowRoutes = {
  /** Counts from here. */
  begin(watched: readonly Watched[]): void
  /** The first route that is too slow; to be asked again and again. */
  find(watched: readonly Watched[]): Breach | null
}

export function createSlowRoutes(
  {durations, boundsMs}: Pick<Counters, 'durations' | 'boundsMs'>,
  {latency, minRequests}: Pick<SoakSettings, 'latency' | 'minRequests'>,
): SlowRoutes {
  let stretches = new Map<string, Stretch>()

  return {
    begin(watched) {
      stretches = new Map(
        latency === null ? [] : watched.map(({id}) => [id, {start: durations(id), isSecond: false}] as const),
      )
    },
    find(watched) {
      if (latency === null) return null
      for (const {id, pace} of watched) {
        const stretch = stretches.get(id)
        if (pace === null || stretch === undefined) continue
        const now = durations(id)
        const since = durationsSince(now, stretch.start)
        const words = describeSlowness(pace, since, boundsMs, {factor: latency, minRequests})
        if (words === null) continue
        if (stretch.isSecond) return {id, message: `${id} answered with ${words}`}
        stretches.set(id, {start: now, isSecond: true})
      }
      return null
    },
  }
}

// ---

type Stretch = {readonly start: Durations; readonly isSecond: boolean}
