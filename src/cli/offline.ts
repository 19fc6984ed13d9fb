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
import {readCommitFiles} from './read-commit.ts'
import type {Call} from './verb.ts'

/** routes.d as it lies on disk. */
export type RoutesFolder = {
  readonly settings: Settings
  readonly root: string
  /** As the user would name it. */
  readonly label: string
  readonly files: readonly SourceFile[]
  /** What was wrong when it was read. */
  readonly diagnostics: readonly Diagnostic[]
  readonly missing: boolean
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
  const {routes: root, routesLabel: label} = settings
  return {settings, root, label, ...(await readRoutesFolder(root, label))}
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

/** The files as they lie on disk. */
export async function compileFolder(call: Call): Promise<Compiled> {
  const folder = await readRoutes(call)
  const {revision} = await nameRevision(folder.root, folder.files)
  return compileFiles(folder, checkFiles(call, folder, folder.files), revision, null)
}

/** The files of a commit, under the settings of today. */
export async function compileCommit(call: Call, name: string): Promise<Compiled> {
  const settings = await readSettings(call)
  const {routes: root, routesLabel: label} = settings
  const {sha, ...read} = await readCommitFiles(root, label, name)
  const folder = {settings, root, label, ...read}
  return compileFiles(folder, checkFiles(call, folder, read.files, `${label} at ${name}`), sha.slice(0, 7), sha)
}

// ---

function compileFiles(folder: RoutesFolder, config: Config, revision: string, sha: string | null): Compiled {
  const {settings, root, label, missing} = folder
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
