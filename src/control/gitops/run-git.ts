// Runs git where simple-git does not do: with bytes in and out, and with everything that git has started, an ssh that hangs
// for one, ended together with it.

import {spawn} from 'node:child_process'
import {existsSync} from 'node:fs'
import {codeOf} from '../../base/errors.ts'
import {explainGit, GitError, type GitOptions, gitEnvironment, PINNED} from './git.ts'

export type RunOptions = Pick<GitOptions, 'config' | 'environment'> & {
  readonly input?: string
  /** Ends git, and what it has started. */
  readonly signal: AbortSignal
}

/** Runs `git ARGS…` in a folder and returns its standard output; throws GitError. */
export function runGit(folder: string, args: readonly string[], options: RunOptions): Promise<Buffer> {
  const {config = [], environment = {}, input = '', signal} = options
  const {promise, resolve, reject} = Promise.withResolvers<Buffer>()
  if (!existsSync(folder)) return Promise.reject(new GitError('no-folder', `no such folder: ${folder}`))
  if (signal.aborted) return Promise.reject(new GitError('failed', ENDED))
  const settings = [...PINNED, ...config].flatMap(setting => ['-c', setting])
  const env = {...gitEnvironment(), ...environment}
  // In a process group of its own, which can be ended as one.
  const child = spawn('git', [...settings, ...args], {cwd: folder, env, detached: true})
  const end = () => {
    if (child.pid !== undefined) killGroup(child.pid)
    reject(new GitError('failed', ENDED))
  }
  signal.addEventListener('abort', end, {once: true})
  const chunks: Buffer[] = []
  let said = ''
  child.stdout.on('data', (chunk: Buffer) => chunks.push(chunk))
  child.stderr.on('data', (chunk: Buffer) => {
    if (said.length < SAID_MAX) said += chunk.toString()
  })
  // A git that ends early is told by its exit code, not by the pipe that breaks.
  child.stdin.on('error', () => {})
  child.on('error', error => reject(explainGit(error.message, folder)))
  child.on('close', code => {
    if (code === 0) resolve(Buffer.concat(chunks))
    else reject(explainGit(said.trim() || `git ended with ${code === null ? 'a signal' : `exit code ${code}`}`, folder))
  })
  child.stdin.end(input)
  return promise.finally(() => signal.removeEventListener('abort', end))
}

// ---

const SAID_MAX = 10_000
const ENDED = 'it was ended'

function killGroup(pid: number): void {
  try {
    process.kill(-pid, 'SIGKILL')
  } catch (error) {
    if (codeOf(error) !== 'ESRCH') throw error // it has ended by itself
  }
}
