// Where a work tree keeps its state, and whether somebody is in the middle of changing it. Read from the file system and
// not asked of git, because it is looked at several times a second, and must work while git itself is at work. What it
// says decides when to read, never what is served.

import {readFile, realpath, stat} from 'node:fs/promises'
import {dirname, join, relative, resolve} from 'node:path'
import {readTextIfExists} from '../../base/files.ts'

export type GitDir = {
  /** Top folder of the work tree. */
  readonly top: string
  /** HEAD, index.lock and MERGE_HEAD of this work tree. */
  readonly own: string
  /** Refs of the repository; the same folder but for an added work tree. */
  readonly common: string
}

/** The git directory of the work tree that holds `folder`, which may be gone or a link; null outside git. */
export async function findGitDir(folder: string): Promise<GitDir | null> {
  for (let {real: place} = await nearestReal(folder); ; place = dirname(place)) {
    const own = await gitDirAt(join(place, '.git'))
    if (own !== null) return {top: place, own, common: await commonOf(own)}
    if (place === dirname(place)) return null
  }
}

/** What is under way in the work tree, in words, or null when it is at rest. */
export async function operationUnderWay(dir: Pick<GitDir, 'own'>): Promise<string | null> {
  for (const [name, what] of OPERATIONS) {
    if (await exists(join(dir.own, name))) return what
  }
  return null
}

/** Where a folder really is that may be gone: the nearest one above it that is there, and the rest of the way. */
export async function nearestReal(folder: string): Promise<{real: string; rest: string}> {
  for (let place = resolve(folder); ; place = dirname(place)) {
    try {
      return {real: await realpath(place), rest: relative(place, resolve(folder))}
    } catch (error) {
      if (place === dirname(place)) throw error
    }
  }
}

// ---

const OPERATIONS = [
  ['index.lock', 'git holds index.lock'],
  ['MERGE_HEAD', 'a merge is not concluded'],
  ['rebase-merge', 'a rebase is not concluded'],
  ['rebase-apply', 'a rebase is not concluded'],
  ['CHERRY_PICK_HEAD', 'a cherry-pick is not concluded'],
  ['REVERT_HEAD', 'a revert is not concluded'],
] as const

// `.git` is a folder with a HEAD, or the file 'gitdir: PATH' of an added work tree or a submodule.
async function gitDirAt(path: string): Promise<string | null> {
  if (await exists(join(path, 'HEAD'))) return path
  const isFile = await stat(path).then(
    found => found.isFile(),
    () => false,
  )
  if (!isFile) return null
  const target = /^gitdir: (.+?)\s*$/.exec(await readFile(path, 'utf8').catch(() => ''))?.[1]
  return target ? resolve(dirname(path), target) : null
}

async function commonOf(own: string): Promise<string> {
  const common = await readTextIfExists(join(own, 'commondir')).catch(() => null)
  return common ? resolve(own, common.trim()) : own
}

async function exists(path: string): Promise<boolean> {
  return stat(path).then(
    () => true,
    () => false,
  )
}
