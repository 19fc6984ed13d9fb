// The one loop in which routes.d becomes what is served:
//
//   tick → settle → read → hold → load → guard → compile → resolve → apply → remember
//
// One run at a time; ticks before a run has begun to read belong to it, ticks after that make one more. A set that is
// refused changes nothing but what `view` says. Nothing that is thrown ends the loop: it is said, and tried again.

import type {Clock} from '../base/clock.ts'
import {messageOf} from '../base/errors.ts'
import type {Log} from '../base/log.ts'
import {releaseMemory} from '../base/memory.ts'
import {type Aftercare, createAftercare, type Hold} from './aftercare.ts'
import type {Holding} from './conditions.ts'
import type {Diagnostic} from './config/diagnostic.ts'
import type {Settings} from './config/settings.ts'
import {createLastGood, type LastGood} from './gitops/last-good.ts'
import {createGuard} from './guard.ts'
import {createHandOver, type HandOverParts} from './hand-over.ts'
import type {Operator} from './operator.ts'
import type {ReloadResult} from './reloads.ts'
import type {ReadSet, Source, Trigger} from './source.ts'
import {createStanding, type View} from './standing.ts'
import {recover, StartRefused} from './start.ts'
import type {SwitchableSource} from './switchable-source.ts'
import type {Counters} from './traffic.ts'
import {createTurns} from './turns.ts'
import {
  createJudge,
  type JudgeSettings,
  logDiagnostics,
  type Refusal,
  type ServableSet,
  type Verdict,
} from './verdict.ts'

export type Reconciler = {
  /** The first load: resolves when something is served; throws StartRefused when there is nothing that could be. */
  start(): Promise<void>
  /** Asks for a run; never waits, never throws. */
  tick(trigger: Trigger): void
  view(): View
  /** Calls back after every run until the returned function is called. */
  subscribe(listener: (view: View) => void): () => void
  /** Runs now, a fetch included, and resolves with what came of it. */
  sync(): Promise<View>
  /**
   * Other settings are in force, and perhaps another source: what is served is judged by them in the next run, which the
   * caller asks for.
   */
  adopt(source: Source | null): Promise<void>
  /** What an operator may ask for beside that. */
  readonly operator: Operator
  /** Resolves when no run is under way or due. */
  idle(): Promise<void>
  close(): Promise<void>
}

export type ReconcilerSettings = JudgeSettings & {
  readonly git: Pick<Settings['git'], 'allowEmpty'> & Partial<Pick<Settings['git'], 'soak' | 'confirmWithinMs'>>
}

export type ReconcilerParts = HandOverParts & {
  /** Absolute. */
  readonly state: string
  /** Those in force. */
  readonly settings: () => ReconcilerSettings
  readonly source: SwitchableSource
  readonly clock: Clock
  readonly log: Log
  /** Is told of every set that was judged. */
  readonly onJudged?: (result: ReloadResult, reason: string) => void
  /** What routes and instances have answered; without it there is no soak. */
  readonly counters?: Counters
  /** Given by tests that have the disk fail. */
  readonly lastGood?: LastGood
}

/** Routes from which on a start leaves more memory behind than it needs to go on. */
const LARGE_START = 10_000
const AGAIN_MS = {changing: 1_000, state: 10_000, failed: 5_000, unreadable: 10_000} as const

export function createReconciler(parts: ReconcilerParts): Reconciler {
  const {state, settings, clock, log, onJudged = () => {}} = parts
  const {source} = parts
  const lastGood = parts.lastGood ?? createLastGood(state, clock)
  const judge = createJudge(source, settings)
  const guard = createGuard({source, judge, lastGood, allowEmpty: () => settings().git.allowEmpty, log})
  const standing = createStanding(clock, log)
  const {conditions} = standing
  const handOver = createHandOver(parts, conditions)
  const listeners = new Set<(view: View) => void>()
  const turns = createTurns(runSafely, () => {
    firstRun.resolve()
    tell()
  })
  const aftercare: Aftercare = createAftercare({
    ...{state, source, judge, lastGood, conditions, clock, log},
    rules: () => {
      const {soak = null, confirmWithinMs = null} = settings().git
      return {soak, confirmWithinMs}
    },
    counters: parts.counters ?? null,
    loop: {
      inTurn: turns.inTurn,
      live: () => served && {set: served, commit: base},
      replace,
      readAgain: () => run('timer'),
      tick,
    },
  })

  let served: ServableSet | null = null
  // The commit that is served, in full.
  let base: string | null = null
  let judged: {readonly key: string; readonly refusal: Refusal | null} | null = null
  let startFailure: unknown = null
  const firstRun = Promise.withResolvers<void>()
  let watch: {close(): Promise<void>} | null = null
  let cancelAgain = () => {}

  function tick(trigger: Trigger): void {
    if (!turns.isClosed()) source.noticed(trigger)
    turns.tick(trigger)
  }

  async function runSafely(trigger: Trigger): Promise<void> {
    try {
      await run(trigger)
      standing.ended()
    } catch (error) {
      if (turns.isStarting()) startFailure = error
      judged = null
      onJudged('failed', 'Thrown')
      standing.thrown(error)
      const stack = error instanceof Error ? error.stack : null
      log.error('a reload failed and is tried again', {why: messageOf(error), stack, trigger})
      again(AGAIN_MS.failed)
    }
  }

  async function run(trigger: Trigger): Promise<void> {
    const starting = turns.isStarting()
    const blocked = await source.settled(starting)
    turns.setDue(starting && blocked !== null ? 'timer' : null)
    if (turns.isClosed()) return
    const read = await source.read({starting, blocked, base})
    if (turns.isClosed()) return
    switch (read.kind) {
      case 'again':
        if (!turns.isDue()) turns.setDue('timer')
        return
      case 'changing':
        return keepsChanging(read.message)
      case 'unreadable':
        return unreadable(read.problem)
      case 'set':
        return take(read.set, trigger)
    }
  }

  async function keepsChanging(message: string): Promise<void> {
    standing.changing(message)
    again(AGAIN_MS.changing)
    if (turns.isStarting()) await serveLastGood(message, [])
  }

  async function unreadable(problem: Holding): Promise<void> {
    judged = null
    standing.unreadable(problem, source.label)
    again(AGAIN_MS.unreadable)
    if (turns.isStarting()) await serveLastGood(problem.message, [])
  }

  async function take(read: ReadSet, trigger: Trigger): Promise<void> {
    standing.read(read)
    const held = aftercare.hold(read)
    standing.held(read.revision, held)
    if (held !== null && (await hold(read, held))) return
    if (judged?.key === read.key) return repeat(read, judged.refusal, trigger)
    const verdict = await guard(read, served)
    if (verdict.kind === 'refused') await refuse(read, verdict.refusal, trigger)
    else await accept(read, verdict, trigger)
    judged = {key: read.key, refusal: verdict.kind === 'refused' ? verdict.refusal : null}
  }

  // Nothing is changed; whether that is possible: a first start has nothing else to serve than what is suspended.
  async function hold({revision}: ReadSet, held: Hold): Promise<boolean> {
    if (turns.isStarting() && !(await serveLastGood(held.message, []))) {
      if (held.reason === 'Quarantined') return true
      startFailure = null
      return false
    }
    judged = null
    if (held.reason !== 'Suspended') standing.outOfSync(revision, held)
    return true
  }

  // The same bytes again: nothing new to say but, after a commit, another name.
  async function repeat(read: ReadSet, refusal: Refusal | null, trigger: Trigger): Promise<void> {
    const {revision, commit} = read
    if (refusal !== null) return standing.refusedAgain(revision)
    if (served === null) return
    const before = served
    if (before.snapshot.revision !== revision) {
      served = {...before, snapshot: {...before.snapshot, revision}}
      log.info('the same routes under another name', {revision})
    }
    base = commit
    await remember(read)
    if (served !== before) await aftercare.accepted(read, served, before, trigger)
  }

  async function refuse(read: ReadSet, refusal: Refusal, trigger: Trigger): Promise<void> {
    const {revision} = read
    const {type, message, diagnostics} = refusal
    onJudged('refused', type)
    standing.refused(revision, refusal)
    logDiagnostics(log, diagnostics)
    const serving = served?.snapshot.revision ?? 'nothing yet'
    log.error(`${source.label} is refused`, {reason: type, why: message, revision, serving})
    if (turns.isStarting()) await serveLastGood(message, diagnostics)
    await aftercare.refused(read, refusal, trigger)
  }

  async function accept(read: ReadSet, {set, warnings}: Verdict & {kind: 'accepted'}, trigger: Trigger): Promise<void> {
    const previous = served
    const before = previous?.snapshot
    logDiagnostics(log, warnings)
    const isSame = before?.content === set.snapshot.content
    if (before && isSame) {
      served = set
      if (before.revision !== read.revision) log.info('the same routes under another name', {revision: read.revision})
    } else {
      await aftercare.beforeApply(read, set)
      await apply(set)
      log.info('applied', {revision: read.revision, routes: set.snapshot.routes.length, trigger})
      if (set.snapshot.routes.length + set.snapshot.services.length === 0)
        log.warn(`${source.label} has no routes: every request is answered with 404`)
    }
    base = read.commit
    onJudged(isSame ? 'unchanged' : 'applied', '')
    standing.synced()
    await remember(read)
    await aftercare.accepted(read, set, previous, trigger)
  }

  // In place of what was read, which is not looked at as the same again.
  async function replace(set: ServableSet, commit: string | null): Promise<void> {
    await apply(set)
    base = commit
    judged = null
  }

  async function apply(next: ServableSet): Promise<void> {
    await handOver.apply(next, served, () => {
      served = next
      aftercare.applied()
    })
    if (turns.isStarting() && next.snapshot.routes.length >= LARGE_START) releaseMemory()
    // What is served need not wait for last good to be written.
    firstRun.resolve()
  }

  async function remember(read: ReadSet): Promise<void> {
    const {revision, files} = read
    await aftercare.served(read)
    try {
      await lastGood.remember(revision, files, base)
      conditions.put('StateUnwritable', null)
    } catch (error) {
      const message = `last good cannot be written to ${state}: ${messageOf(error)}`
      if (!conditions.holds('StateUnwritable')) log.error(message, {revision})
      conditions.put('StateUnwritable', {reason: 'WriteFailed', message, revision})
      again(AGAIN_MS.state)
    }
  }

  // A start that routes.d gives nothing to.
  async function serveLastGood(message: string, diagnostics: readonly Diagnostic[]): Promise<boolean> {
    let kept = await recover(lastGood, judge, source)
    if (kept.kind === 'none' ? kept.broken : aftercare.isQuarantined(kept.commit, kept.set.files)) {
      const older = await aftercare.recover()
      if (older.kind === 'set' || kept.kind === 'set') kept = older
    }
    if (kept.kind === 'none') {
      startFailure = new StartRefused(message, `nothing can be served instead: ${kept.why}`, diagnostics)
      return false
    }
    await apply(kept.set)
    base = kept.commit
    log.warn('serving the last good configuration', {revision: kept.set.snapshot.revision, keptAt: kept.keptAt})
    return true
  }

  function again(ms: number): void {
    cancelAgain()
    cancelAgain = clock.after(ms, () => tick('timer'))
  }

  function view(): View {
    aftercare.refresh()
    return standing.view(served, aftercare.suspension())
  }

  function tell(): void {
    const now = view()
    for (const listener of listeners) {
      try {
        listener(now)
      } catch (error) {
        log.error('a listener failed', {why: messageOf(error)})
      }
    }
  }

  return {
    async start() {
      base = await lastGood.commit()
      await aftercare.load()
      watch = await source.watch(tick)
      tick('start')
      await firstRun.promise
      if (startFailure !== null) throw startFailure
    },
    tick,
    view,
    async sync() {
      tick('admin')
      await turns.idle()
      return view()
    },
    adopt: next =>
      turns.inTurn(async () => {
        if (next !== null) await source.become(next)
        judged = null
        await aftercare.adopt()
        if (served !== null) await handOver.renew(served)
      }),
    operator: aftercare,
    subscribe(listener) {
      listeners.add(listener)
      return () => listeners.delete(listener)
    },
    idle: turns.idle,
    async close() {
      turns.close()
      firstRun.resolve()
      cancelAgain()
      aftercare.close()
      source.stop()
      await watch?.close()
      await turns.idle()
    },
  }
}
