// What the verbs that need no daemon have in common: settings, the files of routes.d, and the daemon's own functions that
// read them. A verb other than `check` stops at the first thing that is wrong.

import {AppError, EXIT} from '../base/errors.ts'
import type {SourceFile} from '../base/source-file.ts'
import {compile} from '../control/compile/compile.ts'
import type {Config} from '../control/config/config.ts'
import type {Diagnostic} from '../control/config/diagnostic.ts'
import {readRoutesFolder} from '../control/config/files.ts'
import {loadConfig} from '../control/config/load.ts'
import {NO_REFERENCES} from '../control/config/references.ts'
import {renderDiagnostics} from '../control/config/render.ts'
import {loadSettings, type Settings} from '../control/config/settings.ts'
import {nameRevision} from '../control/gitops/revision.ts'
import type {Snapshot} from '../snapshot/snapshot.ts'
import {type CommitFiles, readCommitFiles} from './read-commit.ts'
import {findRoutes, type RoutesPlace} from './routes-place.ts'
import type {Call} from './verb.ts'

/** routes.d as it lies on disk, or, where it does not, as the newest commit has it. */
export type RoutesFolder = {
  readonly settings: Settings
  readonly root: string
  /** As the user would name it. */
  readonly label: string
  readonly files: readonly SourceFile[]
  /** What was wrong when it was read. */
  readonly diagnostics: readonly Diagnostic[]
  readonly missing: boolean
  /** The commit that was read; null for the files as they lie on disk. */
  readonly sha: string | null
}

/** The settings; throws an AppError with a line for each thing that is wrong with them. */
export async function readSettings({configFile, terminal}: Call): Promise<Settings> {
  const {settings, diagnostics} = await loadSettings({file: configFile, cwd: terminal.cwd})
  if (!settings) throw new AppError(renderDiagnostics(errorsOf(diagnostics), 'compact', {color: false}))
  return settings
}

/** The files of routes.d. */
export async function readRoutes(call: Call): Promise<RoutesFolder> {
  const settings = await readSettings(call)
  const place = await findRoutes(settings)
  const {root, label} = place
  return {settings, root, label, ...(await readPlace(call, place))}
}

/** The files of routes.d for a verb that changes them; throws an AppError when they lie nowhere. */
export async function readRoutesOnDisk(call: Call): Promise<RoutesFolder> {
  const folder = await readRoutes(call)
  if (folder.sha === null) return folder
  throw new AppError(`${folder.label} is in a repository that is not checked out here`, {
    hint: 'change it in a clone, and push',
  })
}

/** Its files on disk, or else those of its newest commit, which is said on stderr. */
export async function readPlace(
  {terminal}: Call,
  {root, label, tip}: RoutesPlace,
): Promise<Omit<CommitFiles, 'sha'> & {readonly sha: string | null}> {
  if (tip === null) return {...(await readRoutesFolder(root, label)), sha: null}
  const read = await readCommitFiles(root, label, tip.ref)
  terminal.err(`${label} is not checked out here: read from ${tip.name}, at ${read.sha.slice(0, 7)}`)
  return read
}

/** The name of what was read. */
export async function revisionOf(
  {root, sha}: Pick<RoutesFolder, 'root' | 'sha'>,
  files: readonly SourceFile[],
): Promise<string> {
  return sha === null ? (await nameRevision(root, files)).revision : sha.slice(0, 7)
}

/** What the files say when they stand in `folder`; what is wrong goes to stderr, and then this throws and says `what`. */
export function checkFiles(
  call: Call,
  folder: RoutesFolder,
  files: readonly SourceFile[],
  what = folder.label,
): Config {
  const {label, settings, diagnostics} = folder
  const loaded = loadConfig(files, {label, denyTargets: settings.permit.denyTargets, owners: settings.owners})
  const errors = errorsOf([...diagnostics, ...loaded.diagnostics])
  if (loaded.config && errors.length === 0) return loaded.config
  throw invalid(call, errors, what)
}

/** Tells what is wrong on stderr; the error that it returns ends the verb with exit code `findings`. */
export function invalid({terminal}: Call, diagnostics: readonly Diagnostic[], what: string): AppError {
  terminal.err(renderDiagnostics(diagnostics, 'pretty', {color: terminal.color.err}))
  return new AppError(`${what} is not valid`, {exitCode: EXIT.findings})
}

/** What a daemon would serve of a folder, or of the folder as a commit has it. */
export type Compiled = {
  readonly snapshot: Snapshot
  readonly config: Config
  readonly root: string
  readonly label: string
  /** The commit that was read; null for the files as they lie on disk. */
  readonly sha: string | null
  /** There is no such folder: the snapshot has no routes. */
  readonly missing: boolean
}

/** The snapshot that a daemon would serve now, or at the commit that --at names. */
export async function compileOffline(call: Call): Promise<Compiled> {
  const at = call.values('at').at(-1) ?? null
  const compiled = at === null ? await compileFolder(call) : await compileCommit(call, at)
  if (!compiled.missing) return compiled
  if (at !== null) throw new AppError(`there is no ${compiled.label} at ${at}`)
  throw new AppError(`there is no ${compiled.label}`, {hint: '`routesd init` writes a first one'})
}

/** The files as they lie on disk, or in the newest commit. */
export async function compileFolder(call: Call): Promise<Compiled> {
  const folder = await readRoutes(call)
  return compileFiles(folder, checkFiles(call, folder, folder.files), await revisionOf(folder, folder.files))
}

/** The files of a commit, under the settings of today. */
export async function compileCommit(call: Call, name: string): Promise<Compiled> {
  const settings = await readSettings(call)
  const {root, label} = await findRoutes(settings)
  const read = await readCommitFiles(root, label, name)
  const folder = {settings, root, label, ...read}
  return compileFiles(folder, checkFiles(call, folder, read.files, `${label} at ${name}`), read.sha.slice(0, 7))
}

// ---

function compileFiles(folder: RoutesFolder, config: Config, revision: string): Compiled {
  const {settings, root, label, missing, sha} = folder
  const snapshot = compile(config, {
    revision,
    forward: settings.forward,
    defaults: settings.defaults,
    references: NO_REFERENCES,
  })
  return {snapshot, config, root, label, sha, missing}
}

function errorsOf(diagnostics: readonly Diagnostic[]): Diagnostic[] {
  return diagnostics.filter(entry => entry.severity === 'error')
}
