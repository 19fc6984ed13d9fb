// Runs git, by way of simple-git, for a program that must never be fooled by it: a non-zero exit is a failure even when
// git says nothing (simple-git alone takes that for success), nobody is asked for a password, no hook or fsmonitor of the
// repository runs, and reading takes no lock that a person's git would trip over.

import {existsSync} from 'node:fs'
import {simpleGit} from 'simple-git'
import {messageOf} from '../../base/errors.ts'

/** Why git gave no answer; 'failed' is everything that has no better name. */
export type GitFailure = 'missing' | 'no-folder' | 'no-repository' | 'dubious-ownership' | 'failed'

export class GitError extends Error {
  readonly kind: GitFailure
  /** What a person can do about it, or null. */
  readonly hint: string | null
  /** All that git said, of which the message is a line. */
  readonly said: string

  constructor(kind: GitFailure, message: string, hint: string | null = null, said = message) {
    super(message)
    this.said = said
    this.name = 'GitError'
    this.kind = kind
    this.hint = hint
  }
}

/** Runs `git ARGS…` in a folder and returns its standard output; throws GitError. */
export type Git = (...args: string[]) => Promise<string>

export type GitOptions = {
  /** How long git may say nothing before it is ended. */
  readonly timeoutMs?: number
  /** `-c NAME=VALUE` for every call; they win over what any file says. */
  readonly config?: readonly string[]
  /** Beside what git gets of our environment. */
  readonly environment?: Readonly<Record<string, string>>
}

/** Git in `folder`, which need not exist yet. A process that says nothing for 10 s is ended, unless said otherwise. */
export function openGit(folder: string, options: GitOptions = {}): Git {
  const {timeoutMs = 10_000, config = []} = options
  const environment = {...gitEnvironment(), ...options.environment}
  return async (...args) => {
    if (!existsSync(folder)) throw new GitError('no-folder', `no such folder: ${folder}`)
    try {
      return await simpleGit({
        baseDir: folder,
        config: [...PINNED, ...config],
        unsafe: OURS,
        allowEnvironment: Object.keys(environment),
        completion: {onClose: true, onExit: false},
        timeout: {block: timeoutMs},
        errors: (error, {exitCode, stdErr}) =>
          exitCode === 0
            ? error
            : new Error(Buffer.concat(stdErr).toString().trim() || `git ended with exit code ${exitCode}`),
      })
        .env(environment)
        .raw(args)
    } catch (error) {
      throw explainGit(messageOf(error), folder)
    }
  }
}

/** `-c` for every call of git: what a repository may have configured to run does not. */
export const PINNED = [
  ...['core.hooksPath=/dev/null', 'core.fsmonitor=false', 'core.quotePath=false'],
  // Bare ones are read only where the settings name them.
  'safe.bareRepository=all',
]

/** All that git gets of our environment; for a place that must run it by itself. */
export function gitEnvironment(): Record<string, string> {
  const passed: Record<string, string> = {}
  for (const name of PASSED) {
    const value = process.env[name]
    if (value !== undefined) passed[name] = value
  }
  return {...passed, ...SET}
}

/** What a failure means, from what git said about it. */
export function explainGit(said: string, folder: string): GitError {
  if (/spawn git ENOENT/.test(said)) return new GitError('missing', 'git is not installed or not on PATH')
  if (/dubious ownership/.test(said)) {
    return new GitError(
      'dubious-ownership',
      `git does not read the repository of ${folder}: it belongs to another user`,
      `git config --global --add safe.directory '${folder}' (as the user that runs routesd, with the top folder of the repository)`,
    )
  }
  if (/not a git repository|must be run in a work tree/i.test(said)) {
    return new GitError('no-repository', `${folder} is not in a git work tree`)
  }
  return new GitError('failed', firstLine(said), null, said.slice(0, SAID_MAX))
}

// ---

// simple-git guards programs that hand it what strangers wrote. These settings are ours, and tie git down.
const OURS = {
  allowUnsafeHooksPath: true,
  allowUnsafeFsMonitor: true,
  allowUnsafeConfigPaths: true,
  allowUnsafeCredentialHelper: true,
  allowUnsafeGpgProgram: true,
  allowUnsafeProtocolOverride: true,
  allowUnsafeSshCommand: true,
} as const

// LC_ALL because `explain` reads what git says.
const SET = {
  GIT_OPTIONAL_LOCKS: '0',
  GIT_TERMINAL_PROMPT: '0',
  GIT_LITERAL_PATHSPECS: '1',
  GIT_NO_REPLACE_OBJECTS: '1',
  LC_ALL: 'C',
}

// All that git may know of our environment. GIT_DIR and its like are left out on purpose: run from a hook, they would
// answer every question about another repository.
const PASSED = [
  ...['PATH', 'HOME', 'XDG_CONFIG_HOME', 'USER', 'LOGNAME', 'TMPDIR', 'SSH_AUTH_SOCK', 'GNUPGHOME', 'SUDO_UID'],
  ...['GIT_AUTHOR_NAME', 'GIT_AUTHOR_EMAIL', 'GIT_COMMITTER_NAME', 'GIT_COMMITTER_EMAIL'],
]

/** Progress of a long fetch is not worth keeping. */
const SAID_MAX = 10_000

function firstLine(text: string): string {
  return text.replace(/^((Error|fatal|error): )+/, '').split('\n', 1)[0] ?? ''
}
