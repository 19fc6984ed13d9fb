// The files of any revision that git knows, for whoever goes back to it.

import type {SourceFile} from '../base/source-file.ts'
import type {Diagnostic} from './config/diagnostic.ts'
import {decodeSource, nameOf} from './config/files.ts'
import {wholeFile} from './config/locate.ts'
import {GitError, openGit} from './gitops/git.ts'
import {readBlobs} from './gitops/objects.ts'
import {readCommitTree} from './gitops/read-commit.ts'
import {type Commit, readCommit} from './gitops/repository.ts'

/** Where the routes are in a repository. */
export type RoutesPlace = {
  /** A folder that git can be run in. */
  readonly top: string
  /** Folder of the routes in the tree of a commit; '' for all of it. */
  readonly path: string
}

export type NamedFiles = {
  readonly commit: Commit
  readonly files: readonly SourceFile[]
  readonly diagnostics: readonly Diagnostic[]
}

/** The route files of the commit that `name` names; null when there is no such commit. Throws GitError. */
export async function readRevision(place: RoutesPlace, label: string, name: string): Promise<NamedFiles | null> {
  const git = openGit(place.top)
  const commit = await readCommit(git, name)
  if (commit === null) return null
  const tree = await readCommitTree(git, commit.sha, place.path)
  if (tree === null) throw new GitError('failed', `${commit.sha.slice(0, 7)} has no ${label}`)
  const diagnostics = tree.problems.map(({rule, path, message, hint}) =>
    wholeFile(rule, nameOf(label, path), message, hint),
  )
  if (diagnostics.length > 0) return {commit, files: [], diagnostics}
  const blobs = await readBlobs(place.top, [...new Set(tree.files.map(({id}) => id))])
  const files: SourceFile[] = []
  for (const {path, id} of tree.files) {
    const read = decodeSource(path, blobs.get(id) ?? Buffer.alloc(0), nameOf(label, path))
    if ('sha256' in read) files.push(read)
    else diagnostics.push(read)
  }
  return {commit, files, diagnostics}
}
