// Files → Config, or everything that is wrong with them. Each file is parsed and checked by itself, and the result kept by
// the hash of its bytes: a reload parses what changed, and what did not change is the very same objects in the next Config.

import {isDeepStrictEqual} from 'node:util'
import {createAddressSet} from '../../base/cidr.ts'
import type {SourceFile} from '../../base/source-file.ts'
import {type CheckedFile, checkFile} from './check-file.ts'
import type {Config, Placed} from './config.ts'
import {crossCheck, type PlacedEntry, type PlacedProblem} from './cross-checks.ts'
import {type CrossIndex, createCrossIndex} from './cross-index.ts'
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
  /** The set of the last load, for what the next one has in common with it. */
  last: LoadedSet | null
}

export type LoadedSet = {
  readonly label: string
  /** What the entries were held to besides. */
  readonly rules: Required<Pick<LoadOptions, 'denyTargets' | 'owners'>>
  /** By path. */
  readonly files: ReadonlyMap<string, LoadedFile>
  /** null when something between the files was wrong: then all of it is looked at again. */
  readonly index: CrossIndex | null
}

/** A file under its name: what it says, as the Config has it. */
type LoadedFile = {
  readonly path: string
  readonly file: string
  readonly checked: CheckedFile
  readonly entries: readonly PlacedEntry[]
  readonly config: Config
}

export function createParseCache(): ParseCache {
  let known = new Map<string, CheckedFile>()
  return {
    get: sha256 => known.get(sha256),
    add: (sha256, file) => void known.set(sha256, file),
    replace(files) {
      known = new Map(files)
    },
    last: null,
  }
}

/** Reads what the files say. Pure: no network, no clock, no other file. */
export function loadConfig(files: readonly SourceFile[], options: LoadOptions): Loaded {
  const {label, denyTargets, cache, owners = [], pathBelow = path => path} = options
  const last = cache?.last?.label === label ? cache.last : null
  const checked = new Map<string, CheckedFile>()
  const loaded = new Map<string, LoadedFile>()
  const diagnostics: Diagnostic[] = []
  let complete = true
  for (const {path, sha256, text} of files) {
    const result = checked.get(sha256) ?? cache?.get(sha256) ?? checkFile(text)
    checked.set(sha256, result)
    const before = last?.files.get(path)
    const one = before?.checked === result ? before : loadFile(path, nameOf(label, path), result)
    loaded.set(path, one)
    complete &&= result.complete
    for (const diagnostic of result.diagnostics) diagnostics.push({...diagnostic, file: one.file})
  }
  const all = [...loaded.values()]
  const rules = {denyTargets, owners}
  const isDenied = createAddressSet(denyTargets)
  const ownerless = (entries: readonly PlacedEntry[], among: readonly LoadedFile[]) => {
    const paths = new Map(owners.length === 0 ? [] : among.map(({file, path}) => [file, pathBelow(path)]))
    return checkOwners(entries, owners, file => paths.get(file) ?? pathBelow(file))
  }
  let index: CrossIndex | null = null
  if (last?.index && complete && isDeepStrictEqual(last.rules, rules)) {
    const come = all.filter(one => last.files.get(one.path) !== one)
    const gone = [...last.files.values()].filter(one => loaded.get(one.path) !== one)
    const [entriesCome, entriesGone] = [entriesOf(come), entriesOf(gone)]
    const isSound = last.index.change(entriesGone, entriesCome, isDenied) && ownerless(entriesCome, come).length === 0
    if (isSound) index = last.index
  }
  if (index === null) {
    const entries = entriesOf(all)
    const problems = [...crossCheck(entries, isDenied, complete), ...ownerless(entries, all)]
    diagnostics.push(...locateAll(problems, files, label))
    if (cache && complete && problems.length === 0) index = createCrossIndex(entries)
  }
  if (cache) {
    cache.replace(checked)
    cache.last = {label, rules, files: loaded, index}
  }
  const shown = bounded(onePerPlace(diagnostics).sort(byPlace), label)
  const config = joined(all)
  const {routes, services, tests} = config
  return {
    config: shown.some(({severity}) => severity === 'error') ? null : config,
    diagnostics: shown,
    counts: {files: files.length, routes: routes.length, services: services.length, tests: tests.length},
  }
}

// ---

function loadFile(path: string, file: string, checked: CheckedFile): LoadedFile {
  const entries = checked.entries.map(({entry, valid, facts}): PlacedEntry => ({entry, valid, facts, file}))
  return {path, file, checked, entries, config: configOf(entries)}
}

function entriesOf(files: readonly LoadedFile[]): PlacedEntry[] {
  return files.flatMap(({entries}) => entries)
}

/** Problems between files, each looked up in its own; files are parsed again one at a time. */
function locateAll(problems: readonly PlacedProblem[], files: readonly SourceFile[], label: string): Diagnostic[] {
  if (problems.length === 0) return []
  const sources = new Map(files.map(({path, text}) => [nameOf(label, path), text]))
  const byFile = Map.groupBy(problems.slice(0, DIAGNOSTICS_MAX), ({file}) => file)
  const found = [...byFile].flatMap(([file, placed]) =>
    locateProblems(
      placed.map(({problem}) => problem),
      file,
      sources.get(file) ?? '',
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

function joined(files: readonly LoadedFile[]): Config {
  return {
    routes: files.flatMap(({config}) => config.routes),
    hosts: files.flatMap(({config}) => config.hosts),
    services: files.flatMap(({config}) => config.services),
    tests: files.flatMap(({config}) => config.tests),
  }
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
