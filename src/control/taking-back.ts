// How a change is taken back: another set is served in its place, and neither its commits nor its contents may come again.

import type {Clock} from '../base/clock.ts'
import {messageOf} from '../base/errors.ts'
import type {Log} from '../base/log.ts'
import {diffSnapshots} from '../router/diff.ts'
import {countChanges} from './changes.ts'
import type {Chronicle} from './chronicle.ts'
import type {GitSettings} from './config/git-settings.ts'
import type {DecisionFile, Quarantine, Served} from './gitops/decisions.ts'
import type {LastGood} from './gitops/last-good.ts'
import {contentHash} from './gitops/revision.ts'
import {type RollbackParts, readServed, type Target} from './rollback.ts'
import type {Trigger} from './source.ts'
import type {ServableSet} from './verdict.ts'

/** What aftercare asks of the loop. */
export type Loop = {
  /** Does something while no reload is under way; rejects with what it throws, or when the loop is closed. */
  inTurn<T>(work: () => Promise<T>): Promise<T>
  live(): {readonly set: ServableSet; readonly commit: string | null} | null
  /** Only in turn: serves a set in place of another. */
  replace(set: ServableSet, commit: string | null): Promise<void>
  /** Only in turn: a run without a fetch. */
  readAgain(): Promise<void>
  tick(trigger: Trigger): void
}

export type TakingBack = {
  /** Only in turn. With `mustBeDurable` it throws what the file system throws, before anything has changed. */
  takeBack(target: Target, what: Omit<Quarantine, 'at'>, trigger: Trigger, mustBeDurable: boolean): Promise<void>
  /** Only in turn: what is on trial, if anything, gives way to what was served before. */
  revert(reason: Exclude<Quarantine['reason'], 'RolledBack'>, message: string): Promise<void>
  /** What was awaiting something while nobody was there; before the first load. */
  settleOverdue(): Promise<void>
}

export type TakingBackParts = {
  readonly rules: Pick<GitSettings, 'soak' | 'confirmWithinMs'>
  readonly file: DecisionFile
  readonly chronicle: Chronicle
  readonly lastGood: LastGood
  readonly rollbackParts: RollbackParts
  readonly clock: Clock
  readonly log: Log
  readonly loop: Loop
}

export function createTakingBack(parts: TakingBackParts): TakingBack {
  const {rules, file, chronicle, lastGood, rollbackParts, clock, log, loop} = parts

  async function revert(reason: Exclude<Quarantine['reason'], 'RolledBack'>, message: string): Promise<void> {
    const {trial} = file.now()
    if (trial === null) return
    const target = await readServed(rollbackParts, trial.to)
    const left = {commits: trial.commits, contents: trial.contents}
    await takeBack(target, {...left, revision: trial.revision, to: target.revision, reason, message}, 'timer', false)
  }

  async function takeBack(
    target: Target,
    what: Omit<Quarantine, 'at'>,
    trigger: Trigger,
    mustBeDurable: boolean,
  ): Promise<void> {
    const live = loop.live()?.set ?? null
    const at = new Date(clock.now()).toISOString()
    const decision = {trial: null, quarantine: [...file.now().quarantine, {...what, at}]}
    // Last good first: a crash between the two serves the old revision again, as if nothing had been asked for. Once the
    // quarantine is written a restart finds the new one.
    const remembered = lastGood.remember(target.revision, target.set.files, target.commit)
    if (mustBeDurable) {
      await remembered
      await file.decide(decision)
    } else {
      await remembered.catch(error => log.error('last good cannot be written', {why: messageOf(error)}))
      await file.decideAnyway(decision)
    }
    await loop.replace(target.set, target.commit)
    const {revision, reason, message} = what
    log.warn('taken back', {revision, to: target.revision, reason, why: message})
    const diff = live && countChanges(diffSnapshots(live.snapshot, target.set.snapshot))
    await chronicle.reverted({revision, trigger, reason, message, diff})
    await chronicle.keep(target, target.set.files)
    await loop.readAgain()
  }

  async function settleOverdue(): Promise<void> {
    const {trial, quarantine} = file.now()
    if (trial === null) return
    const isOver = (until: string | null) => until !== null && Date.parse(until) <= clock.now()
    if (rules.confirmWithinMs !== null && isOver(trial.confirmBy)) {
      const {revision, commits, contents, to, confirmBy} = trial
      const message = `nobody confirmed it until ${confirmBy}`
      const at = new Date(clock.now()).toISOString()
      const entry = {revision, commits, contents, to: to.revision, reason: 'NotConfirmed' as const, message, at}
      await file.decideAnyway({trial: null, quarantine: [...quarantine, entry]})
      log.warn('taken back', {revision, to: to.revision, reason: 'NotConfirmed', why: message})
      await chronicle.reverted({revision, trigger: 'start', reason: 'NotConfirmed', message, diff: null})
    } else if (
      (trial.confirmBy === null || rules.confirmWithinMs === null) &&
      (rules.soak === null || isOver(trial.soakUntil))
    ) {
      await file.decideAnyway({trial: null})
    }
  }

  return {takeBack, revert, settleOverdue}
}

/** What is served, as a place to go back to. */
export function servedNow(loop: Pick<Loop, 'live'>): Served | null {
  const live = loop.live()
  if (live === null) return null
  return {revision: live.set.snapshot.revision, commit: live.commit, content: contentHash(live.set.files)}
}
