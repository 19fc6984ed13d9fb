// The files of a commit, for --at and diff: what the readers of folders would make of them, bounds and all.

import {resolve} from 'node:path'
import {AppError} from '../base/errors.ts'
import type {SourceFile} from '../base/source-file.ts'
import type {Diagnostic} from '../control/config/diagnostic.ts'
import {decodeSource, nameOf} from '../control/config/files.ts'
import {wholeFile} from '../control/config/locate.ts'
import {GitError} from '../control/gitops/git.ts'
import {readFilesAt, type TreeRead} from '../control/gitops/tree.ts'

export type CommitFiles = {
  readonly sha: string
  readonly files: readonly SourceFile[]
  readonly diagnostics: readonly Diagnostic[]
  /** The commit has nothing at that place. */
  readonly missing: boolean
}

/** What the commit `name` has at `place`, called `label`; throws an AppError when there is no such commit, or no git. */
export async function readCommitFiles(place: string, label: string, name: string): Promise<CommitFiles> {
  const tree = await read(place, name)
  const files: SourceFile[] = []
  const diagnostics = tree.unreadable.map(({path, why}) => wholeFile('unreadable', nameOf(label, path), why, null))
  for (const {path, bytes} of tree.files) {
    const source = decodeSource(path, bytes, nameOf(label, path))
    if ('sha256' in source) files.push(source)
    else diagnostics.push(source)
  }
  return {sha: tree.sha, files: files.sort(byPath), diagnostics, missing: tree.missing}
}

/** Files and folders of a commit as a person names them: paths are kept as given. */
export async function readPathsAt(
  paths: readonly string[],
  name: string,
): Promise<Omit<CommitFiles, 'missing'> & {readonly missing: readonly string[]}> {
  const files: SourceFile[] = []
  const diagnostics: Diagnostic[] = []
  const missing: string[] = []
  let sha = ''
  for (const path of paths) {
    const label = path.replace(/\/+$/, '')
    const read = await readCommitFiles(resolve(path), label, name)
    if (read.missing) missing.push(path)
    sha = read.sha
    files.push(...read.files.map(file => ({...file, path: nameOf(label, file.path)})))
    diagnostics.push(...read.diagnostics)
  }
  return {sha, files, diagnostics, missing}
}

// ---

async function read(place: string, name: string): Promise<TreeRead> {
  try {
    const tree = await readFilesAt(place, name)
    if (tree !== null) return tree
  } catch (error) {
    if (!(error instanceof GitError)) throw error
    throw new AppError(`cannot read ${name}: ${error.message}`, error.hint === null ? {} : {hint: error.hint})
  }
  throw new AppError(`there is no commit ${name}`)
}

function byPath(a: SourceFile, b: SourceFile): number {
  return a.path < b.path ? -1 : a.path > b.path ? 1 : 0
}
