// The one loop in which routes.d becomes what is served:
//
//   tick → settle → read → load → guard → compile → resolve → apply → remember
//
// One run at a time; ticks before a run has begun to read belong to it, ticks after that make one more. A set that is
// refused changes nothing but what `view` says. Nothing that is thrown ends the loop: it is said, and tried again.

import type {Status} from '../admin/protocol.ts'
import type {Clock} from '../base/clock.ts'
import {AppError, EXIT, messageOf} from '../base/errors.ts'
import type {Log} from '../base/log.ts'
import {releaseMemory} from '../base/memory.ts'
import type {SourceFile} from '../base/source-file.ts'
import type {DataPlane} from '../snapshot/data-plane.ts'
import type {Snapshot} from '../snapshot/snapshot.ts'
import {createConditions} from './conditions.ts'
import type {Config} from './config/config.ts'
import type {Diagnostic} from './config/diagnostic.ts'
import {readRoutesFolder} from './config/files.ts'
import type {Settings} from './config/settings.ts'
import {findGitDir, operationUnderWay} from './gitops/git-dir.ts'
import {createLastGood, type LastGood} from './gitops/last-good.ts'
import {contentHash, nameRevision} from './gitops/revision.ts'
import {createSettler} from './gitops/settle.ts'
import {readStable} from './gitops/stable.ts'
import {createWatch, type Watch, type WatchReason} from './gitops/watch.ts'
import type {Health} from './health/health.ts'
import type {Resolver} from './registry/resolve.ts'
import {createJudge, logDiagnostics, type Refusal, refused, type ServableSet, type Verdict} from './verdict.ts'

export type Trigger = 'start' | 'admin' | 'signal' | 'timer' | WatchReason

export type Reconciler = {
  /** The first load: resolves when something is served; throws StartRefused when there is nothing that could be. */
  start(): Promise<void>
  /** Asks for a run; never waits, never throws. */
  tick(trigger: Trigger): void
  view(): View
  /** Calls back after every run until the returned function is called. */
  subscribe(listener: (view: View) => void): () => void
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
  readonly settings: Pick<Settings, 'routes' | 'routesLabel' | 'state' | 'git' | 'permit' | 'forward'>
  readonly clock: Clock
  readonly log: Log
  readonly plane: Pick<DataPlane, 'apply'>
  readonly resolver: Pick<Resolver, 'watch'>
  readonly health: Pick<Health, 'prepare' | 'watch'>
  /** Given by tests that have the disk or the reading fail. */
  readonly lastGood?: LastGood
  readonly readFolder?: typeof readRoutesFolder
  readonly rescanMs?: number
}

/** A first start with nothing to serve. */
export class StartRefused extends AppError {
  readonly diagnostics: readonly Diagnostic[]

  constructor(message: string, hint: string, diagnostics: readonly Diagnostic[]) {
    super(message, {hint, exitCode: EXIT.findings})
    this.name = 'StartRefused'
    this.diagnostics = diagnostics
  }
}

// A merge that lies around must not keep a daemon from starting; the run after the start waits the usual time.
const BLOCKED_AT_START_MS = 2_000
/** Routes from which on a start leaves more memory behind than it needs to go on. */
const LARGE_START = 10_000
const AGAIN_MS = {changing: 1_000, state: 10_000, failed: 5_000} as const

type Read = {
  readonly files: readonly SourceFile[]
  readonly diagnostics: readonly Diagnostic[]
  readonly missing: boolean
  readonly revision: string
  readonly gitProblem: string | null
  /** The same for the same bytes. */
  readonly key: string
}

export function createReconciler(parts: ReconcilerParts): Reconciler {
  const {settings, clock, log, plane, resolver, health, readFolder = readRoutesFolder} = parts
  const {routes: root, routesLabel: label} = settings
  const lastGood = parts.lastGood ?? createLastGood(settings.state, clock)
  const judge = createJudge(settings)
  const conditions = createConditions(clock)
  const settler = createSettler(clock, () => blockedAt(root))
  const listeners = new Set<(view: View) => void>()

  let served: ServableSet | null = null
  let sync: View['sync'] = {state: 'OutOfSync', reason: 'Starting', message: 'nothing has been read yet'}
  let fetched: string | null = null
  let failed: string | null = null
  let judged: {readonly key: string; readonly refusal: Refusal | null} | null = null
  let starting = true
  let startFailure: unknown = null
  const firstRun = Promise.withResolvers<void>()
  let watch: Watch | null = null
  let due: Trigger | null = null
  let running: Promise<void> | null = null
  let cancelAgain = () => {}
  let closed = false

  function tick(trigger: Trigger): void {
    if (closed) return
    if (trigger === 'watch' || trigger === 'rescan') settler.touch()
    due = trigger
    // Ticks before the first load belong to it.
    if (!starting || trigger === 'start') running ??= loop()
  }

  async function loop(): Promise<void> {
    // The caller gets its turn first, so that `running` is set before anything can end.
    await null
    while (due !== null && !closed) {
      const trigger = due
      due = null
      try {
        await run(trigger)
        conditions.put('ReconcileFailed', null)
      } catch (error) {
        if (starting) startFailure = error
        judged = null
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
    const blocked = await settler.settled(starting ? BLOCKED_AT_START_MS : undefined)
    due = starting && blocked !== null ? 'timer' : null
    if (closed) return
    const read = await readStable(root, readAll)
    if (read === null) return keepsChanging()
    if (!starting && blocked === null && (await blockedAt(root)) !== null) {
      // Git began while we read, and may have written some of the files already.
      due ??= 'timer'
      return
    }
    conditions.put(
      'Drift',
      blocked === null ? null : {reason: 'GitBusy', message: `${blocked}; ${label} is read as it is`},
    )
    conditions.put(
      'GitOperationFailed',
      read.gitProblem === null ? null : {reason: 'Refused', message: read.gitProblem},
    )
    fetched = read.revision
    if (judged?.key === read.key) return repeat(read, judged.refusal)
    const verdict = await judgeRead(read)
    if (verdict.kind === 'refused') await refuse(read, verdict.refusal)
    else await accept(read, verdict, trigger)
    judged = {key: read.key, refusal: verdict.kind === 'refused' ? verdict.refusal : null}
  }

  // What was read is a mix of two sets, so it is not looked at.
  async function keepsChanging(): Promise<void> {
    const message = `${label} kept changing while it was read`
    conditions.put('Drift', {reason: 'KeepsChanging', message})
    again(AGAIN_MS.changing)
    if (starting) await serveLastGood(message, [])
  }

  async function readAll(): Promise<Read> {
    const {files, diagnostics, missing} = await readFolder(root, label)
    const {revision, problem} = await nameRevision(root, files)
    const key = JSON.stringify([missing, contentHash(files), diagnostics.map(({file, message}) => [file, message])])
    return {files, diagnostics, missing, revision, gitProblem: problem, key}
  }

  // The same bytes again: nothing new to say but, after a commit, another name.
  async function repeat({revision, files}: Read, refusal: Refusal | null): Promise<void> {
    if (refusal !== null) {
      failed = revision
      return
    }
    if (served === null) return
    if (served.snapshot.revision !== revision) {
      served = {...served, snapshot: {...served.snapshot, revision}}
      log.info('the same routes under another name', {revision})
    }
    await remember(revision, files)
  }

  async function judgeRead({files, revision, diagnostics, missing}: Read): Promise<Verdict> {
    if (missing) return refused('RoutesMissing', `${label} is missing`)
    const verdict = await judge(files, revision, diagnostics)
    if (verdict.kind === 'refused' || verdict.set.snapshot.routes.length > 0 || settings.git.allowEmpty) return verdict
    const before = served === null ? await routesOfLastGood() : served.snapshot.routes.length
    if (before === 0) return verdict
    return refused('GuardRefused', `${label} has no routes any more, and had ${before}; git.allowEmpty would allow it`)
  }

  async function routesOfLastGood(): Promise<number> {
    const kept = await lastGood.load()
    if (kept.kind === 'broken') log.warn('the last good configuration is unusable', {why: kept.reason})
    const verdict = kept.kind === 'set' ? await judge(kept.files, kept.revision) : null
    return verdict?.kind === 'accepted' ? verdict.set.snapshot.routes.length : 0
  }

  async function refuse({revision}: Read, {type, message, diagnostics}: Refusal): Promise<void> {
    failed = revision
    sync = {state: 'OutOfSync', reason: type, message}
    for (const other of REFUSALS) conditions.put(other, other === type ? {reason: type, message, revision} : null)
    logDiagnostics(log, diagnostics)
    const serving = served?.snapshot.revision ?? 'nothing yet'
    log.error(`${label} is refused`, {reason: type, why: message, revision, serving})
    if (starting) await serveLastGood(message, diagnostics)
  }

  async function accept(read: Read, {set, warnings}: Verdict & {kind: 'accepted'}, trigger: Trigger): Promise<void> {
    const before = served?.snapshot
    logDiagnostics(log, warnings)
    if (before?.content === set.snapshot.content) {
      served = set
      if (before.revision !== read.revision) log.info('the same routes under another name', {revision: read.revision})
    } else {
      await apply(set)
      log.info('applied', {revision: read.revision, routes: set.snapshot.routes.length, trigger})
      if (set.snapshot.routes.length === 0) log.warn(`${label} has no routes: every request is answered with 404`)
    }
    failed = null
    sync = {state: 'Synced', reason: 'Applied', message: ''}
    for (const type of REFUSALS) conditions.put(type, null)
    await remember(read.revision, read.files)
  }

  // The names of both worlds are resolved until the new one is everywhere: a failed hand-over leaves the old one whole.
  async function apply(next: ServableSet): Promise<void> {
    const hosts = hostsOf(next.snapshot)
    await resolver.watch([...hosts, ...(served === null ? [] : hostsOf(served.snapshot))])
    health.prepare(next.snapshot)
    try {
      await plane.apply(next.snapshot)
    } catch (error) {
      if (served !== null) health.watch(served.snapshot)
      conditions.put('ApplyFailed', {reason: 'Thrown', message: messageOf(error), revision: next.snapshot.revision})
      throw error
    }
    conditions.put('ApplyFailed', null)
    served = next
    health.watch(next.snapshot)
    await resolver.watch(hosts)
    if (starting && next.snapshot.routes.length >= LARGE_START) releaseMemory()
    // What is served need not wait for last good to be written.
    firstRun.resolve()
  }

  async function remember(revision: string, files: readonly SourceFile[]): Promise<void> {
    try {
      await lastGood.remember(revision, files)
      conditions.put('StateUnwritable', null)
    } catch (error) {
      const message = `last good cannot be written to ${settings.state}: ${messageOf(error)}`
      if (!conditions.holds('StateUnwritable')) log.error(message, {revision})
      conditions.put('StateUnwritable', {reason: 'WriteFailed', message, revision})
      again(AGAIN_MS.state)
    }
  }

  // A start that routes.d gives nothing to.
  async function serveLastGood(message: string, diagnostics: readonly Diagnostic[]): Promise<void> {
    const kept = await lastGood.load()
    if (kept.kind !== 'set') {
      const why = kept.kind === 'none' ? 'there is no last good configuration' : `last good is unusable: ${kept.reason}`
      startFailure = new StartRefused(message, `nothing can be served instead: ${why}`, diagnostics)
      return
    }
    const verdict = await judge(kept.files, kept.revision)
    if (verdict.kind === 'refused') {
      const why = `last good, ${kept.revision}, is no longer valid: ${verdict.refusal.message}`
      startFailure = new StartRefused(message, `nothing can be served instead: ${why}`, diagnostics)
      return
    }
    await apply(verdict.set)
    log.warn('serving the last good configuration', {revision: kept.revision, keptAt: kept.at})
  }

  function again(ms: number): void {
    cancelAgain()
    cancelAgain = clock.after(ms, () => tick('timer'))
  }

  function view(): View {
    const list = conditions.list()
    const degraded = list.find(({type}) => DEGRADING.has(type))
    return {
      sync,
      health: degraded ? {state: 'Degraded', message: degraded.message} : {state: 'Healthy', message: ''},
      // Signatures are not verified in a work tree, so nothing is ever 'verified' here.
      revision: {applied: served?.snapshot.revision ?? null, fetched, verified: null, failed},
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
      const {rescanMs} = parts
      watch = await createWatch({root, clock, log, tick, ...(rescanMs === undefined ? {} : {rescanMs})})
      tick('start')
      await firstRun.promise
      if (startFailure !== null) throw startFailure
    },
    tick,
    view,
    subscribe(listener) {
      listeners.add(listener)
      return () => listeners.delete(listener)
    },
    idle,
    async close() {
      closed = true
      firstRun.resolve()
      cancelAgain()
      settler.stop()
      await watch?.close()
      await running
    },
  }
}

// ---

const REFUSALS = ['ValidationFailed', 'GuardRefused', 'RoutesMissing'] as const
const DEGRADING: ReadonlySet<string> = new Set(['StateUnwritable', 'ApplyFailed', 'ReconcileFailed'])

async function blockedAt(root: string): Promise<string | null> {
  const dir = await findGitDir(root)
  return dir === null ? null : operationUnderWay(dir)
}

function hostsOf(snapshot: Snapshot): string[] {
  return [...new Set(snapshot.instances.map(({host}) => host))]
}
