// Where the folder of the routes stands in a repository, and which commit of it is the one to serve.

import {stat} from 'node:fs/promises'
import {basename, join, relative, resolve, sep} from 'node:path'
import {readTextIfExists} from '../../base/files.ts'
import {findGitDir, nearestReal} from './git-dir.ts'

export type Place = {
  /** A folder that git can be run in: the top of the work tree, or the repository itself when it is bare. */
  readonly top: string
  /** HEAD and its like of this work tree. */
  readonly gitDir: string
  /** Refs of the repository. */
  readonly commonDir: string
  /** Folder of the routes in the tree of a commit, with '/'; '' for the whole tree. */
  readonly path: string
  readonly bare: boolean
}

/**
 * The place of `root`, which need not exist in the work tree. When `root` is itself a bare repository, the routes are in
 * `pathInBare`. null outside git.
 */
export async function findPlace(root: string, pathInBare: string): Promise<Place | null> {
  if (await isBare(root)) {
    const path = pathInTree(pathInBare)
    return {top: root, gitDir: root, commonDir: root, path, bare: true}
  }
  const dir = await findGitDir(root)
  if (dir === null) return null
  const {real, rest} = await nearestReal(root)
  const path = pathInTree(relative(dir.top, join(real, rest)))
  return {top: dir.top, gitDir: dir.own, commonDir: dir.common, path, bare: false}
}

/** A path as the tree of a commit knows it: './routes.d/' → 'routes.d', '.' → ''. */
export function pathInTree(path: string): string {
  return relative('/', resolve('/', path)).split(sep).join('/')
}

/**
 * What to serve of a work tree: HEAD, but while a rebase or a bisect carries it from commit to commit, the branch that it
 * was on, which moves when all is done.
 */
export async function servedRef(gitDir: string): Promise<string> {
  const say = async (name: string) => (await readTextIfExists(join(gitDir, name)))?.trim() ?? ''
  for (const rebase of ['rebase-merge', 'rebase-apply']) {
    const branch = await say(`${rebase}/head-name`)
    if (branch.startsWith('refs/')) return branch
    // 'detached HEAD': no branch, but a commit where it began.
    if (branch !== '') return (await say(`${rebase}/orig-head`)) || 'HEAD'
  }
  const bisected = await say('BISECT_START')
  if (bisected !== '') return /^[0-9a-f]{40,}$/.test(bisected) ? bisected : `refs/heads/${bisected}`
  return 'HEAD'
}

// ---

async function isBare(folder: string): Promise<boolean> {
  if (basename(folder) === '.git') return false
  const found = await Promise.all(['HEAD', 'objects', 'refs'].map(name => stat(join(folder, name)).catch(() => null)))
  return found.every(entry => entry !== null) && found[1]?.isDirectory() === true
}
