// What happens to a revision after it was read: whether it may be applied at all, what is remembered of it, and how it is
// taken back, by a person or because it made things worse. What is decided is on the disk before it takes effect, so that a
// restart at any point goes on as decided.

import type {ConfirmAnswer, Outcome, ResumeAnswer, RollbackAnswer} from '../admin/protocol.ts'
import type {Clock} from '../base/clock.ts'
import {messageOf} from '../base/errors.ts'
import type {Log} from '../base/log.ts'
import type {SourceFile} from '../base/source-file.ts'
import {diffSnapshots} from '../router/diff.ts'
import {countChanges} from './changes.ts'
import {createChronicle} from './chronicle.ts'
import type {Conditions} from './conditions.ts'
import type {GitSettings} from './config/git-settings.ts'
import {createDecisionFile, type Quarantine, quarantineOf, type Served, type Suspension} from './gitops/decisions.ts'
import type {HistoryEntry} from './gitops/history.ts'
import type {LastGood} from './gitops/last-good.ts'
import {contentHash} from './gitops/revision.ts'
import {createServedSets} from './gitops/served-sets.ts'
import {findTarget, leftBehind, RollbackRefused, readServed, type Target} from './rollback.ts'
import type {ReadSet, Source, Trigger} from './source.ts'
import type {Recovered} from './start.ts'
import {createSuspensions, describeSuspension, type SuspendWish} from './suspension.ts'
import {type Counters, createTraffic} from './traffic.ts'
import {createTrials} from './trial.ts'
import type {Judge, Refusal, ServableSet} from './verdict.ts'

export type Aftercare = Operator & {
  /** Reads what earlier runs have decided; before the first load. Never throws. */
  load(): Promise<void>
  /** Why a set is not applied now, whatever its files say; null when it may be. */
  hold(read: ReadSet): Hold | null
  isQuarantined(commit: string | null, files: readonly SourceFile[]): boolean
  /** The newest set that was served and may be served, for a start that must not serve last good. */
  recover(): Promise<Recovered>
  /** Before a set is applied in place of `live`. */
  beforeApply(read: ReadSet, set: ServableSet): Promise<void>
  /** A set has been applied: what is on trial counts from here. */
  applied(): void
  /** A set is served, under the name it was read with. */
  served(read: ReadSet): Promise<void>
  /** For the history. `before` is what was served. */
  accepted(read: ReadSet, set: ServableSet, before: ServableSet | null, trigger: Trigger): Promise<void>
  refused(read: ReadSet, refusal: Refusal, trigger: Trigger): Promise<void>
  /** The conditions of the moment, before they are looked at. */
  refresh(): void
  suspension(): {readonly message: string} | null
  isOnTrial(): boolean
  close(): void
}

/** What an operator may ask for. Each waits for a reload that is under way. */
export type Operator = {
  /** Newest first. */
  history(): readonly HistoryEntry[]
  suspend(wish: SuspendWish): Promise<Outcome<Suspension>>
  resume(): Promise<Outcome<ResumeAnswer>>
  confirm(): Promise<Outcome<ConfirmAnswer>>
  rollback(wish: {revision: string | null; who: string; why: string}): Promise<Outcome<RollbackAnswer>>
}

export type Hold = {readonly reason: 'Suspended' | 'Quarantined'; readonly message: string}

export type AftercareParts = {
  readonly state: string
  readonly rules: Pick<GitSettings, 'soak' | 'confirmWithinMs'>
  readonly source: Source
  readonly judge: Judge
  readonly lastGood: LastGood
  readonly conditions: Conditions
  readonly counters: Counters | null
  readonly clock: Clock
  readonly log: Log
  readonly loop: Loop
}

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

export function createAftercare(parts: AftercareParts): Aftercare {
  const {state, rules, source, judge, lastGood, conditions, counters, clock, log, loop} = parts
  const file = createDecisionFile(state, log)
  const sets = createServedSets(state, log)
  const servingNow = () => loop.live()?.set.snapshot.revision ?? null
  const chronicle = createChronicle({state, sets, clock, log, servingNow})
  const suspensions = createSuspensions(file, clock, log, () => loop.tick('timer'))
  const traffic =
    rules.soak === null || counters === null ? null : createTraffic(counters, servedKeys, rules.soak.forMs, clock)
  const trials = createTrials({
    ...{rules, file, counters, traffic, clock, log},
    takeBack: (reason, message) => inBackground(() => revert(reason, message)),
    inTurn: inBackground,
  })
  const rollbackParts = {source, sets, judge}

  function inBackground(work: () => Promise<void>): void {
    loop.inTurn(work).catch(error => log.error('a change on trial', {why: messageOf(error)}))
  }

  function servedKeys(): {routes: string[]; instances: string[]} {
    const {routes = [], instances = []} = loop.live()?.set.snapshot ?? {}
    return {routes: routes.map(({id}) => id), instances: instances.map(({key}) => key)}
  }

  function liveSet(): Served | null {
    const live = loop.live()
    if (live === null) return null
    return {revision: live.set.snapshot.revision, commit: live.commit, content: contentHash(live.set.files)}
  }

  // --- on trial

  async function beforeApply({revision, commit, files}: ReadSet, after: ServableSet): Promise<void> {
    if (rules.soak === null && rules.confirmWithinMs === null) return
    const content = contentHash(files)
    const live = liveSet()
    // After a restart: what was served last. The same again is no change, and goes on as it was.
    const [last] = sets.list()
    if (live === null && last?.content === content) return
    const to = live ?? sets.list().find(set => quarantineOf(file.now(), set.commit, () => set.content) === null)
    if (to === undefined) return
    const origin = file.now().trial?.to ?? to
    const {commits} = await leftBehind(rollbackParts, {revision, commit, content}, origin)
    const before = loop.live()?.set.snapshot ?? null
    await trials.begin({revision, content, commits, to, before, after: after.snapshot})
  }

  async function revert(reason: Exclude<Quarantine['reason'], 'RolledBack'>, message: string): Promise<void> {
    const {trial} = file.now()
    if (trial === null) return
    const target = await readServed(rollbackParts, trial.to)
    const left = {commits: trial.commits, contents: trial.contents}
    await takeBack(target, {...left, revision: trial.revision, to: target.revision, reason, message}, 'timer', false)
  }

  // --- taken back

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

  // What was awaiting something while nobody was there.
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

  return {
    async load() {
      await file.load()
      await sets.load()
      await chronicle.load()
      await settleOverdue()
      suspensions.resume()
    },
    hold({commit, files, refusal, missing}) {
      const suspension = suspensions.current()
      if (suspension !== null) return {reason: 'Suspended', message: describeSuspension(suspension)}
      const content = () => (refusal === null && !missing ? contentHash(files) : '')
      const found = quarantineOf(file.now(), commit, content)
      return found && {reason: 'Quarantined', message: describeQuarantine(found)}
    },
    isQuarantined: (commit, files) => quarantineOf(file.now(), commit, () => contentHash(files)) !== null,
    async recover() {
      const set = sets.list().find(one => quarantineOf(file.now(), one.commit, () => one.content) === null)
      if (set === undefined) return {kind: 'none', why: 'all that was served has been taken back', broken: false}
      try {
        const target = await readServed(rollbackParts, set)
        return {kind: 'set', set: target.set, commit: target.commit, keptAt: set.at}
      } catch (error) {
        return {kind: 'none', why: messageOf(error), broken: false}
      }
    },
    beforeApply,
    applied: () => trials.watch(),
    served: chronicle.served,
    async accepted(read, set, before, trigger) {
      await trials.extend(read.commit, contentHash(read.files))
      await chronicle.accepted(read, set, before, trigger)
    },
    refused: chronicle.refused,
    refresh() {
      const suspension = suspensions.current()
      conditions.put('Suspended', suspension && {reason: 'Suspended', message: describeSuspension(suspension)})
      conditions.put('Progressing', trials.progress())
    },
    suspension() {
      const suspension = suspensions.current()
      return suspension && {message: describeSuspension(suspension)}
    },
    isOnTrial: () => file.now().trial !== null,
    close() {
      suspensions.close()
      trials.close()
      traffic?.close()
    },

    history: chronicle.entries,
    suspend: wish =>
      loop.inTurn(async () => {
        if (wish.until !== null && Date.parse(wish.until) <= clock.now())
          return refuse('in-the-past', `${wish.until} is over already`)
        return durable(() => suspensions.begin(wish))
      }),
    resume: () =>
      loop.inTurn(() =>
        durable(async () => {
          const suspension = await suspensions.lift()
          const held = file.now().quarantine.map(({revision}) => revision)
          // One thing at a time: who lifts a suspension need not know that something was taken back.
          const lifted = suspension === null ? held : []
          if (lifted.length > 0) {
            await file.decide({quarantine: []})
            log.info('the quarantine is lifted', {revisions: lifted})
          }
          await loop.readAgain()
          return {suspension, quarantine: lifted, left: suspension === null ? [] : held}
        }),
      ),
    confirm: () =>
      loop.inTurn(async () => {
        const {trial} = file.now()
        if (trial === null) return refuse('nothing-on-trial', 'no change is on trial')
        return durable(async () => {
          await trials.settle()
          log.info('confirmed', {revision: trial.revision})
          return {revision: trial.revision}
        })
      }),
    rollback: ({revision: wanted, who, why}) =>
      loop.inTurn(async () => {
        const live = liveSet()
        if (live === null) return refuse('nothing-served', 'nothing is served')
        try {
          const target = await findTarget(rollbackParts, live, wanted, file.now())
          const left = await leftBehind(rollbackParts, live, target)
          const by = who === '' ? 'rolled back' : `rolled back by ${who}`
          const message = why === '' ? by : `${by}: ${why}`
          const what = {...left, revision: live.revision, to: target.revision, reason: 'RolledBack' as const, message}
          return await durable(async () => {
            await takeBack(target, what, 'admin', true)
            const quarantined = left.commits.length > 0 ? left.commits.map(sha => sha.slice(0, 7)) : [live.revision]
            return {from: live.revision, to: target.revision, quarantined}
          })
        } catch (error) {
          if (error instanceof RollbackRefused) return refuse('no-rollback', error.message)
          throw error
        }
      }),
  }

  async function durable<T>(work: () => Promise<T>): Promise<Outcome<T>> {
    try {
      return {answer: await work()}
    } catch (error) {
      if (!(error instanceof Error && 'syscall' in error)) throw error
      return {refused: {status: 507, code: 'state-unwritable', message: `${state} cannot be written: ${error.message}`}}
    }
  }
}

// ---

function describeQuarantine({revision, to, reason, message}: Quarantine): string {
  const why = reason === 'SoakFailed' ? `the soak failed: ${message}` : message
  return `${revision} was taken back to ${to} (${why}); a fix on top is served, and \`routesd resume\` lifts it`
}

function refuse(code: string, message: string): {refused: {status: number; code: string; message: string}} {
  return {refused: {status: 409, code, message}}
}
