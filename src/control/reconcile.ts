// The one loop in which routes.d becomes what is served:
//
//   tick → settle → read → hold → load → guard → compile → resolve → apply → remember
//
// One run at a time; ticks before a run has begun to read belong to it, ticks after that make one more. A set that is
// refused changes nothing but what `view` says. Nothing that is thrown ends the loop: it is said, and tried again.

import {isIP} from 'node:net'
import type {Status} from '../admin/protocol.ts'
import type {Clock} from '../base/clock.ts'
import {AppError, messageOf} from '../base/errors.ts'
import type {Log} from '../base/log.ts'
import {releaseMemory} from '../base/memory.ts'
import type {SourceFile} from '../base/source-file.ts'
import type {DataPlane} from '../snapshot/data-plane.ts'
import type {Snapshot} from '../snapshot/snapshot.ts'
import {type Aftercare, createAftercare, type Hold, type Operator} from './aftercare.ts'
import {createConditions, type Holding} from './conditions.ts'
import type {Config} from './config/config.ts'
import type {Diagnostic} from './config/diagnostic.ts'
import type {Settings} from './config/settings.ts'
import {createLastGood, type LastGood} from './gitops/last-good.ts'
import type {Health} from './health/health.ts'
import type {Joining} from './joining.ts'
import type {Resolver} from './registry/resolve.ts'
import type {ReloadResult} from './reloads.ts'
import type {ReadSet, Source, Trigger} from './source.ts'
import {recover, StartRefused} from './start.ts'
import type {Counters} from './traffic.ts'
import {
  createJudge,
  excerptOf,
  logDiagnostics,
  type Refusal,
  refused,
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
  /** What an operator may ask for beside that. */
  readonly operator: Operator
  /** Resolves when no run is under way or due. */
  idle(): Promise<void>
  close(): Promise<void>
}

/** What is known about routes.d and what is served of it. Health is that of this loop alone. */
export type View = Pick<Status, 'sync' | 'health' | 'revision' | 'conditions'> & {
  readonly snapshot: Snapshot | null
  readonly config: Config | null
  /** The files that are served. */
  readonly files: readonly SourceFile[]
}

export type ReconcilerParts = {
  readonly settings: Pick<Settings, 'state' | 'permit' | 'forward' | 'owners'> & {
    readonly git: Pick<Settings['git'], 'allowEmpty'> & Partial<Pick<Settings['git'], 'soak' | 'confirmWithinMs'>>
  }
  readonly source: Source
  readonly clock: Clock
  readonly log: Log
  readonly plane: Pick<DataPlane, 'apply'>
  readonly resolver: Pick<Resolver, 'watch'>
  readonly health: Pick<Health, 'prepare' | 'watch'>
  /** Adds the instances that are not written in routes.d. */
  readonly joining?: Pick<Joining, 'prepare' | 'join' | 'snapshot'>
  /** Without it nobody has to have a certificate. */
  readonly certificates?: {prepare(next: ServableSet): Promise<void>; watch(now: ServableSet): Promise<void>}
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
  const {settings, source, clock, log, plane, resolver, health, joining, certificates, onJudged = () => {}} = parts
  const {label} = source
  const lastGood = parts.lastGood ?? createLastGood(settings.state, clock)
  const judge = createJudge(source, settings)
  const conditions = createConditions(clock)
  const listeners = new Set<(view: View) => void>()
  const turns: {readonly work: () => Promise<void>; readonly drop: () => void}[] = []
  const {soak = null, confirmWithinMs = null} = settings.git
  const aftercare: Aftercare = createAftercare({
    ...{state: settings.state, source, judge, lastGood, conditions, clock, log},
    rules: {soak, confirmWithinMs},
    counters: parts.counters ?? null,
    loop: {inTurn, live: () => served && {set: served, commit: base}, replace, readAgain: () => run('timer'), tick},
  })

  let served: ServableSet | null = null
  let sync: View['sync'] = {state: 'OutOfSync', reason: 'Starting', message: 'nothing has been read yet'}
  let fetched: string | null = null
  let failed: string | null = null
  let verified: string | null = null
  // The commit that is served, in full.
  let base: string | null = null
  let judged: {readonly key: string; readonly refusal: Refusal | null} | null = null
  let starting = true
  let startFailure: unknown = null
  const firstRun = Promise.withResolvers<void>()
  let watch: {close(): Promise<void>} | null = null
  let due: Trigger | null = null
  let running: Promise<void> | null = null
  let cancelAgain = () => {}
  let closed = false

  function tick(trigger: Trigger): void {
    if (closed) return
    source.noticed(trigger)
    due = trigger
    // Ticks before the first load belong to it.
    if (!starting || trigger === 'start') running ??= loop()
  }

  // What may not be done during a run waits for its end, and then comes before the next one.
  function inTurn<T>(work: () => Promise<T>): Promise<T> {
    const {promise, resolve, reject} = Promise.withResolvers<T>()
    const drop = () => reject(new AppError('the daemon is stopping'))
    if (closed) drop()
    else turns.push({work: () => work().then(resolve, reject), drop})
    if (!starting && !closed) running ??= loop()
    return promise
  }

  async function loop(): Promise<void> {
    // The caller gets its turn first, so that `running` is set before anything can end.
    await null
    while ((due !== null || turns.length > 0) && !closed) {
      const turn = starting ? undefined : turns.shift()
      if (turn !== undefined) {
        await turn.work()
        tell()
        continue
      }
      const trigger = due ?? 'timer'
      due = null
      try {
        await run(trigger)
        conditions.put('ReconcileFailed', null)
      } catch (error) {
        if (starting) startFailure = error
        judged = null
        onJudged('failed', 'Thrown')
        sync = {state: 'OutOfSync', reason: 'ReconcileFailed', message: messageOf(error)}
        const stack = error instanceof Error ? error.stack : null
        log.error('a reload failed and is tried again', {why: messageOf(error), stack, trigger})
        conditions.put('ReconcileFailed', {reason: 'Thrown', message: messageOf(error), revision: fetched})
        again(AGAIN_MS.failed)
      }
      starting = false
      firstRun.resolve()
      tell()
    }
    running = null
  }

  async function run(trigger: Trigger): Promise<void> {
    const blocked = await source.settled(starting)
    due = starting && blocked !== null ? 'timer' : null
    if (closed) return
    const read = await source.read({starting, blocked, base})
    if (closed) return
    switch (read.kind) {
      case 'again':
        due ??= 'timer'
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
    conditions.put('Drift', {reason: 'KeepsChanging', message})
    again(AGAIN_MS.changing)
    if (starting) await serveLastGood(message, [])
  }

  async function unreadable(problem: Holding): Promise<void> {
    judged = null
    sync = {state: 'OutOfSync', reason: 'GitOperationFailed', message: problem.message}
    const {reason, message: why} = problem
    if (!conditions.holds('GitOperationFailed')) log.error(`${label} cannot be read`, {reason, why})
    conditions.put('GitOperationFailed', problem)
    again(AGAIN_MS.unreadable)
    if (starting) await serveLastGood(problem.message, [])
  }

  async function take(read: ReadSet, trigger: Trigger): Promise<void> {
    conditions.put('Drift', read.drift)
    conditions.put('GitOperationFailed', read.gitProblem)
    fetched = read.revision
    verified = read.verified ?? verified
    const held = aftercare.hold(read)
    conditions.put('Quarantined', held?.reason === 'Quarantined' ? {...held, revision: read.revision} : null)
    if (held !== null && (await hold(read, held))) return
    if (judged?.key === read.key) return repeat(read, judged.refusal, trigger)
    const verdict = await judgeRead(read)
    if (verdict.kind === 'refused') await refuse(read, verdict.refusal, trigger)
    else await accept(read, verdict, trigger)
    judged = {key: read.key, refusal: verdict.kind === 'refused' ? verdict.refusal : null}
  }

  // Nothing is changed; whether that is possible: a first start has nothing else to serve than what is suspended.
  async function hold({revision}: ReadSet, {reason, message}: Hold): Promise<boolean> {
    if (starting && !(await serveLastGood(message, []))) {
      if (reason === 'Quarantined') return true
      startFailure = null
      return false
    }
    judged = null
    if (reason === 'Suspended') return true
    failed = revision
    sync = {state: 'OutOfSync', reason, message}
    for (const type of REFUSALS) conditions.put(type, null)
    return true
  }

  // The same bytes again: nothing new to say but, after a commit, another name.
  async function repeat(read: ReadSet, refusal: Refusal | null, trigger: Trigger): Promise<void> {
    const {revision, commit} = read
    if (refusal !== null) {
      failed = revision
      return
    }
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

  async function judgeRead({files, revision, diagnostics, missing, refusal, commit}: ReadSet): Promise<Verdict> {
    if (refusal !== null) return {kind: 'refused', refusal}
    if (missing) return refused('RoutesMissing', `${label} is missing`)
    const verdict = await judge(files, revision, diagnostics, source.repositoryAt(commit))
    if (verdict.kind === 'refused' || verdict.set.snapshot.routes.length > 0 || settings.git.allowEmpty) return verdict
    const before = served === null ? await routesOfLastGood() : served.snapshot.routes.length
    if (before === 0) return verdict
    return refused('GuardRefused', `${label} has no routes any more, and had ${before}; git.allowEmpty would allow it`)
  }

  async function routesOfLastGood(): Promise<number> {
    const kept = await recover(lastGood, judge, source)
    if (kept.kind === 'none' && kept.broken) log.warn('the last good configuration is unusable', {why: kept.why})
    return kept.kind === 'set' ? kept.set.snapshot.routes.length : 0
  }

  async function refuse(read: ReadSet, refusal: Refusal, trigger: Trigger): Promise<void> {
    const {revision} = read
    const {type, message, diagnostics} = refusal
    failed = revision
    onJudged('refused', type)
    sync = {state: 'OutOfSync', reason: type, message}
    const holding = {reason: type, message, revision, excerpt: excerptOf(diagnostics)}
    for (const other of REFUSALS) conditions.put(other, other === type ? holding : null)
    logDiagnostics(log, diagnostics)
    const serving = served?.snapshot.revision ?? 'nothing yet'
    log.error(`${label} is refused`, {reason: type, why: message, revision, serving})
    if (starting) await serveLastGood(message, diagnostics)
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
        log.warn(`${label} has no routes: every request is answered with 404`)
    }
    base = read.commit
    failed = null
    onJudged(isSame ? 'unchanged' : 'applied', '')
    sync = {state: 'Synced', reason: 'Applied', message: ''}
    for (const type of REFUSALS) conditions.put(type, null)
    await remember(read)
    await aftercare.accepted(read, set, previous, trigger)
  }

  // In place of what was read, which is not looked at as the same again.
  async function replace(set: ServableSet, commit: string | null): Promise<void> {
    await apply(set)
    base = commit
    judged = null
  }

  // The names of both worlds are resolved until the new one is everywhere: a failed hand-over leaves the old one whole.
  async function apply(next: ServableSet): Promise<void> {
    const hosts = hostsOf(next.snapshot)
    await resolver.watch([...hosts, ...(served === null ? [] : hostsOf(served.snapshot))])
    await certificates?.prepare(next)
    await joining?.prepare(next)
    // Joined and handed over in one turn, so that nobody joins between.
    const world = joining?.join(next) ?? next.snapshot
    health.prepare(world)
    try {
      await plane.apply(world)
    } catch (error) {
      if (served !== null) {
        health.watch(served.snapshot)
        await certificates?.watch(served)
      }
      conditions.put('ApplyFailed', {reason: 'Thrown', message: messageOf(error), revision: next.snapshot.revision})
      throw error
    }
    conditions.put('ApplyFailed', null)
    served = next
    aftercare.applied()
    health.watch(joining?.snapshot() ?? next.snapshot)
    await certificates?.watch(next)
    await resolver.watch(hosts)
    if (starting && next.snapshot.routes.length >= LARGE_START) releaseMemory()
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
      const message = `last good cannot be written to ${settings.state}: ${messageOf(error)}`
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

  function syncNow(): View['sync'] {
    const suspension = aftercare.suspension()
    if (suspension !== null) return {state: 'Suspended', reason: 'Suspended', message: suspension.message}
    const progress = conditions.get('Progressing')
    return progress === null || sync.state !== 'Synced'
      ? sync
      : {...sync, reason: 'Progressing', message: progress.message}
  }

  function view(): View {
    aftercare.refresh()
    const list = conditions.list()
    const degraded = list.find(({type}) => DEGRADING.has(type))
    return {
      sync: syncNow(),
      health: degraded ? {state: 'Degraded', message: degraded.message} : {state: 'Healthy', message: ''},
      revision: {applied: served?.snapshot.revision ?? null, fetched, verified, failed},
      conditions: list,
      snapshot: served?.snapshot ?? null,
      config: served?.config ?? null,
      files: served?.files ?? [],
    }
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

  async function idle(): Promise<void> {
    while (running !== null) await running
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
      await idle()
      return view()
    },
    operator: aftercare,
    subscribe(listener) {
      listeners.add(listener)
      return () => listeners.delete(listener)
    },
    idle,
    async close() {
      closed = true
      firstRun.resolve()
      cancelAgain()
      aftercare.close()
      for (const {drop} of turns.splice(0)) drop()
      source.stop()
      await watch?.close()
      await running
    },
  }
}

// ---

const REFUSALS = [
  'ValidationFailed',
  'VerificationFailed',
  'OwnershipViolated',
  'TestsFailed',
  'GuardRefused',
  'RoutesMissing',
] as const
const DEGRADING: ReadonlySet<string> = new Set(['StateUnwritable', 'ApplyFailed', 'ReconcileFailed'])

/** Of snapshots that are looked at more than once. */
const hostsKnown = new WeakMap<Snapshot, readonly string[]>()

// Names only: an address is its own answer.
function hostsOf(snapshot: Snapshot): readonly string[] {
  let hosts = hostsKnown.get(snapshot)
  if (hosts === undefined) {
    hosts = [...new Set(snapshot.instances.flatMap(({host}) => (isIP(host) === 0 ? [host] : [])))]
    hostsKnown.set(snapshot, hosts)
  }
  return hosts
}
