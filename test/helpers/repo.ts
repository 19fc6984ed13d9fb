// A real git repository, untouched by the configuration of whoever runs the tests.

import {execFile} from 'node:child_process'
import {mkdir} from 'node:fs/promises'
import {promisify} from 'node:util'

const run = promisify(execFile)

export type Repo = {
  readonly path: string
  /** Runs git there and returns what it prints, trimmed; rejects when git fails. */
  git(...args: string[]): Promise<string>
  /** Commits everything as it stands and returns the first 7 digits of the commit. */
  commit(message: string): Promise<string>
}

/** Creates an empty repository at `path`. */
export async function createRepo(path: string, ...initArgs: string[]): Promise<Repo> {
  await mkdir(path, {recursive: true})
  const repo = openRepo(path)
  await repo.git('init', '--quiet', '--initial-branch=main', ...initArgs)
  return prepared(repo)
}

export async function cloneRepo(from: Repo, path: string): Promise<Repo> {
  await from.git('clone', '--quiet', from.path, path)
  return prepared(openRepo(path))
}

/** The repository at `path`, which is there already: a work tree of another, for one. */
export function openRepo(path: string): Repo {
  const git = async (...args: string[]) =>
    (await run('git', args, {cwd: path, env: environment(), maxBuffer: 64 << 20})).stdout.trim()
  return {
    path,
    git,
    async commit(message) {
      await git('add', '--all')
      await git('commit', '--quiet', '--allow-empty', '--message', message)
      return (await git('rev-parse', 'HEAD')).slice(0, 7)
    },
  }
}

// ---

const IDENTITY = {
  GIT_AUTHOR_NAME: 'Ada Tester',
  GIT_AUTHOR_EMAIL: 'ada@example.com',
  GIT_COMMITTER_NAME: 'Ada Tester',
  GIT_COMMITTER_EMAIL: 'ada@example.com',
}

function environment(): NodeJS.ProcessEnv {
  const clean = Object.fromEntries(Object.entries(process.env).filter(([name]) => !name.startsWith('GIT_')))
  return {...clean, ...IDENTITY, GIT_CONFIG_GLOBAL: '/dev/null', GIT_CONFIG_NOSYSTEM: '1', GIT_TERMINAL_PROMPT: '0'}
}

// In the repository, for the program under test, which runs git with an environment of its own.
async function prepared(repo: Repo): Promise<Repo> {
  await repo.git('config', 'user.name', IDENTITY.GIT_AUTHOR_NAME)
  await repo.git('config', 'user.email', IDENTITY.GIT_AUTHOR_EMAIL)
  await repo.git('config', 'commit.gpgsign', 'false')
  return repo
}
