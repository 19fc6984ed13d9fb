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
  const {label} = source

  async function routesOfLastGood(): Promise<number> {
    const kept = await recover(lastGood, judge, source)
    if (kept.kind === 'none' && kept.broken) log.warn('the last good configuration is unusable', {why: kept.why})
    return kept.kind === 'set' ? kept.set.snapshot.routes.length : 0
  }

  return async ({files, revision, diagnostics, missing, refusal, commit}, served) => {
    if (refusal !== null) return {kind: 'refused', refusal}
    if (missing) return refused('RoutesMissing', `${label} is missing`)
    const verdict = await judge(files, revision, diagnostics, source.repositoryAt(commit))
    if (verdict.kind === 'refused' || verdict.set.snapshot.routes.length > 0 || allowEmpty()) return verdict
    const before = served === null ? await routesOfLastGood() : served.snapshot.routes.length
    if (before === 0) return verdict
    return refused('GuardRefused', `${label} has no routes any more, and had ${before}; git.allowEmpty would allow it`)
  }
}
