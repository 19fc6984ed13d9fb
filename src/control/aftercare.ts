// What happens to a revision after it was read: whether it may be applied at all, what is remembered of it, and how it is
// taken back, by a person or because it made things worse. What is decided is on the disk before it takes effect, so that a
// restart at any point goes on as decided.

import {isDeepStrictEqual} from 'node:util'
import type {Clock} from '../base/clock.ts'
import {messageOf} from '../base/errors.ts'
import type {Log} from '../base/log.ts'
import type {SourceFile} from '../base/source-file.ts'
import {createChronicle} from './chronicle.ts'
import type {Conditions} from './conditions.ts'
import type {GitSettings} from './config/git-settings.ts'
import {createDecisionFile, type Quarantine, quarantineOf} from './gitops/decisions.ts'
import type {LastGood} from './gitops/last-good.ts'
import {contentHash} from './gitops/revision.ts'
import {createServedSets} from './gitops/served-sets.ts'
import {createOperator, type Operator} from './operator.ts'
import {leftBehind, readServed} from './rollback.ts'
import type {ReadSet, Source, Trigger} from './source.ts'
import type {Recovered} from './start.ts'
import {createSuspensions, describeSuspension} from './suspension.ts'
import {createTakingBack, type Loop, servedNow} from './taking-back.ts'
import {type Counters, createTraffic, type Traffic} from './traffic.ts'
import {createTrials, type Trials} from './trial.ts'
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
  /** Other rules are in force: what is on trial goes on by them. */
  adopt(): Promise<void>
  close(): void
}

export type Hold = {readonly reason: 'Suspended' | 'Quarantined'; readonly message: string}

type Rules = Pick<GitSettings, 'soak' | 'confirmWithinMs'>

export type AftercareParts = {
  readonly state: string
  /** Those in force. */
  readonly rules: () => Rules
  readonly source: Source
  readonly judge: Judge
  readonly lastGood: LastGood
  readonly conditions: Conditions
  readonly counters: Counters | null
  readonly clock: Clock
  readonly log: Log
  readonly loop: Loop
}

export function createAftercare(parts: AftercareParts): Aftercare {
  const {state, source, judge, lastGood, conditions, counters, clock, log, loop} = parts
  let rules = parts.rules()
  const file = createDecisionFile(state, log)
  const sets = createServedSets(state, log)
  const servingNow = () => loop.live()?.set.snapshot.revision ?? null
  const chronicle = createChronicle({state, sets, clock, log, servingNow})
  const rollbackParts = {source, sets, judge}
  const takingBack = createTakingBack({rules, file, chronicle, lastGood, rollbackParts, clock, log, loop})
  const suspensions = createSuspensions(file, clock, log, () => loop.tick('timer'))
  let traffic = openTraffic()
  let trials = openTrials()

  function openTraffic(): Traffic | null {
    const {soak} = rules
    return soak === null || counters === null ? null : createTraffic(counters, servedKeys, soak.forMs, clock)
  }

  function openTrials(): Trials {
    return createTrials({
      ...{rules, file, counters, traffic, clock, log},
      takeBack: (reason, message) => inBackground(() => takingBack.revert(reason, message)),
      inTurn: inBackground,
    })
  }

  async function adopt(): Promise<void> {
    const next = parts.rules()
    if (isDeepStrictEqual(next, rules)) return
    rules = next
    traffic?.close()
    trials.close()
    traffic = openTraffic()
    trials = openTrials()
    const {trial} = file.now()
    if (trial === null) return
    // What is asked for no more is waited for no more.
    const soakUntil = rules.soak === null ? null : trial.soakUntil
    const confirmBy = rules.confirmWithinMs === null ? null : trial.confirmBy
    await file.decideAnyway({trial: soakUntil || confirmBy ? {...trial, soakUntil, confirmBy} : null})
    trials.watch()
  }

  function inBackground(work: () => Promise<void>): void {
    loop.inTurn(work).catch(error => log.error('a change on trial', {why: messageOf(error)}))
  }

  function servedKeys(): {routes: string[]; instances: string[]} {
    const {routes = [], instances = []} = loop.live()?.set.snapshot ?? {}
    return {routes: routes.map(({id}) => id), instances: instances.map(({key}) => key)}
  }

  async function beforeApply({revision, commit, files}: ReadSet, after: ServableSet): Promise<void> {
    if (rules.soak === null && rules.confirmWithinMs === null) return
    const content = contentHash(files)
    const live = servedNow(loop)
    // The files are those that are served: it is the settings that are others.
    if (live?.content === content) return
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

  return {
    async load() {
      await file.load()
      await sets.load()
      await chronicle.load()
      await takingBack.settleOverdue()
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
    adopt,
    close() {
      suspensions.close()
      trials.close()
      traffic?.close()
    },

    ...createOperator({
      ...{state, file, suspensions, takingBack, rollbackParts, clock, log, loop},
      history: chronicle.entries,
      trials: {settle: () => trials.settle()},
    }),
  }
}

// ---

function describeQuarantine({revision, to, reason, message}: Quarantine): string {
  const why = reason === 'SoakFailed' ? `the soak failed: ${message}` : message
  return `${revision} was taken back to ${to} (${why}); a fix on top is served, and \`routesd resume\` lifts it`
}
