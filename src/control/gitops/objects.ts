// Trees and files as a commit has them, from git's objects: nothing is checked out, so no hook, filter, link or
// half-finished checkout has a say in what they are.

import {type Git, GitError} from './git.ts'
import {runGit} from './run-git.ts'

export type TreeEntry = {
  /** As git writes it: '100644', '120000' for a link, '160000' for a submodule. */
  readonly mode: string
  readonly id: string
  /** In bytes; 0 for what has none. */
  readonly size: number
  /** From the tree that was asked for, with '/'. */
  readonly path: string
}

/** What stands at `path` ('' for all) in the tree of a commit; null when there is nothing. Throws GitError. */
export async function findEntry(git: Git, sha: string, path: string): Promise<TreeEntry | null> {
  if (path === '') {
    const id = (await git('rev-parse', '--verify', '--end-of-options', `${sha}^{tree}`)).trim()
    return {mode: TREE, id, size: 0, path}
  }
  return parseTree(await git('ls-tree', '-z', '--long', '--full-tree', sha, '--', path))[0] ?? null
}

/** Everything below a tree, but the trees themselves. Throws GitError. */
export async function listTree(git: Git, tree: string): Promise<TreeEntry[]> {
  return parseTree(await git('ls-tree', '-r', '-z', '--long', '--full-tree', tree))
}

/** The contents of blobs, by id, in one process. The caller has seen to it that they fit into memory. Throws GitError. */
export async function readBlobs(folder: string, ids: readonly string[]): Promise<Map<string, Buffer>> {
  const blobs = new Map<string, Buffer>()
  if (ids.length === 0) return blobs
  const input = `${ids.join('\n')}\n`
  const signal = AbortSignal.timeout(READ_LIMIT_MS)
  const output = await runGit(folder, ['cat-file', '--batch'], {input, signal})
  let at = 0
  for (const id of ids) {
    const end = output.indexOf('\n', at)
    const size = / blob (\d+)$/.exec(output.toString('latin1', at, Math.max(at, end)))?.[1]
    if (size === undefined) throw new GitError('failed', `the object ${id} is missing or damaged`)
    at = end + 1 + Number(size)
    if (at >= output.length) throw new GitError('failed', 'git ended before it had written every object')
    blobs.set(id, output.subarray(end + 1, at))
    at++
  }
  return blobs
}

export const TREE = '040000'
export const LINK = '120000'
export const SUBMODULE = '160000'

// ---

// 256 MiB from a slow disk.
const READ_LIMIT_MS = 60_000

function parseTree(listing: string): TreeEntry[] {
  return listing.split('\0').flatMap(line => {
    const [, mode, id, size, path] = /^(\d+) \w+ ([0-9a-f]+) +(\d+|-)\t(.+)$/s.exec(line) ?? []
    return mode && id && size && path ? [{mode, id, size: size === '-' ? 0 : Number(size), path}] : []
  })
}
