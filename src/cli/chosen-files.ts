// The files that `check` and `test` are about: routes.d, or the files and folders that were given, as they lie on disk or
// as the commit of --at has them.

import {relative, resolve} from 'node:path'
import {AppError} from '../base/errors.ts'
import type {SourceFile} from '../base/source-file.ts'
import type {Diagnostic} from '../control/config/diagnostic.ts'
import {readPaths} from '../control/config/files.ts'
import {type Loaded, loadConfig} from '../control/config/load.ts'
import type {Settings} from '../control/config/settings.ts'
import {readPlace} from './offline.ts'
import {readCommitFiles, readPathsAt} from './read-commit.ts'
import {findRoutes} from './routes-place.ts'
import type {Call} from './verb.ts'

export type ChosenFiles = {
  readonly files: readonly SourceFile[]
  readonly diagnostics: readonly Diagnostic[]
  /** What stands before the paths in diagnostics. */
  readonly label: string
  /** As a person would name all of it. */
  readonly where: string
  /** The commit they are of; null for the files as they lie on disk. */
  readonly sha: string | null
}

/** Reads them; throws an AppError when there is none. */
export async function readChosen(call: Call, settings: Settings): Promise<ChosenFiles> {
  const {operands, values} = call
  const at = values('at').at(-1) ?? null
  const chosen = operands.length === 0 ? await readOwn(call, settings, at) : await readGiven(operands, at)
  if (chosen.files.length > 0 || chosen.diagnostics.length > 0) return chosen
  throw new AppError(`no files matched: ${chosen.where} holds no *.yaml or *.yml`)
}

/** What they say. Files that were given are those of the owners below whose folder of routes.d they lie. */
export function loadChosen({operands, terminal}: Call, settings: Settings, {files, label}: ChosenFiles): Loaded {
  const {permit, owners, routes} = settings
  const pathBelow = (path: string) => (operands.length === 0 ? path : relative(routes, resolve(terminal.cwd, path)))
  return loadConfig(files, {label, denyTargets: permit.denyTargets, owners, pathBelow})
}

// ---

async function readOwn(call: Call, settings: Settings, at: string | null): Promise<ChosenFiles> {
  const place = await findRoutes(settings)
  const {root, label} = place
  const read = at === null ? await readPlace(call, place) : await readCommitFiles(root, label, at)
  if (read.missing) throw new AppError(`no files matched: there is no ${label}${atCommit(at)}`)
  return {...read, label, where: label}
}

async function readGiven(paths: readonly string[], at: string | null): Promise<ChosenFiles> {
  const read = at === null ? {...(await readPaths(paths)), sha: null} : await readPathsAt(paths, at)
  if (read.missing.length > 0) throw new AppError(`no such file or folder${atCommit(at)}: ${read.missing.join(', ')}`)
  return {...read, label: '', where: paths.join(', ')}
}

function atCommit(at: string | null): string {
  return at === null ? '' : ` at ${at}`
}
