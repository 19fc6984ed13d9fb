// routes save: a file or a folder, valid together with what is there already, goes into routes.d and into a commit.

import {dirname, isAbsolute, relative, resolve, sep} from 'node:path'
import {AppError, EXIT, type ExitCode} from '../base/errors.ts'
import type {SourceFile} from '../base/source-file.ts'
import {readPaths} from '../control/config/files.ts'
import {isRouteFile} from '../control/gitops/revision.ts'
import {checkFiles, invalid, type RoutesFolder, readRoutesOnDisk} from './offline.ts'
import type {Call} from './verb.ts'
import {writeChanges} from './write-changes.ts'

export async function routesSave(call: Call): Promise<ExitCode> {
  const {terminal} = call
  const path = call.operands[0] ?? ''
  const folder = await readRoutesOnDisk(call)
  const given = await readGiven(call, path, folder)
  if (given.length === 0) throw new AppError(`no files matched: ${path} holds no *.yaml or *.yml`)
  const replaced = new Set(given.map(file => file.path))
  const kept = folder.files.filter(file => !replaced.has(file.path))
  checkFiles(call, folder, [...kept, ...given].toSorted(byPath))

  const names = given.map(file => file.path)
  const message = call.isOn('no-commit') ? null : (call.values('message').at(-1) ?? `routes: save ${names.join(', ')}`)
  const {commit, note} = await writeChanges(folder.root, given, message)
  if (note) terminal.err(note)
  const files = names.map(name => `${folder.label}/${name}`)
  terminal.out(
    call.format === 'json'
      ? JSON.stringify({files, commit}, null, 2)
      : files.map(file => `saved ${file}${commit ? `, commit ${commit}` : ''}`).join('\n'),
  )
  return EXIT.ok
}

// ---

// A file takes its own name in routes.d, a folder the layout that it has; what lies in routes.d already stays where it is.
async function readGiven(call: Call, path: string, {root}: RoutesFolder): Promise<SourceFile[]> {
  const {files, diagnostics, missing} = await readPaths([path])
  if (missing.length > 0) throw new AppError(`no such file or folder: ${path}`)
  if (diagnostics.length > 0) throw invalid(call, diagnostics, path)
  const full = resolve(call.terminal.cwd, path)
  const isFile = files.length === 1 && files[0]?.path === path
  const base = isBelow(full, root) ? root : isFile ? dirname(full) : full
  return files
    .map(file => ({...file, path: relative(base, resolve(call.terminal.cwd, file.path)).split(sep).join('/')}))
    .filter(file => isRouteFile(file.path))
}

function isBelow(path: string, folder: string): boolean {
  const way = relative(folder, path)
  return !isAbsolute(way) && way !== '..' && !way.startsWith(`..${sep}`)
}

function byPath(a: SourceFile, b: SourceFile): number {
  return a.path < b.path ? -1 : a.path > b.path ? 1 : 0
}
