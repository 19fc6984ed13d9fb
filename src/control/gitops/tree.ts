// Files as a commit has them, read from git's objects: nothing is checked out, and what lies in the work tree does not
// matter. Links and submodules lead to what the commit does not hold, so they are named and not followed.

import {stat} from 'node:fs/promises'
import {dirname, join, relative, resolve} from 'node:path'
import {GitError, openGit} from './git.ts'
import {findEntry, LINK, listTree, readBlobs, SUBMODULE, TREE, type TreeEntry} from './objects.ts'
import {readCommit} from './repository.ts'
import {isRouteFile} from './revision.ts'

export type TreeRead = {
  readonly sha: string
  /** By path, below the folder that was asked for; '' when that is itself a file. */
  readonly files: readonly {readonly path: string; readonly bytes: Buffer}[]
  /** What stands there and cannot be read, and why. */
  readonly unreadable: readonly {readonly path: string; readonly why: string}[]
  /** The commit has nothing at that place. */
  readonly missing: boolean
}

const FILE_BYTES_MAX = 16 * 2 ** 20
const TOTAL_BYTES_MAX = 256 * 2 ** 20

/**
 * Every *.yaml and *.yml that `revision` has below `place`, which is absolute and need not exist in the work tree, or the
 * one file of that name. null when there is no such commit; throws GitError when git cannot say.
 */
export async function readFilesAt(place: string, revision: string): Promise<TreeRead | null> {
  const {folder, rest} = await nearestFolder(place)
  const git = openGit(folder)
  const commit = await readCommit(git, revision)
  if (commit === null) return null
  const root = join((await git('rev-parse', '--show-prefix')).replace(/\n$/, ''), rest).replace(/^\.$|\/+$/g, '')
  const entry = await findEntry(git, commit.sha, root)
  const entries = entry === null ? [] : entry.mode === TREE ? await listTree(git, entry.id) : [{...entry, path: ''}]
  const {wanted, unreadable} = select(entries)
  const blobs = await readBlobs(folder, [...new Set(wanted.map(({id}) => id))])
  const files = wanted.map(({path, id}) => ({path, bytes: blobs.get(id) ?? Buffer.alloc(0)}))
  return {sha: commit.sha, files, unreadable, missing: entry === null}
}

/** The commit at which `b` left `a`, in the repository of `place`; null when they have none in common. */
export async function readForkPoint(place: string, a: string, b: string): Promise<string | null> {
  const {folder} = await nearestFolder(place)
  try {
    return (await openGit(folder)('merge-base', '--', a, b)).trim()
  } catch (error) {
    // `git merge-base` says nothing then.
    if (error instanceof GitError && error.message === 'git ended with exit code 1') return null
    throw error
  }
}

/** The nearest folder of `place` that is there, for git to run in, and the path of `place` from it. */
export async function nearestFolder(place: string): Promise<{folder: string; rest: string}> {
  let folder = resolve(place)
  while (folder !== dirname(folder) && !(await isFolder(folder))) folder = dirname(folder)
  return {folder, rest: relative(folder, resolve(place))}
}

// ---

async function isFolder(path: string): Promise<boolean> {
  return stat(path).then(
    found => found.isDirectory(),
    () => false,
  )
}

function select(entries: readonly TreeEntry[]): {wanted: TreeEntry[]; unreadable: {path: string; why: string}[]} {
  const wanted: TreeEntry[] = []
  const unreadable: {path: string; why: string}[] = []
  let total = 0
  for (const entry of entries) {
    const {mode, path, size} = entry
    if (path !== '' && path.split('/').some(part => part.startsWith('.'))) continue
    // A link may stand for a folder of routes, whatever its name.
    if (mode === LINK || mode === SUBMODULE) {
      unreadable.push({path, why: mode === LINK ? 'is a link, which a commit cannot follow' : 'is a submodule'})
      continue
    }
    if (path !== '' && !isRouteFile(path)) continue
    total += size
    if (size <= FILE_BYTES_MAX && total <= TOTAL_BYTES_MAX) wanted.push(entry)
    else unreadable.push({path, why: 'is too large, or more than 256 MiB stand before it'})
  }
  return {wanted, unreadable}
}
