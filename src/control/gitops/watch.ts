// Notices that routes.d or the commit below it may have changed. A hint and nothing more: events get lost when a folder is
// swapped or a link retargeted, and a watcher may go deaf or break. So it looks itself every 5 s (rarer among very many files),
// asks for a full re-read every minute, and sets up a new watcher when the old one failed or missed something.

import {realpath} from 'node:fs/promises'
import {join, relative, sep} from 'node:path'
import {type FSWatcher, watch as watchFiles} from 'chokidar'
import type {Clock} from '../../base/clock.ts'
import {messageOf} from '../../base/errors.ts'
import type {Log} from '../../base/log.ts'
import {fingerprint} from './fingerprint.ts'
import {findGitDir} from './git-dir.ts'
import {isRouteFile} from './revision.ts'

export type WatchReason = 'watch' | 'rescan'

export type Watch = {close(): Promise<void>}

export type WatchParts = {
  readonly root: string
  readonly clock: Clock
  readonly log: Log
  /** Called on every hint; must not throw. */
  readonly tick: (reason: WatchReason) => void
  /** Is told of each path that a hint is about, before `tick` is. */
  readonly hint?: (path: string) => void
  readonly rescanMs?: number
  /** What is watched instead of the files below `root` and the HEAD above it. */
  readonly instead?: {
    look(): Promise<string>
    beside(): Promise<readonly string[]>
  }
  /** Given by tests that have the watcher fail. */
  readonly open?: typeof watchFiles
}

const RESCAN_MS = 5_000
/** A look that takes longer, because of very many files, is had as much rarer: it may cost a hundredth of the time. */
const LOOK_MS = 50
const RESCANS_PER_REREAD = 12
/** A first scan may take longer in a big folder; nobody waits for it then. */
const READY_MS = 1_000
const BACKOFF_MS = 1_000
const BACKOFF_AT_MOST_MS = 60_000

/** Watches until closed; resolves when the first watcher is set up, or could not be. */
export async function createWatch({
  root,
  clock,
  log,
  tick,
  hint = () => {},
  rescanMs = RESCAN_MS,
  instead,
  open = watchFiles,
}: WatchParts): Promise<Watch> {
  const look = instead?.look ?? (() => fingerprint(root))
  let watcher: FSWatcher | null = null
  let seen = await look()
  let place = await placeOf(root)
  let hinted = false
  let failures = 0
  let rescans = 0
  let closed = false
  let cancelRescan = clock.after(rescanMs, rescan)
  let cancelArm = () => {}
  let working: Promise<unknown> = Promise.resolve()

  async function arm(): Promise<void> {
    const old = watcher
    watcher = null
    await old?.close()
    if (closed) return
    const beside = instead ? await instead.beside() : await besideOf(root)
    const fresh = open(instead ? [...beside] : [root, ...beside], {
      ignored: (path, stats) => !instead && !beside.includes(path) && isIrrelevant(root, path, stats),
      ignoreInitial: true,
      atomic: false,
    })
    watcher = fresh
    fresh.on('all', (_, path) => {
      hinted = true
      hint(path)
      tick('watch')
    })
    fresh.on('error', error => {
      if (watcher === fresh) armLater(error)
    })
    await new Promise<void>(resolve => {
      const cancel = clock.after(READY_MS, resolve)
      const done = () => {
        cancel()
        resolve()
      }
      fresh.once('ready', done)
      fresh.once('error', done)
    })
  }

  // Every error starts over; the wait doubles for as long as they follow each other.
  function armLater(error: unknown): void {
    const waitMs = Math.min(BACKOFF_MS * 2 ** failures, BACKOFF_AT_MOST_MS)
    failures = Math.min(failures + 1, 16)
    log.warn('the file watcher failed and is set up again', {why: messageOf(error), inMs: waitMs})
    cancelArm()
    cancelArm = clock.after(waitMs, () => work(arm))
  }

  function rescan(): void {
    work(async () => {
      const began = performance.now()
      try {
        await compare()
      } finally {
        const rarer = Math.max(1, (performance.now() - began) / LOOK_MS)
        if (!closed) cancelRescan = clock.after(rescanMs * rarer, rescan)
      }
    })
  }

  async function compare(): Promise<void> {
    const now = await look()
    const nowAt = await placeOf(root)
    const changed = now !== seen
    const deaf = nowAt !== place || (changed && !hinted)
    seen = now
    place = nowAt
    hinted = false
    if (closed) return
    // Also after a hint: it may have been about an earlier change than the one that was missed.
    if (changed || ++rescans % RESCANS_PER_REREAD === 0) tick('rescan')
    if (deaf) await arm()
    else failures = 0
  }

  // One at a time, so that two set-ups never leave a watcher that nobody closes.
  function work(job: () => Promise<void>): void {
    working = working.then(async () => {
      if (closed) return
      try {
        await job()
      } catch (error) {
        armLater(error)
      }
    })
  }

  work(arm)
  await working
  return {
    async close() {
      closed = true
      cancelRescan()
      cancelArm()
      await working
      await watcher?.close()
    },
  }
}

// ---

// The reflog is where a commit, a reset or a fast-forward shows that leaves the files as they are.
async function besideOf(root: string): Promise<string[]> {
  const dir = await findGitDir(root)
  return dir === null ? [] : [join(dir.own, 'HEAD'), join(dir.own, 'logs', 'HEAD')]
}

// Where links lead: a watcher that was set up at another place hears nothing of this one.
async function placeOf(root: string): Promise<string> {
  const real = await realpath(root).catch(() => 'missing')
  return `${real} ${(await findGitDir(root))?.own}`
}

function isIrrelevant(root: string, path: string, stats?: {isFile(): boolean}): boolean {
  const within = relative(root, path)
  if (within === '' || within.startsWith('..')) return false
  if (within.split(sep).some(part => part.startsWith('.'))) return true
  return stats?.isFile() === true && !isRouteFile(within)
}
