// A folder of YAML files → their texts, in the order of their paths. Everything that a hostile or broken checkout can hold
// is bounded here, before a parser sees it: sizes, counts, depth, links that lead outside, files that are none.

import {isUtf8} from 'node:buffer'
import {createHash} from 'node:crypto'
import type {Dirent} from 'node:fs'
import {readdir, readFile, realpath, stat} from 'node:fs/promises'
import {basename, join, sep} from 'node:path'
import {codeOf, messageOf} from '../../base/errors.ts'
import {SOURCE_BOUNDS, type SourceFile} from '../../base/source-file.ts'
import type {Diagnostic} from './diagnostic.ts'
import {wholeFile} from './locate.ts'

const {fileBytes: FILE_BYTES_MAX, totalBytes: TOTAL_BYTES_MAX, entries: ENTRIES_MAX} = SOURCE_BOUNDS
const DEPTH_MAX = 32
const READS_AT_ONCE = 32

export type FilesRead = {
  readonly files: SourceFile[]
  readonly diagnostics: Diagnostic[]
  /** There is no such folder. */
  readonly missing: boolean
}

/**
 * Every *.yaml and *.yml below `root`, by path. Names that begin with a dot are skipped; a link is followed while it stays
 * below `root`, as those of a mounted ConfigMap do. `label` is how the folder is called in diagnostics.
 */
export async function readRoutesFolder(root: string, label: string, known?: KnownFiles): Promise<FilesRead> {
  const walk = createWalk(label, known)
  const real = await realpath(root).catch((error: unknown) => walk.failed('', error))
  if (real === null) return {files: [], diagnostics: walk.missing ? [] : walk.diagnostics, missing: walk.missing}
  await walkFolder(walk, {path: '', real, root: real, above: [real]})
  return {files: await readFound(walk), diagnostics: walk.diagnostics, missing: false}
}

/** Files that were read before, so that those whose inode says that nobody has touched them are not read again. */
export type KnownFiles = {
  get(path: string, info: FileInfo): SourceFile | null
  put(path: string, info: FileInfo, source: SourceFile, readMs: number): void
  /** Forgets whatever was neither got nor put since the last call. */
  settle(): void
}

// As git does with its index: a file that was written in the moment in which it was read may be written again in the same
// moment of its file system, and look the same. The coarsest clocks of file systems tick every 2 s.
const RACY_MS = 2_000

export function createKnownFiles(): KnownFiles {
  let known = new Map<string, {readonly info: FileInfo; readonly source: SourceFile; readonly readMs: number}>()
  let next: typeof known = new Map()
  return {
    get(path, info) {
      const entry = known.get(path)
      if (!entry) return null
      const {info: before, readMs} = entry
      const isUntouched = MARKS.every(mark => before[mark] === info[mark])
      if (!isUntouched || Math.max(info.mtimeMs, info.ctimeMs) > readMs - RACY_MS) return null
      next.set(path, entry)
      return entry.source
    },
    put: (path, info, source, readMs) => void next.set(path, {info, source, readMs}),
    settle() {
      known = next
      next = new Map()
    },
  }
}

/** Files and folders as a person names them: paths are kept as given. `missing` are those that do not exist. */
export async function readPaths(
  paths: readonly string[],
): Promise<Omit<FilesRead, 'missing'> & {readonly missing: string[]}> {
  const walk = createWalk('')
  const missing: string[] = []
  for (const path of paths) {
    const info = await stat(path).catch((error: unknown) => (codeOf(error) === 'ENOENT' ? null : Promise.reject(error)))
    if (info === null) missing.push(path)
    else if (info.isDirectory()) {
      const real = await realpath(path)
      await walkFolder(walk, {path: path.replace(/\/+$/, ''), real, root: real, above: [real]})
    } else addFile(walk, path, path, info)
  }
  return {files: await readFound(walk), diagnostics: walk.diagnostics, missing}
}

/** Bytes of a file → its text, or the diagnostic that says why it has none. For files from anywhere, a git object too. */
export function decodeSource(path: string, bytes: Uint8Array, file: string): SourceFile | Diagnostic {
  if (bytes.length > FILE_BYTES_MAX) return tooLarge(file, bytes.length)
  if (!isUtf8(bytes)) return notUtf8(bytes, file)
  // The decoder drops a byte order mark; the hash is of the bytes as they were.
  const text = new TextDecoder().decode(bytes)
  return {path, text, sha256: createHash('sha256').update(bytes).digest('hex')}
}

/** The name of a file in diagnostics. */
export function nameOf(label: string, path: string): string {
  return label === '' ? path : path === '' ? label : `${label}/${path}`
}

// ---

type Found = {readonly path: string; readonly real: string; readonly info: FileInfo}
type Folder = {
  /** Below the root, with '/'. */
  readonly path: string
  readonly real: string
  readonly root: string
  /** Real paths of the folders around it: a link to one of them would never end. */
  readonly above: readonly string[]
}
type FileInfo = {readonly [mark in (typeof MARKS)[number]]: number} & {isFile(): boolean}
const MARKS = ['dev', 'ino', 'size', 'mtimeMs', 'ctimeMs'] as const
type Walk = {
  readonly label: string
  readonly known: KnownFiles | undefined
  readonly found: Found[]
  readonly diagnostics: Diagnostic[]
  entries: number
  bytes: number
  /** A bound is passed and reported; the rest is not looked at. */
  full: boolean
  missing: boolean
  report(rule: string, path: string, message: string, hint?: string | null): null
  failed(path: string, error: unknown): null
}

function createWalk(label: string, known?: KnownFiles): Walk {
  const walk: Walk = {
    label,
    known,
    found: [],
    diagnostics: [],
    entries: 0,
    bytes: 0,
    full: false,
    missing: false,
    report(rule, path, message, hint = null) {
      walk.diagnostics.push(wholeFile(rule, nameOf(label, path), message, hint))
      return null
    },
    failed(path, error) {
      walk.missing ||= path === '' && codeOf(error) === 'ENOENT'
      return walk.report('unreadable', path, `cannot be read: ${messageOf(error)}`)
    },
  }
  return walk
}

async function walkFolder(walk: Walk, folder: Folder): Promise<void> {
  if (folder.above.length > DEPTH_MAX) {
    walk.report('too-deep', folder.path, `folders are nested more than ${DEPTH_MAX} levels deep`)
    return
  }
  const entries = await readdir(folder.real, {withFileTypes: true}).catch((error: unknown) =>
    walk.failed(folder.path, error),
  )
  for (const entry of sorted(entries ?? [])) {
    if (walk.full) return
    await walkEntry(walk, folder, entry)
  }
}

async function walkEntry(walk: Walk, folder: Folder, entry: Dirent): Promise<void> {
  const path = folder.path === '' ? entry.name : `${folder.path}/${entry.name}`
  const isYaml = /\.ya?ml$/.test(entry.name)
  if (!entry.isDirectory() && !entry.isSymbolicLink() && !isYaml) return
  const direct = join(folder.real, entry.name)
  const real = entry.isSymbolicLink() ? await followLink(walk, folder, path, direct, isYaml) : direct
  if (real === null) return
  const info = await stat(real).catch((error: unknown) => walk.failed(path, error))
  if (info === null || (!info.isDirectory() && !isYaml)) return
  if (++walk.entries > ENTRIES_MAX) {
    walk.full = true
    walk.report('too-many-files', '', `more than ${ENTRIES_MAX} files and folders`)
    return
  }
  if (!info.isDirectory()) return addFile(walk, path, real, info)
  if (folder.above.includes(real)) {
    walk.report('link-loop', path, 'links to a folder that it is in', 'Remove the link.')
    return
  }
  await walkFolder(walk, {path, real, root: folder.root, above: [...folder.above, real]})
}

async function followLink(
  walk: Walk,
  folder: Folder,
  path: string,
  link: string,
  isYaml: boolean,
): Promise<string | null> {
  const real = await realpath(link).catch((error: unknown) => (isYaml ? walk.failed(path, error) : null))
  if (real === null || real === folder.root || real.startsWith(folder.root + sep)) return real
  const hint = 'Copy the file into the folder: a commit must hold all that it serves.'
  return walk.report('link-outside', path, 'links to a place outside of the folder', hint)
}

function addFile(walk: Walk, path: string, real: string, info: FileInfo): void {
  // Reading a pipe or a device would wait for ever.
  if (!info.isFile()) {
    walk.report('unreadable', path, 'is not a regular file')
    return
  }
  if (info.size > FILE_BYTES_MAX) {
    walk.diagnostics.push(tooLarge(nameOf(walk.label, path), info.size))
    return
  }
  walk.bytes += info.size
  if (walk.bytes <= TOTAL_BYTES_MAX) {
    walk.found.push({path, real, info})
    return
  }
  walk.full = true
  walk.report('too-much-text', '', `the files hold more than ${TOTAL_BYTES_MAX / 2 ** 20} MiB together`)
}

async function readFound(walk: Walk): Promise<SourceFile[]> {
  const files: SourceFile[] = []
  const queue = walk.found.values()
  const readNext = async () => {
    for (const {path, real, info} of queue) {
      const same = walk.known?.get(real, info)
      if (same?.path === path) {
        files.push(same)
        continue
      }
      const readMs = Date.now()
      const bytes = await readFile(real).catch((error: unknown) => walk.failed(path, error))
      if (bytes === null) continue
      const source = decodeSource(path, bytes, nameOf(walk.label, path))
      if ('sha256' in source) {
        files.push(source)
        walk.known?.put(real, info, source, readMs)
      } else walk.diagnostics.push(source)
    }
  }
  await Promise.all(Array.from({length: READS_AT_ONCE}, readNext))
  walk.known?.settle()
  return files.sort((a, b) => compare(a.path, b.path))
}

function sorted(entries: readonly Dirent[]): Dirent[] {
  return entries.filter(({name}) => !basename(name).startsWith('.')).sort((a, b) => compare(a.name, b.name))
}

/** By code units, the same on every machine. */
function compare(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0
}

function tooLarge(file: string, size: number): Diagnostic {
  const hint = 'Split it into several files.'
  return wholeFile('file-too-large', file, `has ${size} bytes; at most ${FILE_BYTES_MAX / 2 ** 20} MiB are read`, hint)
}

function notUtf8(bytes: Uint8Array, file: string): Diagnostic {
  let good = 0
  // The longest prefix that decodes: halving finds it in as many steps as the length has bits.
  for (let size = 2 ** Math.ceil(Math.log2(bytes.length + 1)); size >= 1; size /= 2) {
    if (good + size <= bytes.length && decodes(bytes.subarray(0, good + size))) good += size
  }
  // The start of a character that is never finished decodes to nothing yet: what counts is what came out.
  const before = new TextDecoder('utf-8', {ignoreBOM: true}).decode(bytes.subarray(0, good), {stream: true})
  const bad = bytes[Buffer.byteLength(before)] ?? 0
  const line = before.split('\n').length
  const column = before.length - before.lastIndexOf('\n')
  const byte = bad.toString(16).padStart(2, '0')
  const message = `is not UTF-8: byte 0x${byte} cannot stand here`
  return {
    ...wholeFile('not-utf8', file, message, 'Save the file as UTF-8.'),
    line,
    column,
    endLine: line,
    endColumn: column + 1,
  }
}

function decodes(bytes: Uint8Array): boolean {
  try {
    new TextDecoder('utf-8', {fatal: true}).decode(bytes, {stream: true})
    return true
  } catch {
    return false // which is the answer
  }
}
