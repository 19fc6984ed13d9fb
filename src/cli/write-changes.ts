// What `routes save` and `routes rm` do to the files: all of it and one commit, or nothing.

import {mkdir, stat, unlink} from 'node:fs/promises'
import {dirname, join} from 'node:path'
import {AppError, codeOf, messageOf} from '../base/errors.ts'
import {readTextIfExists, writeAtomic} from '../base/files.ts'
import {commitPaths} from '../control/gitops/commit.ts'
import {GitError} from '../control/gitops/git.ts'

/** `text` null deletes the file; `path` counts from routes.d. */
export type Change = {readonly path: string; readonly text: string | null}

export type Written = {
  /** The commit, or null. */
  readonly commit: string | null
  /** Why there is none, or null. */
  readonly note: string | null
}

/** Writes the changes below `root` and commits them with `message`, or only writes them when it is null. */
export async function writeChanges(root: string, changes: readonly Change[], message: string | null): Promise<Written> {
  const before: Change[] = []
  try {
    for (const {path, text} of changes) {
      before.push({path, text: await readTextIfExists(join(root, path))})
      await put(join(root, path), text)
    }
    if (message === null) return {commit: null, note: null}
    return await commit(root, changes, message)
  } catch (error) {
    for (const {path, text} of before.reverse()) await put(join(root, path), text)
    const hint = error instanceof GitError && error.hint ? error.hint : '--no-commit writes without a commit'
    throw new AppError(`nothing was changed: ${messageOf(error)}`, {hint, cause: error})
  }
}

// ---

async function put(path: string, text: string | null): Promise<void> {
  if (text === null) {
    await unlink(path).catch(error => {
      if (codeOf(error) !== 'ENOENT') throw error
    })
    return
  }
  const mode = await stat(path).then(
    found => found.mode & 0o777,
    () => 0o644,
  )
  await mkdir(dirname(path), {recursive: true})
  await writeAtomic(path, text, mode)
}

async function commit(root: string, changes: readonly Change[], message: string): Promise<Written> {
  try {
    const paths = changes.map(change => change.path)
    const done = await commitPaths(root, paths, message)
    return {commit: done?.sha7 ?? null, note: done ? null : 'there was nothing to commit: HEAD has it already'}
  } catch (error) {
    const isOutside = error instanceof GitError && (error.kind === 'no-repository' || error.kind === 'missing')
    if (!isOutside) throw error
    return {commit: null, note: `not committed: ${messageOf(error)}`}
  }
}
