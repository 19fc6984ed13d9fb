// Whether a change made things worse: the routes that it concerns against themselves before it, by their own 5xx answers and
// by how long they took (latency.ts). Too little to go by never counts, and neither does what failed or was slow before.

import {formatShare} from '../base/units.ts'
import type {SoakSettings} from './config/git-settings.ts'
import type {Watched} from './gitops/decisions.ts'
import {type Durations, type Pace, paceOf} from './latency.ts'

/** Answers of a route, and how many of them were 5xx. */
export type Sample = {readonly requests: number; readonly errors: number}

export type Breach = {readonly id: string; readonly message: string}

/** The first route that fails more often than it may; `since` is what it answered since the change. */
export function findBreach(
  watched: readonly Pick<Watched, 'id' | 'errorRate'>[],
  since: (id: string) => Sample,
  {errorRate, minRequests}: Pick<SoakSettings, 'errorRate' | 'minRequests'>,
): Breach | null {
  for (const route of watched) {
    const now = since(route.id)
    if (now.requests < Math.max(1, minRequests) || rateOf(now) <= route.errorRate + errorRate) continue
    const [is, was] = [rateOf(now), route.errorRate].map(rate => formatShare(Math.round(rate * 1000) / 1000))
    return {id: route.id, message: `${route.id} answered ${is} of ${now.requests} requests with 5xx, ${was} before`}
  }
  return null
}

/**
 * What to watch after a change. A route that had no requests is compared with its new instances: one that failed
 * or was slow for others before is no fault of the change. Of very many routes those with the most requests are watched.
 */
export function baselineOf(changes: readonly Concerned[], before: Before, minRequests: number): Watched[] {
  return changes
    .map(({id, was, instances}) => {
      const own = before.route(was)
      const others = instances.map(before.instance).filter(({requests}) => requests > 0)
      const rates = [own, ...others].map(rateOf)
      const pace = slowerOf(
        paceOf(before.durations(was), before.boundsMs, minRequests),
        instances.map(before.instanceMeanMs),
      )
      return {id, errorRate: Math.max(...rates), pace, requests: own.requests}
    })
    .sort((a, b) => b.requests - a.requests)
    .slice(0, WATCHED_AT_MOST)
    .map(({id, errorRate, pace}) => ({id, errorRate, pace}))
}

/** How routes and instances did of late. */
export type Before = {
  route(id: string): Sample
  instance(key: string): Sample
  durations(id: string): Durations
  readonly boundsMs: readonly number[]
  /** Until the heads of its answers; 0 without any. */
  instanceMeanMs(key: string): number
}

/** A route after a change, the one that had its place before, and where it sends its requests now. */
export type Concerned = {readonly id: string; readonly was: string; readonly instances: readonly string[]}

// ---

const WATCHED_AT_MOST = 1000

function rateOf({requests, errors}: Sample): number {
  return requests === 0 ? 0 : errors / requests
}

function slowerOf(own: Pace | null, meansMs: readonly number[]): Pace | null {
  return own && {p99Ms: Math.max(own.p99Ms, ...meansMs), meanMs: Math.max(own.meanMs, ...meansMs)}
}
