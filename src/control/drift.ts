// How the routes of a work tree differ from those of a commit. To look at every file costs tens of milliseconds among
// thousands, and most commits change one. So every file is looked at when nobody can say what has changed, and between that
// only those that the watcher names; what it misses comes with its next rescan.

import {lstat, readFile, realpath} from 'node:fs/promises'
import {dirname, join, relative} from 'node:path'
import {codeOf} from '../base/errors.ts'
import type {SourceFile} from '../base/source-file.ts'
import type {Holding} from './conditions.ts'
import {createKnownFiles, decodeSource, nameOf, readRoutesFolder} from './config/files.ts'
import type {CommitTree} from './gitops/read-commit.ts'
import {changedPaths, isRouteFile} from './gitops/revision.ts'

export type Drift = {
  /** This file, absolute, may have changed. */
  hint(path: string): void
  /** Anything may have changed. */
  doubt(): void
  /** Looks at what may have changed. One at a time. */
  look(tree: CommitTree, revision: string): Promise<Holding | null>
}

/** Of the folder `root`, which people call `label`. */
export function createDrift(root: string, label: string): Drift {
  const known = createKnownFiles()
  let hints = new Set<string>()
  let isWhole = true
  let files = new Map<string, SourceFile>()

  function add(path: string): void {
    if (hints.size < HINTS_AT_MOST) hints.add(path)
    else isWhole = true
  }

  // Whether everything was looked at.
  async function read(): Promise<boolean> {
    const [named, all] = [hints, isWhole]
    hints = new Set()
    isWhole = false
    if (!all) for (const path of named) isWhole ||= !(await readOne(path))
    if (!all && !isWhole) return false
    isWhole = false
    const found = await readRoutesFolder(root, label, known)
    files = new Map(found.files.map(file => [file.path, file]))
    return true
  }

  // Whether that could be done: where a link leads, and whether it may, is for the look at everything.
  async function readOne(path: string): Promise<boolean> {
    const full = join(root, path)
    try {
      const folder = await realpath(dirname(full))
      if (folder !== join(await realpath(root), dirname(path)) || !(await lstat(full)).isFile()) return false
      const source = decodeSource(path, await readFile(full), nameOf(label, path))
      if ('sha256' in source) files.set(path, source)
      else files.delete(path)
    } catch (error) {
      if (codeOf(error) !== 'ENOENT') return false
      files.delete(path)
    }
    return true
  }

  return {
    hint(path) {
      const below = relative(root, path)
      if (!below.startsWith('..') && isRouteFile(below)) add(below)
    },
    doubt() {
      isWhole = true
    },
    async look(tree, revision) {
      const blobs = new Map(tree.files.map(({path, id}) => [path, id]))
      if (!(await read())) {
        // Nothing is said to differ on the word of a watcher, which may not have seen the last of it.
        for (const path of changedPaths(blobs, [...files.values()])) add(path)
        if (hints.size > 0) await read()
      }
      const changed = changedPaths(blobs, [...files.values()])
      if (changed.length === 0) return null
      const names = changed.slice(0, NAMED_MAX).join(', ') + (changed.length > NAMED_MAX ? ', …' : '')
      const message = `${label} on the disk is not that of ${revision}, which is served: ${names}`
      return {reason: 'DirtyWorkTree', message, revision}
    },
  }
}

// ---

/** More than that are looked at together with all others. */
const HINTS_AT_MOST = 100
const NAMED_MAX = 3
