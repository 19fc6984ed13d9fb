// A start that routes.d gives nothing to serves what was served last, if that is still there and still valid.

import {AppError, EXIT} from '../base/errors.ts'
import type {Diagnostic} from './config/diagnostic.ts'
import type {LastGood} from './gitops/last-good.ts'
import type {Source} from './source.ts'
import type {Judge, ServableSet} from './verdict.ts'

/** A first start with nothing to serve. */
export class StartRefused extends AppError {
  readonly diagnostics: readonly Diagnostic[]

  constructor(message: string, hint: string, diagnostics: readonly Diagnostic[]) {
    super(message, {hint, exitCode: EXIT.findings})
    this.name = 'StartRefused'
    this.diagnostics = diagnostics
  }
}

export type Recovered =
  | {readonly kind: 'set'; readonly set: ServableSet; readonly commit: string | null; readonly keptAt: string}
  | {readonly kind: 'none'; readonly why: string; readonly broken: boolean}

/** Judges the last good set as if it had just been read. */
export async function recover(lastGood: LastGood, judge: Judge, source: Source): Promise<Recovered> {
  const kept = await lastGood.load()
  if (kept.kind === 'none') return {kind: 'none', why: 'there is no last good configuration', broken: false}
  if (kept.kind === 'broken') return {kind: 'none', why: `last good is unusable: ${kept.reason}`, broken: true}
  const {files, revision, commit, at: keptAt} = kept
  const verdict = await judge(files, revision, [], source.repositoryAt(commit))
  if (verdict.kind === 'accepted') return {kind: 'set', set: verdict.set, commit, keptAt}
  const why = `last good, ${revision}, is no longer valid: ${verdict.refusal.message}`
  return {kind: 'none', why, broken: false}
}
