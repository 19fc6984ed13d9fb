// Files → Config, or everything that is wrong with them. Each file is parsed and checked by itself, and the result kept by
// the hash of its bytes: a reload parses what changed. Only the checks between files look at all of it again.

import {createAddressSet} from '../../base/cidr.ts'
import type {SourceFile} from '../../base/source-file.ts'
import {type CheckedFile, checkFile} from './check-file.ts'
import type {Config, Placed} from './config.ts'
import {crossCheck, type PlacedEntry, type PlacedProblem} from './cross-checks.ts'
import type {Diagnostic} from './diagnostic.ts'
import type {EntryKind} from './entries.ts'
import {nameOf} from './files.ts'
import {locateProblems, wholeFile} from './locate.ts'
import {checkOwners} from './owners.ts'
import type {Host, Route, Service, SettingsOwner, Test} from './types.ts'

/** What a whole broken set may report; what is beyond is counted. */
const DIAGNOSTICS_MAX = 1000

export type LoadOptions = {
  /** How the folder is called in diagnostics, e.g. 'routes.d'. */
  readonly label: string
  /** Address ranges that no target may lie in. */
  readonly denyTargets: readonly string[]
  readonly cache?: ParseCache
  readonly owners?: readonly SettingsOwner[]
  /** Where a file with this path stands below routes.d, when its path does not say so. */
  readonly pathBelow?: (path: string) => string
}

export type Loaded = {
  /** null when there is any error. */
  readonly config: Config | null
  /** By file and line. */
  readonly diagnostics: Diagnostic[]
  readonly counts: {readonly files: number; readonly routes: number; readonly services: number; readonly tests: number}
}

/** What is known about files by their hash. Holds the files of the last load and no others. */
export type ParseCache = {
  get(sha256: string): CheckedFile | undefined
  /** For a file of the load that comes next. */
  add(sha256: string, file: CheckedFile): void
  replace(files: ReadonlyMap<string, CheckedFile>): void
}
export function createParseCache(): ParseCache {
  let known = new Map<string, CheckedFile>()
  return {
    get: sha256 => known.get(sha256),
    add: (sha256, file) => void known.set(sha256, file),
    replace(files) {
      known = new Map(files)
    },
  }
}

/** Reads what the files say. Pure: no network, no clock, no other file. */
export function loadConfig(files: readonly SourceFile[], options: LoadOptions): Loaded {
  const {label, denyTargets, cache, owners = [], pathBelow = path => path} = options
  const checked = new Map<string, CheckedFile>()
  const sources = new Map<string, SourceFile>()
  const entries: PlacedEntry[] = []
  const diagnostics: Diagnostic[] = []
  let complete = true
  for (const source of files) {
    const file = nameOf(label, source.path)
    const result = checked.get(source.sha256) ?? cache?.get(source.sha256) ?? checkFile(source.text)
    checked.set(source.sha256, result)
    sources.set(file, source)
    complete &&= result.complete
    for (const {entry, valid, facts} of result.entries) entries.push({entry, valid, facts, file})
    for (const diagnostic of result.diagnostics) diagnostics.push({...diagnostic, file})
  }
  cache?.replace(checked)
  const claims = checkOwners(entries, owners, file => pathBelow(sources.get(file)?.path ?? file))
  diagnostics.push(...locateAll([...crossCheck(entries, createAddressSet(denyTargets), complete), ...claims], sources))
  const shown = bounded(onePerPlace(diagnostics).sort(byPlace), label)
  const counts = {
    files: files.length,
    routes: count(entries, 'route'),
    services: count(entries, 'service'),
    tests: count(entries, 'test'),
  }
  return {
    config: shown.some(({severity}) => severity === 'error') ? null : configOf(entries),
    diagnostics: shown,
    counts,
  }
}

// ---

/** Problems between files, each looked up in its own; files are parsed again one at a time. */
function locateAll(problems: readonly PlacedProblem[], sources: ReadonlyMap<string, SourceFile>): Diagnostic[] {
  const byFile = Map.groupBy(problems.slice(0, DIAGNOSTICS_MAX), ({file}) => file)
  const found = [...byFile].flatMap(([file, placed]) =>
    locateProblems(
      placed.map(({problem}) => problem),
      file,
      sources.get(file)?.text ?? '',
    ),
  )
  return found
}

/** Where something is wrong anyway, that it is not supported yet is no news. */
function onePerPlace(diagnostics: readonly Diagnostic[]): Diagnostic[] {
  const keyOf = ({file, path}: Diagnostic) => `${file}:${path}`
  const wrong = new Set(diagnostics.filter(({rule}) => rule !== 'not-supported').map(keyOf))
  return diagnostics.filter(entry => entry.rule !== 'not-supported' || !wrong.has(keyOf(entry)))
}

function bounded(diagnostics: Diagnostic[], label: string): Diagnostic[] {
  if (diagnostics.length <= DIAGNOSTICS_MAX) return diagnostics
  const errors = diagnostics.filter(({severity}) => severity === 'error')
  const shown = (errors.length > 0 ? errors : diagnostics).slice(0, DIAGNOSTICS_MAX)
  const more = wholeFile('too-many-problems', label, `and ${diagnostics.length - shown.length} more problems`, null)
  return [...shown, {...more, severity: errors.length > 0 ? 'error' : 'warning'}]
}

function byPlace(a: Diagnostic, b: Diagnostic): number {
  if (a.file !== b.file) return a.file < b.file ? -1 : 1
  return a.line - b.line || a.column - b.column
}

function count(entries: readonly PlacedEntry[], kind: EntryKind): number {
  return entries.reduce((total, {entry}) => total + (entry.kind === kind ? 1 : 0), 0)
}

function configOf(entries: readonly PlacedEntry[]): Config {
  // The schemas have shown that a value is what its kind says.
  const pick = <T>(kind: EntryKind): Placed<T>[] =>
    entries
      .filter(({entry}) => entry.kind === kind)
      .map(({entry, file}) => ({value: entry.value as T, file, line: entry.line}))
  return {
    routes: pick<Route>('route'),
    hosts: pick<Host>('host'),
    services: pick<Service>('service'),
    tests: pick<Test>('test'),
  }
}
