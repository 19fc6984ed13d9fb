// What was decided about revisions, by people and by the soak: until when nothing is applied, what is on trial, and what may
// not be served any more. One file, written as a whole: a decision of several parts (a change is taken back: it is no longer
// on trial, and it is in quarantine) is there or it is not.
//
//   <state>/decisions.json     {version, suspension, trial, quarantine}

import {join} from 'node:path'
import {messageOf} from '../../base/errors.ts'
import {readTextIfExists, writeAtomic} from '../../base/files.ts'
import type {Log} from '../../base/log.ts'

export type Decisions = {
  readonly suspension: Suspension | null
  readonly trial: Trial | null
  /** Oldest first. */
  readonly quarantine: readonly Quarantine[]
}

/** Nothing is applied meanwhile. Times are RFC 3339. */
export type Suspension = {
  readonly since: string
  /** null: until somebody says otherwise. */
  readonly until: string | null
  readonly who: string
  readonly why: string
}

/** A set of files that was served: the name that it had, the commit it was read from, and what stands for its content. */
export type Served = {readonly revision: string; readonly commit: string | null; readonly content: string}

/** A change that may still be taken back, to `to`. */
export type Trial = {
  readonly revision: string
  readonly commits: readonly string[]
  readonly contents: readonly string[]
  readonly to: Served
  readonly since: string
  /** When the soak ends; null when there is none, or it has ended. */
  readonly soakUntil: string | null
  /** When the change is taken back unless it was confirmed; null when nobody has to. */
  readonly confirmBy: string | null
  readonly watched: readonly Watched[]
}

/** How a route did before the change. */
export type Watched = {
  readonly id: string
  /** Share of 5xx among its answers. */
  readonly errorRate: number
  /** How long its answers took, at the most; null: nobody can tell. */
  readonly pace: {readonly p99Ms: number; readonly meanMs: number} | null
}

/** What was taken back, and may not be served until the quarantine is lifted. */
export type Quarantine = {
  readonly revision: string
  /** What was served instead. */
  readonly to: string
  readonly reason: 'RolledBack' | 'SoakFailed' | 'NotConfirmed'
  readonly message: string
  readonly at: string
  /** In full, newest first. */
  readonly commits: readonly string[]
  /** What stands for the content of route files, under whatever name it comes. */
  readonly contents: readonly string[]
}

export type DecisionFile = {
  /** Reads what an earlier run has left. Never throws: what cannot be read is said and holds no longer. */
  load(): Promise<void>
  now(): Decisions
  /** Resolves when the change is on the disk, and only then does it hold; throws what the file system throws. */
  decide(change: Partial<Decisions>): Promise<void>
  /** The change holds at once, and resolves with whether it could be written. For what must not wait for a full disk. */
  decideAnyway(change: Partial<Decisions>): Promise<boolean>
}

/** More than this and the oldest are forgotten; a rollback over more commits keeps the newest of them. */
export const QUARANTINE_BOUNDS = {entries: 100, commits: 10_000} as const

const VERSION = 1
const NONE: Decisions = {suspension: null, trial: null, quarantine: []}

export function createDecisionFile(state: string, log: Log, write: typeof writeAtomic = writeAtomic): DecisionFile {
  const path = join(state, 'decisions.json')
  let held = NONE

  const save = (next: Decisions) => write(path, `${JSON.stringify({version: VERSION, ...next})}\n`)
  const changed = (change: Partial<Decisions>): Decisions => {
    const next = {...held, ...change}
    return {...next, quarantine: bounded(next.quarantine)}
  }

  return {
    async load() {
      try {
        const text = await readTextIfExists(path)
        if (text !== null) held = readDecisions(text)
      } catch (error) {
        log.error('the decisions of an earlier run cannot be read and hold no longer', {
          file: path,
          why: messageOf(error),
        })
      }
    },
    now: () => held,
    async decide(change) {
      const next = changed(change)
      await save(next)
      held = next
    },
    async decideAnyway(change) {
      held = changed(change)
      try {
        await save(held)
        return true
      } catch (error) {
        log.error('a decision holds, but a restart will not know of it', {file: path, why: messageOf(error)})
        return false
      }
    },
  }
}

/** The quarantine that a set is in, by its commit or by its content; null when it may be served. */
export function quarantineOf({quarantine}: Decisions, commit: string | null, content: () => string): Quarantine | null {
  if (quarantine.length === 0) return null
  const byCommit = commit !== null && quarantine.findLast(({commits}) => commits.includes(commit))
  if (byCommit) return byCommit
  const known = content()
  return quarantine.findLast(({contents}) => contents.includes(known)) ?? null
}

// ---

function bounded(quarantine: readonly Quarantine[]): readonly Quarantine[] {
  let commits = 0
  return quarantine
    .slice(-QUARANTINE_BOUNDS.entries)
    .toReversed()
    .map(entry => {
      const kept = entry.commits.slice(0, Math.max(0, QUARANTINE_BOUNDS.commits - commits))
      commits += kept.length
      return kept.length === entry.commits.length ? entry : {...entry, commits: kept}
    })
    .toReversed()
}

// Written by this program, but perhaps by another version of it, or by nobody: a disk may return anything.
function readDecisions(text: string): Decisions {
  const value = recordOf(JSON.parse(text))
  if (value['version'] !== VERSION) throw new Error(`it is not of version ${VERSION}`)
  const {suspension, trial, quarantine} = value
  return {
    suspension: suspension === null ? null : readSuspension(recordOf(suspension)),
    trial: trial === null ? null : readTrial(recordOf(trial)),
    quarantine: listOf(quarantine).map(entry => readQuarantine(recordOf(entry))),
  }
}

function readSuspension({since, until, who, why}: Fields): Suspension {
  return {since: timeOf(since), until: optionalTime(until), who: textOf(who), why: textOf(why)}
}

function readTrial({revision, commits, contents, to, since, soakUntil, confirmBy, watched}: Fields): Trial {
  const before = recordOf(to)
  const {commit} = before
  return {
    revision: textOf(revision),
    commits: listOf(commits).map(textOf),
    contents: listOf(contents).map(textOf),
    to: {
      revision: textOf(before['revision']),
      commit: commit === null ? null : textOf(commit),
      content: textOf(before['content']),
    },
    since: timeOf(since),
    soakUntil: optionalTime(soakUntil),
    confirmBy: optionalTime(confirmBy),
    watched: listOf(watched).map(entry => {
      const {id, errorRate, pace = null} = recordOf(entry)
      return {id: textOf(id), errorRate: Number(errorRate), pace: pace === null ? null : readPace(recordOf(pace))}
    }),
  }
}

function readPace({p99Ms, meanMs}: Fields): Watched['pace'] {
  return {p99Ms: Number(p99Ms), meanMs: Number(meanMs)}
}

function readQuarantine({revision, to, reason, message, at, commits, contents}: Fields): Quarantine {
  if (reason !== 'RolledBack' && reason !== 'SoakFailed' && reason !== 'NotConfirmed') throw new Error('no such reason')
  return {
    revision: textOf(revision),
    to: textOf(to),
    reason,
    message: textOf(message),
    at: timeOf(at),
    commits: listOf(commits).map(textOf),
    contents: listOf(contents).map(textOf),
  }
}

type Fields = Readonly<Record<string, unknown>>

function recordOf(value: unknown): Fields {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) throw new Error('an entry is not an object')
  return {...value}
}

function listOf(value: unknown): readonly unknown[] {
  if (!Array.isArray(value)) throw new Error('a list is none')
  return value
}

function textOf(value: unknown): string {
  if (typeof value !== 'string') throw new Error('a text is none')
  return value
}

function timeOf(value: unknown): string {
  const text = textOf(value)
  if (Number.isNaN(Date.parse(text))) throw new Error('a time is none')
  return text
}

function optionalTime(value: unknown): string | null {
  return value === null ? null : timeOf(value)
}
