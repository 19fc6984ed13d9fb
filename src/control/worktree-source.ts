// routes.d as it stands on the disk: not while somebody is writing, and never a mix of before and after.

import type {Clock} from '../base/clock.ts'
import type {Log} from '../base/log.ts'
import {createKnownFiles, readRoutesFolder} from './config/files.ts'
import {findGitDir, operationUnderWay} from './gitops/git-dir.ts'
import {findPlace} from './gitops/place.ts'
import {contentHash, nameRevision} from './gitops/revision.ts'
import {createSettler} from './gitops/settle.ts'
import {readStable} from './gitops/stable.ts'
import {createWatch} from './gitops/watch.ts'
import type {ReadSet, Source} from './source.ts'

export type WorktreeParts = {
  readonly root: string
  readonly label: string
  readonly clock: Clock
  readonly log: Log
  readonly rescanMs?: number
  /** Given by tests that have the reading fail. */
  readonly readFolder?: typeof readRoutesFolder
}

// A merge that lies around must not keep a daemon from starting; the run after the start waits the usual time.
const BLOCKED_AT_START_MS = 2_000

export function createWorktreeSource(parts: WorktreeParts): Source {
  const {root, label, clock, log, rescanMs, readFolder = readRoutesFolder} = parts
  const settler = createSettler(clock, () => blockedAt(root))
  const known = createKnownFiles()

  async function readAll(): Promise<Omit<ReadSet, 'drift'>> {
    const {files, diagnostics, missing} = await readFolder(root, label, known)
    const {revision, problem, dirty, author: by, subject: about} = await nameRevision(root, files)
    const key = JSON.stringify([missing, contentHash(files), diagnostics.map(({file, message}) => [file, message])])
    const gitProblem = problem === null ? null : {reason: 'Refused', message: problem}
    // Signatures are those of commits, and nobody knows whether the files are those of one.
    const [author, subject] = dirty ? ['', ''] : [by ?? '', about ?? '']
    const common = {files, diagnostics, missing, revision, author, subject, gitProblem, key}
    return {...common, commit: null, verified: null, refusal: null}
  }

  return {
    label,
    root,
    noticed(trigger) {
      if (trigger === 'watch' || trigger === 'rescan') settler.touch()
    },
    settled: starting => settler.settled(starting ? BLOCKED_AT_START_MS : undefined),
    async read({starting, blocked}) {
      const read = await readStable(root, readAll)
      // What was read is a mix of two sets, so it is not looked at.
      if (read === null) return {kind: 'changing', message: `${label} kept changing while it was read`}
      // Git began while we read, and may have written some of the files already.
      if (!starting && blocked === null && (await blockedAt(root)) !== null) return {kind: 'again'}
      const drift = blocked === null ? null : {reason: 'GitBusy', message: `${blocked}; ${label} is read as it is`}
      return {kind: 'set', set: {...read, drift}}
    },
    repositoryAt: () => null,
    place: () => findPlace(root, ''),
    watch: tick => createWatch({root, clock, log, tick, ...(rescanMs === undefined ? {} : {rescanMs})}),
    stop: () => settler.stop(),
  }
}

// ---

async function blockedAt(root: string): Promise<string | null> {
  const dir = await findGitDir(root)
  return dir === null ? null : operationUnderWay(dir)
}
