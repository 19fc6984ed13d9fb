// The name of what is served: the commit when the files are those of the commit, else what the files are.
//
//   4f3c2b1                   HEAD, and the *.yaml of routes.d are exactly those of HEAD
//   4f3c2b1+dirty.9a8b7c6d    HEAD, but they differ: edited, added or missing
//   files.9a8b7c6d            no repository, no git, or no commit yet
//
// Blob ids are computed from the bytes as read. `git status` would answer about the files as they are a moment later,
// and rewrites the index. Line ends: YAML reads CRLF and LF alike (YAML 1.2 §5.4), so a file that differs from its blob
// only by CRLF, as core.autocrlf checks it out, is the file of the commit.

import {createHash} from 'node:crypto'
import type {SourceFile} from '../../base/source-file.ts'
import {GitError, openGit} from './git.ts'
import {type Commit, readCommit, readTree} from './repository.ts'

export type Revision = {
  readonly revision: string
  /** HEAD, also when the files differ from it; null outside git. */
  readonly sha: string | null
  readonly dirty: boolean
  readonly author: string | null
  readonly subject: string | null
  readonly at: string | null
  /** Why git did not name a folder that may well be a repository, with what to do; null when all is well. */
  readonly problem: string | null
}

/** Names the files that were read from `root`. Never throws: what git cannot name is named by its content. */
export async function nameRevision(root: string, files: readonly SourceFile[]): Promise<Revision> {
  const content = contentHash(files).slice(0, 8)
  try {
    const git = openGit(root)
    const head = await readCommit(git)
    if (head === null) return unnamed(content, null)
    const dirty = changedPaths(await readTree(git, head.sha), files).length > 0
    return named(head, dirty, content)
  } catch (error) {
    if (!(error instanceof GitError)) throw error
    return unnamed(content, problemOf(error))
  }
}

/** Stands for the set: sha256 over the sorted paths and the sha256 of each, hex. A name carries the first 8 digits. */
export function contentHash(files: readonly SourceFile[]): string {
  let content = contentsKnown.get(files)
  if (content === undefined) {
    const hash = createHash('sha256')
    for (const {path, sha256} of files.toSorted(byPath)) hash.update(`${path}\0${sha256}\n`)
    content = hash.digest('hex')
    contentsKnown.set(files, content)
  }
  return content
}

/** The paths that are not the same in a tree (path → blob id) and among files as they were read; route files only. */
export function changedPaths(tree: ReadonlyMap<string, string>, files: readonly SourceFile[]): string[] {
  const read = new Set(files.map(({path}) => path))
  const gone = [...tree.keys()].filter(path => isRouteFile(path) && !read.has(path))
  return [...gone, ...files.filter(file => !isBlob(tree.get(file.path), file)).map(({path}) => path)].sort()
}

/** Whether a path below routes.d is read at all: *.yaml and *.yml, without dot-files and what lies in dot-folders. */
export function isRouteFile(path: string): boolean {
  return /\.ya?ml$/.test(path) && !path.split('/').some(part => part.startsWith('.'))
}

// ---

function named(head: Commit, dirty: boolean, content: string): Revision {
  const {sha, author, subject, at} = head
  const sha7 = sha.slice(0, 7)
  return {revision: dirty ? `${sha7}+dirty.${content}` : sha7, sha, dirty, author, subject, at, problem: null}
}

function unnamed(content: string, problem: string | null): Revision {
  return {revision: `files.${content}`, sha: null, dirty: false, author: null, subject: null, at: null, problem}
}

function problemOf({kind, message, hint}: GitError): string | null {
  if (kind === 'missing' || kind === 'no-repository' || kind === 'no-folder') return null
  return hint ? `${message}; ${hint}` : message
}

/** Of sets that are asked about more than once. */
const contentsKnown = new WeakMap<readonly SourceFile[], string>()

/** Of files that are still the same objects: the blobs that they are. */
const blobsKnown = new WeakMap<SourceFile, string>()

function isBlob(id: string | undefined, file: SourceFile): boolean {
  if (id === undefined) return false
  if (blobsKnown.get(file) === id) return true
  const isSame = hasBlobId(file, id)
  if (isSame) blobsKnown.set(file, id)
  return isSame
}

function hasBlobId(file: SourceFile, id: string): boolean {
  const format = id.length === 64 ? 'sha256' : 'sha1'
  const bytes = bytesOf(file)
  if (bytes === null) return false
  if (blobId(bytes, format) === id) return true
  return file.text.includes('\r\n') && blobId(Buffer.from(bytes.toString().replaceAll('\r\n', '\n')), format) === id
}

// The text may have lost its byte order mark; what was not UTF-8 cannot be brought back, and is not valid anyway.
function bytesOf({text, sha256}: SourceFile): Buffer | null {
  for (const bytes of [Buffer.from(text), Buffer.from(`\ufeff${text}`)]) {
    if (createHash('sha256').update(bytes).digest('hex') === sha256) return bytes
  }
  return null
}

function blobId(bytes: Buffer, format: string): string {
  return createHash(format).update(`blob ${bytes.length}\0`).update(bytes).digest('hex')
}

function byPath(a: SourceFile, b: SourceFile): number {
  return a.path < b.path ? -1 : a.path > b.path ? 1 : 0
}
