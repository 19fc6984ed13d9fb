// Commits of a branch of a remote, in a mirror that is fetched now and then, and when somebody says that there is news.
// When the remote is gone the mirror is what there is, and it says so.

import {join} from 'node:path'
import type {Clock} from '../base/clock.ts'
import {withoutCredentials} from '../base/git-remote.ts'
import type {Log} from '../base/log.ts'
import type {Holding} from './conditions.ts'
import type {GitSettings} from './config/git-settings.ts'
import {FetchError} from './gitops/fetch-failure.ts'
import {createMirror, type MirrorSettings} from './gitops/mirror.ts'
import {pathInTree} from './gitops/place.ts'
import type {Origin} from './origin.ts'
import type {Trigger} from './source.ts'

export type RemoteParts = MirrorSettings &
  Pick<GitSettings, 'path' | 'everyMs'> & {
    readonly clock: Clock
    readonly log: Log
    /** Is told of every fetch that came to an end. */
    readonly onFetch?: (isDone: boolean) => void
    /** From 0 to 1; for the times of fetches. */
    readonly random?: () => number
  }

/** Instances that were started together must not fetch together. */
const JITTER = 0.1
const BACKOFF_AT_MOST_MS = 15 * 60_000

export function createRemoteOrigin(parts: RemoteParts): Origin {
  const {remote, branch, path, everyMs, clock, log, random = Math.random, onFetch = () => {}} = parts
  const mirror = createMirror(parts)
  const name = `${withoutCredentials(remote.url)} ${branch}`
  const abort = new AbortController()
  let wanted = true
  let failures = 0
  let failure: Holding | null = null
  let tick: (trigger: Trigger) => void = () => {}
  let cancelNext = () => {}

  async function fetchNow(): Promise<void> {
    wanted = false
    const failedBefore = failure
    try {
      await mirror.fetch(abort.signal)
      failures = 0
      failure = null
      onFetch(true)
      if (failedBefore !== null) log.info('the remote can be fetched again', {remote: name})
    } catch (error) {
      if (abort.signal.aborted) return
      if (!(error instanceof FetchError)) throw error
      onFetch(false)
      failures = Math.min(failures + 1, FAILURES_COUNTED)
      failure = {reason: error.reason, message: `${name} cannot be fetched: ${error.message}`}
      if (failedBefore?.reason !== error.reason)
        log.warn('a fetch failed', {remote: name, reason: error.reason, why: error.message})
    } finally {
      plan(nextMs())
    }
  }

  function nextMs(): number {
    const backedOff =
      failures === 0 ? everyMs : Math.min(everyMs * 2 ** failures, Math.max(everyMs, BACKOFF_AT_MOST_MS))
    return backedOff * (1 + JITTER * (2 * random() - 1))
  }

  function plan(ms: number): void {
    cancelNext()
    if (!abort.signal.aborted) cancelNext = clock.after(ms, () => tick('git'))
  }

  return {
    label: path,
    root: join(mirror.path, pathInTree(path)),
    top: () => mirror.path,
    noticed(trigger) {
      wanted ||= ASKS_FOR_A_FETCH.has(trigger)
    },
    settled: async () => null,
    async refresh(starting) {
      const ready = await mirror.ready()
      // A start does not wait for a remote when there is something to serve; the fetch follows at once.
      if (ready && starting) plan(0)
      else if (wanted) await fetchNow()
      return (await mirror.ready()) ? null : (failure ?? NOT_FETCHED)
    },
    locate: async () => ({top: mirror.path, path: pathInTree(path), ref: mirror.ref, name}),
    async repair(error) {
      if (error.kind === 'missing' || abort.signal.aborted) return false
      log.warn('the mirror is damaged and is made anew', {remote: name, why: error.message})
      try {
        await mirror.rebuild(abort.signal)
        return true
      } catch (again) {
        if (!(again instanceof FetchError)) throw again
        failure = {reason: again.reason, message: `${name} cannot be fetched: ${again.message}`}
        return false
      }
    },
    problem: () => failure,
    drift: async () => null,
    async watch(listener) {
      tick = listener
      return {
        async close() {
          cancelNext()
          abort.abort()
        },
      }
    },
    stop() {
      cancelNext()
      abort.abort()
    },
  }
}

// ---

const NOT_FETCHED: Holding = {reason: 'NotFetched', message: 'the remote has not been fetched yet'}
/** 2 ** 16 times the shortest interval is beyond every cap. */
const FAILURES_COUNTED = 16
const ASKS_FOR_A_FETCH: ReadonlySet<Trigger> = new Set<Trigger>(['start', 'admin', 'signal', 'git', 'webhook'])
