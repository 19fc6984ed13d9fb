// The route files of a commit, as bytes. What lies beside them does not matter; what could be read only by leaving the
// commit is refused by name.

import {SOURCE_BOUNDS} from '../../base/source-file.ts'
import type {Git} from './git.ts'
import {findEntry, LINK, listTree, readBlobs, SUBMODULE, TREE, type TreeEntry} from './objects.ts'
import {isRouteFile} from './revision.ts'

export type CommitTree = {
  /** The same for the same files. */
  readonly id: string
  /** By path, from the folder of the routes. */
  readonly files: readonly {readonly path: string; readonly id: string}[]
  readonly problems: readonly TreeProblem[]
}

/** Why a commit cannot be served; `path` is '' for the folder itself. */
export type TreeProblem = {
  readonly rule: string
  readonly path: string
  readonly message: string
  readonly hint: string | null
}

/** What a commit has in `folder` ('' for all of it); null when it has no such folder. Throws GitError. */
export async function readCommitTree(git: Git, sha: string, folder: string): Promise<CommitTree | null> {
  const entry = await findEntry(git, sha, folder)
  if (entry === null) return null
  if (entry.mode !== TREE) return {id: entry.id, files: [], problems: [problemOf(entry, '') ?? notFolder]}
  const found = (await listTree(git, entry.id)).filter(({path}) => !isHidden(path)).sort(byPath)
  const problems: TreeProblem[] = []
  const files: TreeEntry[] = []
  let total = 0
  for (const one of found) {
    const problem = problemOf(one, one.path)
    if (problem !== null) problems.push(problem)
    if (problem !== null || !isRouteFile(one.path)) continue
    total += one.size
    files.push(one)
  }
  if (files.length > SOURCE_BOUNDS.entries) problems.push(tooMany)
  if (total > SOURCE_BOUNDS.totalBytes) problems.push(tooMuch)
  return {id: entry.id, files, problems}
}

/** One file of a commit, such as a certificate; null when there is none. Throws Error with the reason, and GitError. */
export async function readCommitFile(git: Git, top: string, sha: string, path: string): Promise<Buffer | null> {
  const entry = await findEntry(git, sha, path)
  if (entry === null) return null
  const problem = problemOf(entry, path)
  if (problem !== null || entry.mode === TREE) throw new Error(`${path} ${problem?.message ?? 'is a folder'}`)
  if (entry.size > REFERRED_BYTES_MAX) throw new Error(`${path} is larger than 1 MiB`)
  return (await readBlobs(top, [entry.id])).get(entry.id) ?? null
}

// ---

/** As for a file on disk that routes.d refers to. */
const REFERRED_BYTES_MAX = 1 << 20

const notFolder: TreeProblem = {rule: 'unreadable', path: '', message: 'is a file and not a folder', hint: null}
const tooMany: TreeProblem = {
  rule: 'too-many-files',
  path: '',
  message: `more than ${SOURCE_BOUNDS.entries} files and folders`,
  hint: null,
}
const tooMuch: TreeProblem = {
  rule: 'too-much-text',
  path: '',
  message: `the files hold more than ${SOURCE_BOUNDS.totalBytes / 2 ** 20} MiB together`,
  hint: null,
}

function problemOf({mode, size}: TreeEntry, path: string): TreeProblem | null {
  if (mode === LINK) {
    const hint = 'Commit a copy of what it points to: a commit must hold all that it serves.'
    return {rule: 'link-in-commit', path, message: 'is a symbolic link, which is not followed in a commit', hint}
  }
  if (mode === SUBMODULE) {
    const hint = 'Commit its files: a commit must hold all that it serves.'
    return {rule: 'submodule-in-commit', path, message: 'is a submodule, which is not fetched', hint}
  }
  if (isRouteFile(path) && size > SOURCE_BOUNDS.fileBytes) {
    const message = `has ${size} bytes; at most ${SOURCE_BOUNDS.fileBytes / 2 ** 20} MiB are read`
    return {rule: 'file-too-large', path, message, hint: 'Split it into several files.'}
  }
  return null
}

function isHidden(path: string): boolean {
  return path.split('/').some(part => part.startsWith('.'))
}

// By code units, as the reader of folders sorts.
function byPath(a: TreeEntry, b: TreeEntry): number {
  return a.path < b.path ? -1 : a.path > b.path ? 1 : 0
}
