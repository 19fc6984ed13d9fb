// What was read is judged, but for what replaces nothing whatever it says: what git holds back, a folder that is gone, and
// files that have all been deleted where there were routes.

import type {Log} from '../base/log.ts'
import type {LastGood} from './gitops/last-good.ts'
import type {ReadSet, Source} from './source.ts'
import {recover} from './start.ts'
import {type Judge, refused, type ServableSet, type Verdict} from './verdict.ts'

export type GuardParts = {
  readonly source: Source
  readonly judge: Judge
  readonly lastGood: LastGood
  readonly allowEmpty: () => boolean
  readonly log: Log
}

/** The verdict on what was read in place of what is `served`; null: nothing is yet, and last good counts. */
export type Guard = (read: ReadSet, served: ServableSet | null) => Promise<Verdict>

export function createGuard({source, judge, lastGood, allowEmpty, log}: GuardParts): Guard {
  async function lastGoodSize(): Promise<number> {
    const kept = await recover(lastGood, judge, source)
    if (kept.kind === 'none' && kept.broken) log.warn('the last good configuration is unusable', {why: kept.why})
    return kept.kind === 'set' ? sizeOf(kept.set) : 0
  }

  return async ({files, revision, diagnostics, missing, refusal, commit}, served) => {
    if (refusal !== null) return {kind: 'refused', refusal}
    if (missing) return refused('RoutesMissing', `${source.label} is missing`)
    const verdict = await judge(files, revision, diagnostics, source.repositoryAt(commit))
    if (verdict.kind === 'refused' || sizeOf(verdict.set) > 0 || allowEmpty()) return verdict
    const before = served === null ? await lastGoodSize() : sizeOf(served)
    if (before === 0) return verdict
    const message = `${source.label} has no routes and no services any more, and had ${before}`
    return refused('GuardRefused', `${message}; git.allowEmpty would allow it`)
  }
}

// ---

// A set may be there for service mode alone.
function sizeOf({snapshot: {routes, services}}: ServableSet): number {
  return routes.length + services.length
}
