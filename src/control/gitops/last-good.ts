// The set of files that was served last, kept as source so that a start with a broken or missing routes.d can serve it,
// also after an upgrade.
//
//   last-good/manifest.json     {version, revision, commit, at, files: [{path, sha256}]}
//   last-good/blobs/<sha256>    the files, by content
//
// Blobs are written first and the manifest last, each atomically, and blobs that the manifest does not name are removed
// after that: a crash at any point leaves the old set or the new one whole.

import {createHash} from 'node:crypto'
import {mkdir, readdir, readFile, unlink} from 'node:fs/promises'
import {join} from 'node:path'
import type {Clock} from '../../base/clock.ts'
import {codeOf, messageOf} from '../../base/errors.ts'
import {readTextIfExists, writeAtomic} from '../../base/files.ts'
import type {SourceFile} from '../../base/source-file.ts'

export type LastGood = {
  /**
   * Keeps a set; `commit` is the full name of the commit that it was read from, if it was. Does nothing when it is kept
   * already; throws what the file system throws.
   */
  remember(revision: string, files: readonly SourceFile[], commit?: string | null): Promise<void>
  /** The commit of the kept set; null when there is none, or it cannot be read. Never throws. */
  commit(): Promise<string | null>
  /** The kept set, with every byte verified. Never throws. */
  load(): Promise<Kept>
}

export type Kept =
  | {
      readonly kind: 'set'
      readonly revision: string
      readonly commit: string | null
      readonly at: string
      readonly files: readonly SourceFile[]
    }
  | {readonly kind: 'none'}
  | {readonly kind: 'broken'; readonly reason: string}

const VERSION = 1
// Each blob is flushed to the disk by itself, which is mostly waiting.
const PARALLEL = 16

/** Last good below the state folder; `write` is given by tests that have a disk fail. */
export function createLastGood(state: string, clock: Clock, write: typeof writeAtomic = writeAtomic): LastGood {
  const folder = join(state, 'last-good')
  const blobs = join(folder, 'blobs')
  const manifest = join(folder, 'manifest.json')
  // Blobs that this process wrote or verified, and the set whose manifest it wrote.
  let sound = new Set<string>()
  let kept: {readonly revision: string; readonly commit: string | null; readonly entries: readonly Entry[]} | null =
    null

  async function writeBlob(sha256: string, bytes: Buffer): Promise<void> {
    if (sound.has(sha256)) return
    const path = join(blobs, sha256)
    const there = await readFile(path).catch(() => null)
    if (there === null || sha256Of(there) !== sha256) await write(path, bytes)
    sound.add(sha256)
  }

  // What a set that did not fit left behind would keep a smaller one from fitting.
  async function dropUnnamed(): Promise<void> {
    const text = await readTextIfExists(manifest)
    const named = new Set(text === null ? [] : readManifest(text).files.map(({sha256}) => sha256))
    sound = new Set([...sound].filter(name => named.has(name)))
    await removeOthers(blobs, name => named.has(name))
  }

  return {
    async remember(revision, files, commit = null) {
      const entries = files.map(entryOf)
      if (kept?.revision === revision && kept.commit === commit && isSame(kept.entries, entries)) return
      const before = kept === null ? null : sound
      kept = null
      const at = new Date(clock.now()).toISOString()
      const names = new Set(entries.map(({sha256}) => sha256))
      const missing = new Map<string, string>()
      for (const [index, {sha256}] of entries.entries()) {
        if (!sound.has(sha256)) missing.set(sha256, files[index]?.text ?? '')
      }
      try {
        await mkdir(blobs, {recursive: true, mode: 0o700})
        await inParallel([...missing], ([sha256, text]) => writeBlob(sha256, Buffer.from(text)))
        await write(manifest, manifestOf({version: VERSION, revision, commit, at}, entries))
      } catch (error) {
        // The failure is the news; that a broken disk cannot be tidied either is not.
        await dropUnnamed().catch(() => {})
        throw error
      }
      kept = {revision, commit, entries}
      sound = names
      // Who wrote the set before knows what is there; the first time it may be anything.
      if (before === null) await removeOthers(blobs, name => names.has(name))
      else for (const name of before) if (!names.has(name)) await removeIfThere(join(blobs, name))
      await removeOthers(folder, name => !name.endsWith('.tmp'))
    },
    async commit() {
      try {
        const text = await readTextIfExists(manifest)
        return text === null ? null : readManifest(text).commit
      } catch {
        return null // and `load` says why
      }
    },
    async load() {
      try {
        const text = await readTextIfExists(manifest)
        if (text === null) return {kind: 'none'}
        const {revision, commit, at, files} = readManifest(text)
        const read: SourceFile[] = []
        await inParallel(files, async ({path, sha256}, index) => {
          const bytes = await readFile(join(blobs, sha256))
          if (sha256Of(bytes) !== sha256) throw new Error(`the kept content of ${path} is damaged`)
          read[index] = {path, text: bytes.toString(), sha256}
        })
        return {kind: 'set', revision, commit, at, files: read}
      } catch (error) {
        return {kind: 'broken', reason: messageOf(error)}
      }
    },
  }
}

// ---

/** A file in the manifest, and how it stands there. */
type Entry = {readonly path: string; readonly sha256: string; readonly line: string}

/** Of files that are still the same objects: most of a set are, from one to the next. */
const known = new WeakMap<SourceFile, Entry>()

// What is kept is the text: a byte order mark is not part of it, so the sha256 may differ from that of the file.
function entryOf(file: SourceFile): Entry {
  let entry = known.get(file)
  if (entry === undefined) {
    const {path} = file
    const sha256 = sha256Of(Buffer.from(file.text))
    entry = {path, sha256, line: `  ${JSON.stringify({path, sha256})}`}
    known.set(file, entry)
  }
  return entry
}

function isSame(a: readonly Entry[], b: readonly Entry[]): boolean {
  return a.length === b.length && a.every((entry, index) => entry === b[index] || entry.line === b[index]?.line)
}

function manifestOf(head: Readonly<Record<string, unknown>>, entries: readonly Entry[]): string {
  const lines = entries.map(({line}) => line).join(',\n')
  return `${JSON.stringify(head).slice(0, -1)},"files":[\n${lines}\n]}\n`
}

function sha256Of(bytes: Buffer): string {
  return createHash('sha256').update(bytes).digest('hex')
}

type Manifest = {revision: string; commit: string | null; at: string; files: {path: string; sha256: string}[]}

// Written by this program, but perhaps by another version of it, or by nobody: a disk may return anything.
function readManifest(text: string): Manifest {
  const value: unknown = JSON.parse(text)
  if (!isRecord(value)) throw new Error('manifest.json is not an object')
  const {version, revision, commit = null, at, files} = value
  if (version !== VERSION)
    throw new Error(`manifest.json has version ${String(version)}, this routesd reads ${VERSION}`)
  if (typeof revision !== 'string' || typeof at !== 'string' || !Array.isArray(files)) {
    throw new Error('manifest.json lacks revision, at or files')
  }
  if (commit !== null && (typeof commit !== 'string' || !/^[0-9a-f]{40,64}$/.test(commit))) {
    throw new Error('manifest.json has a commit that is none')
  }
  return {revision, commit, at, files: files.map(readEntry)}
}

function readEntry(value: unknown): Manifest['files'][number] {
  if (!isRecord(value)) throw new Error('manifest.json has a file that is not an object')
  const {path, sha256} = value
  // The pattern also keeps a name from leading out of the folder.
  if (typeof path !== 'string' || typeof sha256 !== 'string' || !/^[0-9a-f]{64}$/.test(sha256)) {
    throw new Error('manifest.json has a file without path or sha256')
  }
  return {path, sha256}
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null
}

async function removeOthers(folder: string, keep: (name: string) => boolean): Promise<void> {
  for (const name of await readdir(folder)) {
    if (!keep(name)) await removeIfThere(join(folder, name))
  }
}

async function removeIfThere(path: string): Promise<void> {
  await unlink(path).catch(error => {
    if (codeOf(error) !== 'ENOENT') throw error
  })
}

// Returns or throws when no work is under way any more; the first failure keeps new work from being begun.
async function inParallel<T>(items: readonly T[], work: (item: T, index: number) => Promise<void>): Promise<void> {
  let next = 0
  const lanes = Array.from({length: Math.min(PARALLEL, items.length)}, async () => {
    try {
      for (let index = next++; index < items.length; index = next++) {
        const item = items[index]
        if (item !== undefined) await work(item, index)
      }
    } catch (error) {
      next = items.length
      throw error
    }
  })
  for (const lane of await Promise.allSettled(lanes)) if (lane.status === 'rejected') throw lane.reason
}
