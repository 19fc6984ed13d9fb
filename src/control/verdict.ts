// Whether a set of files may be served, and as what. The same verdict on the same files, whoever asks.

import type {Log} from '../base/log.ts'
import type {SourceFile} from '../base/source-file.ts'
import type {Snapshot} from '../snapshot/snapshot.ts'
import {createCompiler} from './compile/compile.ts'
import {diagnoseTest, runTests} from './compile/request-tests.ts'
import {checkInThreads} from './config/check-in-threads.ts'
import type {Config} from './config/config.ts'
import type {Diagnostic} from './config/diagnostic.ts'
import {createParseCache, loadConfig} from './config/load.ts'
import {type References, type RepositoryFiles, readReferences} from './config/references.ts'
import {renderDiagnostics} from './config/render.ts'
import type {Settings} from './config/settings.ts'

export type Verdict =
  | {readonly kind: 'accepted'; readonly set: ServableSet; readonly warnings: readonly Diagnostic[]}
  | {readonly kind: 'refused'; readonly refusal: Refusal}

/** Files, what they say and what that compiles to: always of one revision. */
export type ServableSet = {
  readonly files: readonly SourceFile[]
  readonly config: Config
  readonly references: References
  readonly snapshot: Snapshot
  /** What a commit has beside its routes; null: everything else is on the disk. */
  readonly repository: RepositoryFiles | null
}

export type Refusal = {
  readonly type:
    | 'ValidationFailed'
    | 'VerificationFailed'
    | 'OwnershipViolated'
    | 'TestsFailed'
    | 'GuardRefused'
    | 'RoutesMissing'
  readonly message: string
  readonly diagnostics: readonly Diagnostic[]
}

/** Loads and compiles a set; `found` is what was already wrong when it was read, `repository` what a commit has beside it. */
export type Judge = (
  files: readonly SourceFile[],
  revision: string,
  found?: readonly Diagnostic[],
  repository?: RepositoryFiles | null,
) => Promise<Verdict>

/** What of the settings decides what files mean. */
export type JudgeSettings = Pick<Settings, 'permit' | 'forward' | 'owners'> & Partial<Pick<Settings, 'defaults'>>

/** A judge that parses, checks and compiles only what the set that it judged before does not have. */
export function createJudge(
  source: {readonly root: string; readonly label: string},
  settings: () => JudgeSettings,
): Judge {
  const cache = createParseCache()
  const compile = createCompiler()
  return async (files, revision, found = [], repository = null) => {
    const {root, label} = source
    const {permit, forward, owners, defaults = {}} = settings()
    const unknown = files.filter(({sha256}) => cache.get(sha256) === undefined)
    await checkInThreads(unknown, cache.add)
    const loaded = loadConfig(files, {label, denyTargets: permit.denyTargets, owners, cache})
    const read = loaded.config === null ? null : await readReferences(loaded.config, {root, label, permit, repository})
    const diagnostics = [...found, ...loaded.diagnostics, ...(read?.diagnostics ?? [])]
    const errors = diagnostics.filter(({severity}) => severity === 'error')
    if (loaded.config === null || read === null || errors.length > 0)
      return refused(typeOf(errors), summaryOf(errors), diagnostics)
    const snapshot = compile(loaded.config, {revision, forward, defaults, references: read.references})
    const failed = diagnoseFailures(loaded.config, snapshot)
    if (failed.length > 0) return refused('TestsFailed', summaryOf(failed), [...diagnostics, ...failed])
    return {
      kind: 'accepted',
      set: {files, config: loaded.config, references: read.references, snapshot, repository},
      warnings: diagnostics,
    }
  }
}

export function refused(type: Refusal['type'], message: string, diagnostics: readonly Diagnostic[] = []): Verdict {
  return {kind: 'refused', refusal: {type, message, diagnostics}}
}

/** The lines that the first error is about, and what to do; '' when there are none. */
export function excerptOf(diagnostics: readonly Diagnostic[]): string {
  const first = diagnostics.find(({severity}) => severity === 'error')
  // Before them stand the place and the message.
  return first ? renderDiagnostics([first], 'pretty', {color: false}).split('\n').slice(2).join('\n') : ''
}

/** One line per finding. A broken generator may produce one per line of a big file: the first hundred, and the count. */
export function logDiagnostics(log: Log, diagnostics: readonly Diagnostic[]): void {
  for (const {severity, message, rule, file, line, column, hint} of diagnostics.slice(0, LOGGED_AT_MOST)) {
    log[severity === 'error' ? 'error' : 'warn'](message, {rule, place: `${file}:${line}:${column}`, hint})
  }
  const rest = diagnostics.length - LOGGED_AT_MOST
  if (rest > 0) log.error(`and ${rest} more findings: routesd check shows all`)
}

// ---

const LOGGED_AT_MOST = 100

// A set that is wrong otherwise is not valid, whoever claims what in it.
function typeOf(errors: readonly Diagnostic[]): Refusal['type'] {
  return errors.length > 0 && errors.every(({rule}) => rule === 'owners') ? 'OwnershipViolated' : 'ValidationFailed'
}

function diagnoseFailures({tests}: Config, snapshot: Snapshot): Diagnostic[] {
  if (tests.length === 0) return []
  return runTests(tests, snapshot)
    .results.filter(({ok}) => !ok)
    .map(diagnoseTest)
}

function summaryOf(errors: readonly Diagnostic[]): string {
  const first = errors[0]
  if (!first) return 'it could not be loaded'
  const others = errors.length > 1 ? ` (and ${errors.length - 1} more)` : ''
  return `${first.file}:${first.line}: ${first.message}${others}`
}
