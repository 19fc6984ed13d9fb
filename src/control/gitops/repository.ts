// What routesd asks a repository about the folder it serves.

import {type Git, GitError} from './git.ts'

export type Repository = {
  /** Top folder of the work tree. */
  readonly top: string
  /** Of this work tree: HEAD, index.lock and MERGE_HEAD are here, also where `.git` is a file. */
  readonly gitDir: string
  /** Of the repository: refs and objects are here. */
  readonly commonDir: string
  readonly objectFormat: 'sha1' | 'sha256'
}

export type Commit = {
  readonly sha: string
  readonly author: string
  readonly subject: string
  /** RFC 3339, when it was committed. */
  readonly at: string
}

/** The repository that git's folder belongs to; throws GitError when there is none. */
export async function readRepository(git: Git): Promise<Repository> {
  const [top, gitDir, commonDir, format] = lines(
    await git(
      'rev-parse',
      '--path-format=absolute',
      '--show-toplevel',
      '--absolute-git-dir',
      '--git-common-dir',
      '--show-object-format',
    ),
  )
  if (!top || !gitDir || !commonDir) throw new GitError('no-repository', 'git names no work tree')
  return {top, gitDir, commonDir, objectFormat: format === 'sha256' ? 'sha256' : 'sha1'}
}

/** A commit, or null when there is none of that name, such as HEAD before the first commit. */
export async function readCommit(git: Git, name = 'HEAD'): Promise<Commit | null> {
  const sha = await resolveCommit(git, name)
  if (sha === null) return null
  const text = await git('log', '-1', '--no-show-signature', '--no-color', '--format=%an%x00%cI%x00%s', sha)
  const [author = '', at = '', subject = ''] = text.trimEnd().split('\0')
  return {sha, author, subject, at}
}

/** Path → object id of every regular file that a commit has below git's folder, named from there. */
export async function readTree(git: Git, sha: string): Promise<Map<string, string>> {
  const files = new Map<string, string>()
  for (const entry of (await git('ls-tree', '-r', '-z', sha)).split('\0')) {
    const match = /^100\d{3} blob ([0-9a-f]+)\t(.+)$/s.exec(entry)
    if (match?.[1] && match[2]) files.set(match[2], match[1])
  }
  return files
}

/** Who put line `line` of `path` (from git's folder), as it is on disk or in a commit, there; null when nobody committed it. */
export async function readLineCommit(
  git: Git,
  path: string,
  line: number,
  at: string | null = null,
): Promise<{sha7: string; author: string; subject: string} | null> {
  const text = await git(
    'blame',
    '-L',
    `${line},${line}`,
    '--porcelain',
    ...(at === null ? [] : [at]),
    '--',
    path,
  ).catch(uncommitted)
  const sha = /^[0-9a-f]+/.exec(text)?.[0] ?? ''
  if (/^0*$/.test(sha)) return null
  const field = (name: string) => new RegExp(`^${name} (.*)$`, 'm').exec(text)?.[1] ?? ''
  return {sha7: sha.slice(0, 7), author: field('author'), subject: field('summary')}
}

// ---

// Of a file that no commit has, and before the first commit, there is nothing to blame.
function uncommitted(error: unknown): string {
  if (error instanceof GitError && /no such path|no such ref/.test(error.message)) return ''
  throw error
}

async function resolveCommit(git: Git, name: string): Promise<string | null> {
  try {
    return (await git('rev-parse', '--verify', '--end-of-options', `${name}^{commit}`)).trim()
  } catch (error) {
    if (error instanceof GitError && error.kind === 'failed' && /Needed a single revision/.test(error.message))
      return null
    throw error
  }
}

function lines(text: string): string[] {
  return text.trimEnd().split('\n')
}
