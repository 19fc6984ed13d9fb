// A change on trial: it is served, and taken back when its routes do worse than before (soak), or when nobody confirms it in
// time. What came before it is kept in mind until the trial is over, also across a restart, and a second change during the
// trial prolongs it: there is only one place to go back to, the last that has proved itself.

import type {Clock} from '../base/clock.ts'
import type {Log} from '../base/log.ts'
import {formatDuration} from '../base/units.ts'
import {diffSnapshots} from '../router/diff.ts'
import type {Snapshot} from '../snapshot/snapshot.ts'
import {concernedBy} from './changes.ts'
import type {Holding} from './conditions.ts'
import type {GitSettings} from './config/git-settings.ts'
import type {DecisionFile, Quarantine, Served, Trial, Watched} from './gitops/decisions.ts'
import {createSlowRoutes} from './slow-routes.ts'
import {baselineOf, findBreach, type Sample} from './soak.ts'
import {type Counters, minus, type Traffic} from './traffic.ts'

export type Trials = {
  /** Puts a change on trial, before it is applied; without soak and confirmation it does nothing. Never throws. */
  begin(change: Change): Promise<void>
  /** The same routes under another name: that, too, is taken back with the change. Never throws. */
  extend(commit: string | null, content: string): Promise<void>
  /** The change has been applied, or a restart has found it applied: counts from here. */
  watch(): void
  /** Ends the trial, and the change stays; returns its revision, null when there is none. Throws what the file system throws. */
  settle(): Promise<string | null>
  progress(): Holding | null
  close(): void
}

export type Change = {
  readonly revision: string
  readonly content: string
  /** Since `to`, newest first. */
  readonly commits: readonly string[]
  /** What was served before. */
  readonly to: Served
  /** null: nobody knows, because the daemon has only just been started. */
  readonly before: Snapshot | null
  readonly after: Snapshot
}

export type TrialParts = {
  readonly rules: Pick<GitSettings, 'soak' | 'confirmWithinMs'>
  readonly file: DecisionFile
  /** null: nothing is counted, so there is no soak. */
  readonly counters: Counters | null
  readonly traffic: Traffic | null
  readonly clock: Clock
  readonly log: Log
  /** Must lead to the end of the trial. */
  readonly takeBack: (reason: Exclude<Quarantine['reason'], 'RolledBack'>, message: string) => void
  /** Does something while no reload is under way. */
  readonly inTurn: (work: () => Promise<void>) => void
}

/** Often enough that an outage is short, seldom enough to cost nothing. */
const LOOK_EVERY_MS = 1_000
/** When a change could not be taken back. */
const LOOK_AGAIN_MS = 10_000

/** No timer is that late. */
const LEAP_MS = 60_000

export function createTrials(parts: TrialParts): Trials {
  const {rules, file, counters, traffic, clock, log, takeBack, inTurn} = parts
  let marks: ReadonlyMap<string, Sample> = new Map()
  const slow = rules.soak === null || counters === null ? null : createSlowRoutes(counters, rules.soak)
  let dueMs = 0
  let cancel = () => {}

  function watchedBy({before, after}: Change, open: Trial | null): readonly Watched[] {
    if (rules.soak === null || traffic === null || before === null) return open?.watched ?? []
    const concerned = concernedBy(diffSnapshots(before, after), after)
    // What was watched already is compared with what it was before the first change of the trial.
    const known = new Map((open?.watched ?? []).map(route => [route.id, route]))
    for (const route of baselineOf(concerned, traffic.recent, rules.soak.minRequests))
      if (!known.has(route.id)) known.set(route.id, route)
    return [...known.values()]
  }

  function countSince(id: string): Sample {
    return counters === null ? NOTHING : minus(counters.route(id), marks.get(id))
  }

  function look(): void {
    const trial = file.now().trial
    if (trial === null) return
    const nowMs = clock.now()
    if (Math.abs(nowMs - dueMs) > LEAP_MS) leap(trial, nowMs - dueMs)
    else judge(trial, nowMs)
  }

  function judge(trial: Trial, nowMs: number): void {
    const fault = findFault(trial, nowMs)
    if (fault !== null) takeBack(fault.reason, fault.message)
    else if (trial.soakUntil !== null && Date.parse(trial.soakUntil) <= nowMs)
      inTurn(() => (trial.confirmBy === null ? endSoak() : passSoak(trial)))
    schedule(fault === null ? LOOK_EVERY_MS : LOOK_AGAIN_MS)
  }

  // Somebody has set the clock, or the machine has slept: nobody had that time to confirm anything in, or more of it.
  function leap(trial: Trial, ms: number): void {
    const later = (time: string | null) => time && timeOf(Date.parse(time) + ms)
    const {soakUntil, confirmBy} = trial
    const moved = {...trial, soakUntil: later(soakUntil), confirmBy: later(confirmBy)}
    log.warn('the clock has leapt, and a trial ends as much later', {leapMs: ms, revision: trial.revision})
    void file.decideAnyway({trial: moved})
    schedule(LOOK_EVERY_MS)
  }

  function findFault(trial: Trial, nowMs: number): {reason: 'SoakFailed' | 'NotConfirmed'; message: string} | null {
    if (rules.soak !== null && trial.soakUntil !== null) {
      const breach = findBreach(trial.watched, countSince, rules.soak) ?? slow?.find(trial.watched) ?? null
      if (breach !== null) return {reason: 'SoakFailed', message: breach.message}
    }
    if (trial.confirmBy === null || Date.parse(trial.confirmBy) > nowMs) return null
    return {reason: 'NotConfirmed', message: `nobody confirmed it until ${trial.confirmBy}`}
  }

  async function endSoak(): Promise<void> {
    const revision = await settle()
    if (revision !== null) log.info('a change has proved itself', {revision})
  }

  async function passSoak(trial: Trial): Promise<void> {
    if (file.now().trial === trial) await file.decide({trial: {...trial, soakUntil: null}})
  }

  async function settle(): Promise<string | null> {
    const {trial} = file.now()
    if (trial === null) return null
    await file.decide({trial: null})
    cancel()
    return trial.revision
  }

  function schedule(ms: number): void {
    cancel()
    if (file.now().trial === null) return
    dueMs = clock.now() + ms
    cancel = clock.after(ms, look)
  }

  return {
    async begin(change) {
      const {trial: open} = file.now()
      const nowMs = clock.now()
      const watched = watchedBy(change, open)
      const soakUntil = rules.soak !== null && watched.length > 0 ? timeOf(nowMs + rules.soak.forMs) : null
      const confirmBy = rules.confirmWithinMs === null ? null : timeOf(nowMs + rules.confirmWithinMs)
      if (soakUntil === null && confirmBy === null) return
      const {revision} = change
      const commits = [...new Set([...change.commits, ...(open?.commits ?? [])])]
      const contents = [...new Set([...(open?.contents ?? []), change.content])].slice(-CONTENTS_AT_MOST)
      const to = open?.to ?? change.to
      const trial = {revision, commits, contents, to, since: timeOf(nowMs), soakUntil, confirmBy, watched}
      await file.decideAnyway({trial})
      log.info('a change is on trial', {revision, to: to.revision, routes: watched.length, soakUntil, confirmBy})
    },
    async extend(commit, content) {
      const {trial} = file.now()
      if (trial === null || (trial.contents.includes(content) && (commit === null || trial.commits.includes(commit))))
        return
      const commits = commit === null ? trial.commits : [commit, ...trial.commits.filter(other => other !== commit)]
      const contents = [...trial.contents.filter(other => other !== content), content].slice(-CONTENTS_AT_MOST)
      await file.decideAnyway({trial: {...trial, commits, contents}})
    },
    watch() {
      const {trial} = file.now()
      marks = new Map((trial?.watched ?? []).map(({id}) => [id, minus(counters?.route(id) ?? NOTHING, undefined)]))
      slow?.begin(trial?.watched ?? [])
      schedule(LOOK_EVERY_MS)
    },
    settle,
    progress() {
      const {trial} = file.now()
      if (trial === null) return null
      const {revision, soakUntil, confirmBy, watched, to} = trial
      const left = (until: string) =>
        formatDuration(Math.max(0, Math.ceil((Date.parse(until) - clock.now()) / 1000)) * 1000)
      if (confirmBy !== null) {
        const message = `${revision} goes back to ${to.revision} in ${left(confirmBy)} unless \`routesd confirm\` says that it is good`
        return {reason: 'AwaitingConfirmation', message, revision}
      }
      const routes = watched.length === 1 ? '1 route is' : `${watched.length} routes are`
      const message = `${routes} compared with before for another ${left(soakUntil ?? trial.since)}`
      return {reason: 'Soaking', message, revision}
    },
    close: () => cancel(),
  }
}

// ---

const NOTHING: Sample = {requests: 0, errors: 0}
/** Changes that come in during one trial. */
const CONTENTS_AT_MOST = 1000

function timeOf(ms: number): string {
  return new Date(ms).toISOString()
}
