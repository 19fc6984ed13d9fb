// Trees and files as a commit has them, from git's objects: nothing is checked out, so no hook, filter, link or
// half-finished checkout has a say in what they are.

import {spawn} from 'node:child_process'
import {type Git, GitError, gitEnvironment} from './git.ts'

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
  const output = await catFile(folder, ids)
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
const SAID_MAX = 1_000

function parseTree(listing: string): TreeEntry[] {
  return listing.split('\0').flatMap(line => {
    const [, mode, id, size, path] = /^(\d+) \w+ ([0-9a-f]+) +(\d+|-)\t(.+)$/s.exec(line) ?? []
    return mode && id && size && path ? [{mode, id, size: size === '-' ? 0 : Number(size), path}] : []
  })
}

// simple-git does not write to a process, and would take bytes for text.
function catFile(folder: string, ids: readonly string[]): Promise<Buffer> {
  const {promise, resolve, reject} = Promise.withResolvers<Buffer>()
  const child = spawn('git', ['cat-file', '--batch'], {cwd: folder, env: gitEnvironment(), timeout: READ_LIMIT_MS})
  const chunks: Buffer[] = []
  let said = ''
  child.stdout.on('data', (chunk: Buffer) => chunks.push(chunk))
  child.stderr.on('data', (chunk: Buffer) => {
    said = (said + chunk.toString()).slice(0, SAID_MAX)
  })
  // A git that ends early is told by its exit code, not by the pipe that breaks.
  child.stdin.on('error', () => {})
  child.on('error', error => reject(new GitError('missing', `git cannot be run: ${error.message}`)))
  child.on('close', code => {
    if (code === 0) resolve(Buffer.concat(chunks))
    else reject(new GitError('failed', said.trim() || `git ended with ${code ?? 'a signal'}`))
  })
  child.stdin.end(`${ids.join('\n')}\n`)
  return promise
}
