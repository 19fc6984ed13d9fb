// A bare copy of one branch of a remote, with its whole history: a shallow one could not tell whether a commit descends from
// another. Nothing is ever checked out of it. A copy that is damaged is made anew beside the old one, which goes when the
// new one is whole.
//
//   STATE/mirror/              the repository
//   STATE/mirror/routesd-remote   the remote and branch that it is a copy of

import {mkdir, readdir, rename, rm, stat} from 'node:fs/promises'
import {join} from 'node:path'
import {messageOf} from '../../base/errors.ts'
import {readTextIfExists, writeAtomic} from '../../base/files.ts'
import type {GitRemote} from '../../base/git-remote.ts'
import {offerToken} from './credential.ts'
import {explainFetch, FetchError} from './fetch-failure.ts'
import {GitError, openGit} from './git.ts'
import {type RunOptions, runGit} from './run-git.ts'
import {prepareSsh, type SshSettings} from './ssh.ts'

export type MirrorSettings = {
  /** The state folder, absolute. */
  readonly state: string
  readonly remote: GitRemote
  readonly branch: string
  /** Of one fetch. */
  readonly timeoutMs: number
  /** Read for every fetch; null: the user's own keys, agent and known hosts. */
  readonly readSsh: (() => Promise<SshSettings>) | null
  readonly readToken: (() => Promise<string>) | null
}

export type Mirror = {
  readonly path: string
  /** The branch in the mirror. */
  readonly ref: string
  /** Whether there is a copy of this remote's branch, however old. */
  ready(): Promise<boolean>
  /** Brings the copy up to date, or makes it; throws FetchError. */
  fetch(signal: AbortSignal): Promise<void>
  /** Makes the copy anew, for a reader who found it damaged; throws FetchError, and then the old one stays. */
  rebuild(signal: AbortSignal): Promise<void>
}

/** The copy that a daemon has made, for whoever only reads it. Never throws. */
export async function findMirror(
  of: Pick<MirrorSettings, 'state' | 'remote' | 'branch'>,
): Promise<Pick<Mirror, 'path' | 'ref'> | {readonly problem: string}> {
  const {path, ref, mark} = placeOf(of)
  try {
    const found = await readTextIfExists(join(path, MARK))
    if (found === mark) return {path, ref}
    return {problem: found === null ? 'it has not been fetched yet' : 'what is there is of another remote or branch'}
  } catch (error) {
    return {problem: messageOf(error)}
  }
}

export function createMirror(settings: MirrorSettings): Mirror {
  const {state, remote, branch} = settings
  const {path, ref, mark} = placeOf(settings)

  async function ready(): Promise<boolean> {
    return (await readTextIfExists(join(path, MARK)).catch(() => null)) === mark
  }

  async function rebuild(signal: AbortSignal): Promise<void> {
    await removeLeftovers(state)
    const fresh = join(state, `${FRESH}${process.pid}`)
    try {
      await cloneInto(fresh, 'sha1', signal)
      await writeAtomic(join(fresh, MARK), mark)
      const old = join(state, `${OLD}${process.pid}`)
      if (await exists(path)) await rename(path, old)
      await rename(fresh, path)
    } catch (error) {
      throw error instanceof FetchError ? error : new FetchError('Failed', messageOf(error))
    } finally {
      await removeLeftovers(state)
    }
  }

  async function cloneInto(fresh: string, format: 'sha1' | 'sha256', signal: AbortSignal): Promise<void> {
    await rm(fresh, {recursive: true, force: true})
    await mkdir(fresh, {recursive: true, mode: 0o700})
    const init = ['init', '--bare', '--quiet', `--initial-branch=${branch}`, `--object-format=${format}`]
    try {
      await openGit(fresh, {environment: ISOLATED})(...init)
      await fetchInto(fresh, signal)
    } catch (error) {
      if (error instanceof GitError) throw explainFetch(error, branch)
      if (format === 'sha1' && error instanceof FetchError && /mismatched algorithms/.test(error.message))
        return cloneInto(fresh, 'sha256', signal)
      throw error
    }
  }

  async function fetchInto(folder: string, signal: AbortSignal): Promise<void> {
    const {options, close} = await prepare(settings)
    const limit = AbortSignal.any([signal, AbortSignal.timeout(settings.timeoutMs)])
    try {
      await runGit(folder, [...FETCH, remote.url, `+${ref}:${ref}`], {...options, signal: limit})
    } catch (error) {
      if (limit.aborted && !signal.aborted)
        throw new FetchError('TimedOut', `the fetch took longer than git.timeout, ${settings.timeoutMs / 1000} s`)
      throw error instanceof GitError ? explainFetch(error, branch) : error
    } finally {
      await close()
    }
  }

  return {
    path,
    ref,
    ready,
    async fetch(signal) {
      if (!(await ready())) return rebuild(signal)
      try {
        await fetchInto(path, signal)
      } catch (error) {
        // What has no other name may be a damaged copy, or a lock that a killed git has left in it.
        if (!(error instanceof FetchError) || error.reason !== 'Failed' || signal.aborted) throw error
        await rebuild(signal)
      }
      // A kill just after a mirror was swapped leaves a whole one. As below: the next fetch tries again.
      await removeLeftovers(state).catch(() => {})
      await repack(path, signal)
    },
    rebuild,
  }
}

// ---

function placeOf({state, remote, branch}: Pick<MirrorSettings, 'state' | 'remote' | 'branch'>): {
  path: string
  ref: string
  mark: string
} {
  return {path: join(state, 'mirror'), ref: `refs/heads/${branch}`, mark: `${remote.url}\n${branch}\n`}
}

const MARK = 'routesd-remote'
const FRESH = 'mirror.new-'
const OLD = 'mirror.old-'
const PACKS_MAX = 20
const REPACK_LIMIT_MS = 60_000
const PROTOCOL = {https: 'https', http: 'http', ssh: 'ssh', path: 'file'} as const

// No settings of the user or the machine: what is fetched, and how, is said here. A path belongs to somebody, and only
// those settings can say that git may read it (safe.directory).
const ISOLATED = {GIT_CONFIG_GLOBAL: '/dev/null', GIT_CONFIG_NOSYSTEM: '1'}
const PROXIES = ['https', 'http', 'all', 'no'].flatMap(kind => [`${kind}_proxy`, `${kind}_proxy`.toUpperCase()])
const AUTHORITIES = ['GIT_SSL_CAINFO', 'GIT_SSL_CAPATH', 'SSL_CERT_FILE', 'SSL_CERT_DIR']

const FETCH = [
  ...['fetch', '--quiet', '--no-tags', '--no-recurse-submodules'],
  ...['--no-auto-maintenance', '--no-write-fetch-head'],
]

async function prepare(
  settings: MirrorSettings,
): Promise<{options: Omit<RunOptions, 'signal'>; close(): Promise<void>}> {
  const {remote, timeoutMs, readSsh, readToken} = settings
  const seconds = Math.max(1, Math.ceil(timeoutMs / 1000))
  const config = [
    ...['gc.auto=0', 'maintenance.auto=false', 'fetch.unpackLimit=1', 'fetch.fsckObjects=true', 'credential.helper='],
    ...['protocol.allow=never', `protocol.${PROTOCOL[remote.kind]}.allow=always`],
    ...['http.lowSpeedLimit=1', `http.lowSpeedTime=${seconds}`],
  ]
  const environment = {...(remote.kind === 'path' ? {} : ISOLATED), ...passed([...PROXIES, ...AUTHORITIES])}
  try {
    if (remote.kind === 'ssh') {
      const ssh = await prepareSsh((await readSsh?.()) ?? {key: null, knownHosts: null}, timeoutMs)
      return {options: {config, environment: {...environment, ...ssh.environment}}, close: ssh.close}
    }
    if (readToken !== null && remote.kind !== 'path') {
      const credential = await offerToken(remote.url, await readToken())
      return {options: {config: [...config, ...credential.config], environment}, close: credential.close}
    }
  } catch (error) {
    throw new FetchError('CredentialMissing', `what git.ssh or git.token names cannot be read: ${messageOf(error)}`)
  }
  return {options: {config, environment}, close: async () => {}}
}

// Every fetch that brings something leaves a pack. What is not on the branch any more is kept: it may be what is served.
async function repack(path: string, signal: AbortSignal): Promise<void> {
  const packs = (await readdir(join(path, 'objects', 'pack'))).filter(name => name.endsWith('.pack'))
  if (packs.length <= PACKS_MAX) return
  const limit = AbortSignal.any([signal, AbortSignal.timeout(REPACK_LIMIT_MS)])
  // The mirror is as good as before when this fails, and the next fetch tries again.
  await runGit(path, ['repack', '-a', '-d', '-q', '--keep-unreachable'], {signal: limit}).catch(() => {})
}

function passed(names: readonly string[]): Record<string, string> {
  return Object.fromEntries(names.flatMap(name => (process.env[name] === undefined ? [] : [[name, process.env[name]]])))
}

// Of this process, and of one that was killed.
async function removeLeftovers(state: string): Promise<void> {
  for (const name of await readdir(state).catch(() => [])) {
    if (name.startsWith(FRESH) || name.startsWith(OLD)) await rm(join(state, name), {recursive: true, force: true})
  }
}

async function exists(path: string): Promise<boolean> {
  return stat(path).then(
    () => true,
    () => false,
  )
}
