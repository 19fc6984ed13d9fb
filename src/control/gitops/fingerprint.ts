// A cheap text that changes when routes.d or the commit below it may have changed: names, sizes, inodes and times instead
// of content. It decides whether to look closer, so it may err towards "changed"; the other way round (a write that keeps
// size and times) is caught by the full re-read that watch.ts asks for now and then.

import type {BigIntStats} from 'node:fs'
import {lstat, readdir, realpath, stat} from 'node:fs/promises'
import {join} from 'node:path'
import {readTextIfExists} from '../../base/files.ts'
import {findGitDir, type GitDir, operationUnderWay} from './git-dir.ts'
import {isRouteFile} from './revision.ts'

// A folder of a hundred thousand files must not become as many open requests to the file system.
const PARALLEL = 32
const DEPTH_MAX = 32

/** The fingerprint of `root` and of the work tree that it is in. Never throws: what cannot be read is part of it. */
export async function fingerprint(root: string): Promise<string> {
  const dir = await findGitDir(root)
  const [real, files, git] = await Promise.all([
    realpath(root).catch(reason),
    filesBelow(root),
    dir === null ? 'no git' : fingerprintHead(dir),
  ])
  return `${real}\n${git}\n${files}`
}

/**
 * A text that changes when HEAD of a work tree or a bare repository names another commit: in HEAD itself, in the file of the
 * branch, in packed-refs or in a reftable. Never throws.
 */
export async function fingerprintHead(dir: Omit<GitDir, 'top'>): Promise<string> {
  const head = (await textOf(join(dir.own, 'HEAD'))).trim()
  const branch = /^ref: (.+)$/.exec(head)?.[1]
  const [commit, packed, reftable, operation] = await Promise.all([
    branch ? textOf(join(dir.common, branch)) : '',
    timeOf(join(dir.common, 'packed-refs')),
    timeOf(join(dir.common, 'reftable', 'tables.list')),
    operationUnderWay(dir),
  ])
  return [dir.own, head, commit.trim(), packed, reftable, operation].join(' ')
}

// ---

async function filesBelow(root: string): Promise<string> {
  const paths: string[] = []
  const marks: string[] = []
  await walk(root, '', [], paths, marks)
  for (let start = 0; start < paths.length; start += PARALLEL) {
    marks.push(...(await Promise.all(paths.slice(start, start + PARALLEL).map(path => mark(root, path)))))
  }
  return marks.join('\n')
}

// Links to folders are followed, as the reader does. Neither a loop of links nor a bottomless folder is walked to its end.
async function walk(
  root: string,
  path: string,
  above: readonly string[],
  paths: string[],
  marks: string[],
): Promise<void> {
  const full = join(root, path)
  const real = await realpath(full).catch(reason)
  const entries = await readdir(full, {withFileTypes: true}).catch(reason)
  if (typeof entries === 'string') {
    marks.push(`${path} ${entries}`)
    return
  }
  if (above.includes(real) || above.length >= DEPTH_MAX) return
  for (const entry of entries.sort((a, b) => (a.name < b.name ? -1 : 1))) {
    if (entry.name.startsWith('.')) continue
    const below = path === '' ? entry.name : `${path}/${entry.name}`
    if (isRouteFile(below)) paths.push(below)
    if (entry.isSymbolicLink()) marks.push(await mark(root, below))
    if (entry.isDirectory() || (entry.isSymbolicLink() && (await isFolder(join(root, below))))) {
      await walk(root, below, [...above, real], paths, marks)
    }
  }
}

async function isFolder(path: string): Promise<boolean> {
  return stat(path).then(
    found => found.isDirectory(),
    () => false,
  )
}

// Both the link and what it points to: an atomic retarget changes only the first, an edit only the second.
async function mark(root: string, path: string): Promise<string> {
  const full = join(root, path)
  try {
    const own = await lstat(full, {bigint: true})
    const target = own.isSymbolicLink() ? await stat(full, {bigint: true}) : own
    return `${path} ${digits(own)} ${target === own ? '' : digits(target)}`
  } catch (error) {
    return `${path} ${reason(error)}`
  }
}

function digits({dev, ino, size, mtimeNs, ctimeNs}: BigIntStats): string {
  return `${dev}:${ino}:${size}:${mtimeNs}:${ctimeNs}`
}

async function textOf(path: string): Promise<string> {
  return (await readTextIfExists(path).catch(reason)) ?? ''
}

async function timeOf(path: string): Promise<string> {
  return stat(path, {bigint: true}).then(digits, () => '')
}

function reason(error: unknown): string {
  return error instanceof Error && 'code' in error ? String(error.code) : String(error)
}
