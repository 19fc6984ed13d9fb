// How things stand with routes.d, in the words of `status`: what was read last, what came of it, and what is not as it should be.

import type {Condition, Status} from '../admin/protocol.ts'
import type {Clock} from '../base/clock.ts'
import {messageOf} from '../base/errors.ts'
import type {Log} from '../base/log.ts'
import type {SourceFile} from '../base/source-file.ts'
import type {Snapshot} from '../snapshot/snapshot.ts'
import type {Hold} from './aftercare.ts'
import {type Conditions, createConditions, type Holding} from './conditions.ts'
import type {Config} from './config/config.ts'
import type {ReadSet} from './source.ts'
import {excerptOf, type Refusal, type ServableSet} from './verdict.ts'

/** What is known about routes.d and what is served of it. Health is that of the loop alone. */
export type View = Pick<Status, 'sync' | 'health' | 'revision' | 'conditions'> & {
  readonly snapshot: Snapshot | null
  readonly config: Config | null
  /** The files that are served. */
  readonly files: readonly SourceFile[]
}

/** Each verb says what a run has come to; nothing of it throws. */
export type Standing = {
  readonly conditions: Conditions
  read(read: ReadSet): void
  changing(message: string): void
  unreadable(problem: Holding, label: string): void
  /** Why what was read is not looked at; null when it is. */
  held(revision: string, hold: Hold | null): void
  /** What was read is not served because of a hold, and something else is. */
  outOfSync(revision: string, hold: Hold): void
  refused(revision: string, refusal: Refusal): void
  /** The same as before, which was refused. */
  refusedAgain(revision: string): void
  synced(): void
  thrown(error: unknown): void
  /** A run came to its end, whatever it has found. */
  ended(): void
  view(served: ServableSet | null, suspension: {readonly message: string} | null): View
}

export function createStanding(clock: Clock, log: Log): Standing {
  const conditions = createConditions(clock)
  let sync: View['sync'] = {state: 'OutOfSync', reason: 'Starting', message: 'nothing has been read yet'}
  let fetched: string | null = null
  let failed: string | null = null
  let verified: string | null = null

  function syncNow(suspension: {readonly message: string} | null): View['sync'] {
    if (suspension !== null) return {state: 'Suspended', reason: 'Suspended', message: suspension.message}
    const progress = conditions.get('Progressing')
    return progress === null || sync.state !== 'Synced'
      ? sync
      : {...sync, reason: 'Progressing', message: progress.message}
  }

  return {
    conditions,
    read({drift, gitProblem, revision, verified: nowVerified}) {
      conditions.put('Drift', drift)
      conditions.put('GitOperationFailed', gitProblem)
      fetched = revision
      verified = nowVerified ?? verified
    },
    changing: message => conditions.put('Drift', {reason: 'KeepsChanging', message}),
    unreadable(problem, label) {
      sync = {state: 'OutOfSync', reason: 'GitOperationFailed', message: problem.message}
      const {reason, message: why} = problem
      if (!conditions.holds('GitOperationFailed')) log.error(`${label} cannot be read`, {reason, why})
      conditions.put('GitOperationFailed', problem)
    },
    held: (revision, hold) =>
      conditions.put('Quarantined', hold?.reason === 'Quarantined' ? {...hold, revision} : null),
    outOfSync(revision, {reason, message}) {
      failed = revision
      sync = {state: 'OutOfSync', reason, message}
      for (const type of REFUSALS) conditions.put(type, null)
    },
    refused(revision, {type, message, diagnostics}) {
      failed = revision
      sync = {state: 'OutOfSync', reason: type, message}
      const holding = {reason: type, message, revision, excerpt: excerptOf(diagnostics)}
      for (const other of REFUSALS) conditions.put(other, other === type ? holding : null)
    },
    refusedAgain(revision) {
      failed = revision
    },
    synced() {
      failed = null
      sync = {state: 'Synced', reason: 'Applied', message: ''}
      for (const type of REFUSALS) conditions.put(type, null)
    },
    thrown(error) {
      const message = messageOf(error)
      sync = {state: 'OutOfSync', reason: 'ReconcileFailed', message}
      conditions.put('ReconcileFailed', {reason: 'Thrown', message, revision: fetched})
    },
    ended: () => conditions.put('ReconcileFailed', null),
    view(served, suspension) {
      const list = conditions.list()
      return {
        sync: syncNow(suspension),
        health: healthOf(list),
        revision: {applied: served?.snapshot.revision ?? null, fetched, verified, failed},
        conditions: list,
        snapshot: served?.snapshot ?? null,
        config: served?.config ?? null,
        files: served?.files ?? [],
      }
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

function healthOf(conditions: readonly Condition[]): View['health'] {
  const degraded = conditions.find(({type}) => DEGRADING.has(type))
  return degraded ? {state: 'Degraded', message: degraded.message} : {state: 'Healthy', message: ''}
}
