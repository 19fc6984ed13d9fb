// The sets of files that were served, the last few of them, kept as source: what a rollback returns to when no commit has it,
// or git is gone.
//
//   <state>/served/<n>.json         {version, revision, commit, author, subject, at, content, bytes, files: [[path, sha256], …]}
//   <state>/served/blobs/<sha256>   the files, by content; where last good has one already, the same file under two names
//
// A manifest is written after its blobs, and a blob is removed after the last manifest that names it, so that a crash leaves
// whole sets and perhaps a blob too many, which the next start removes.

import {createHash} from 'node:crypto'
import {link, mkdir, readdir, readFile, unlink} from 'node:fs/promises'
import {join} from 'node:path'
import {codeOf, messageOf} from '../../base/errors.ts'
import {syncFolder, writeAtomic} from '../../base/files.ts'
import type {Log} from '../../base/log.ts'
import type {SourceFile} from '../../base/source-file.ts'
import type {Served} from './decisions.ts'

export type ServedSets = {
  /** Reads what earlier runs have left. Never throws: a set that cannot be read is said, and forgotten. */
  load(): Promise<void>
  /** Newest first; the first is the one that was kept last. */
  list(): readonly KeptSet[]
  /** Keeps a set as the newest, or gives the newest another name. Throws what the file system throws. */
  keep(set: KeptSet, files: readonly SourceFile[]): Promise<void>
  /** The files of that content, with every byte verified; throws when something is missing or damaged. */
  read(set: Served): Promise<readonly SourceFile[]>
}

export type KeptSet = Served & {
  readonly author: string
  readonly subject: string
  /** RFC 3339, when it was first served. */
  readonly at: string
}

/** The newest is kept whatever its size. */
export const KEPT_AT_MOST = {sets: 10, files: 50_000, bytes: 256 * 2 ** 20} as const

const VERSION = 1
const PARALLEL = 16

export function createServedSets(state: string, log: Log): ServedSets {
  const folder = join(state, 'served')
  const blobs = join(folder, 'blobs')
  const lastGoodBlobs = join(state, 'last-good', 'blobs')
  // Oldest first.
  let kept: Entry[] = []
  let uses = new Map<string, number>()

  async function writeBlob({sha256, text}: SourceFile): Promise<void> {
    if (uses.has(sha256)) return
    const path = join(blobs, sha256)
    try {
      await link(join(lastGoodBlobs, sha256), path)
    } catch (error) {
      if (codeOf(error) !== 'EEXIST') await writeAtomic(path, text)
    }
  }

  function hold(entry: Entry): void {
    kept.push(entry)
    for (const name of entry.names) uses.set(name, (uses.get(name) ?? 0) + 1)
  }

  async function drop(entry: Entry): Promise<void> {
    await unlink(pathOf(entry.number))
    kept = kept.filter(other => other !== entry)
    for (const name of entry.names) {
      const left = (uses.get(name) ?? 1) - 1
      if (left > 0) uses.set(name, left)
      else {
        uses.delete(name)
        await remove(join(blobs, name))
      }
    }
  }

  function pathOf(number: number): string {
    return join(folder, `${number}.json`)
  }

  async function readManifest(number: number): Promise<Manifest> {
    return parseManifest(await readFile(pathOf(number), 'utf8'))
  }

  function isTooMuch(): boolean {
    const sum = (of: (entry: Entry) => number) => kept.reduce((total, entry) => total + of(entry), 0)
    return (
      kept.length > KEPT_AT_MOST.sets ||
      sum(({files}) => files) > KEPT_AT_MOST.files ||
      sum(({bytes}) => bytes) > KEPT_AT_MOST.bytes
    )
  }

  return {
    async load() {
      kept = []
      uses = new Map()
      const names = await readdir(folder).catch(() => [])
      const numbers = names.flatMap(name => (/^\d{1,15}\.json$/.test(name) ? [Number.parseInt(name, 10)] : []))
      for (const number of numbers.sort((a, b) => a - b)) {
        try {
          const {files, ...set} = await readManifest(number)
          hold({...set, number, files: files.length, names: namesOf(files)})
        } catch (error) {
          log.warn('a set that was served cannot be read any more', {file: pathOf(number), why: messageOf(error)})
          await remove(pathOf(number)).catch(() => {}) // the next start says it again
        }
      }
      const stray = (await readdir(blobs).catch(() => []))
        .filter(name => !uses.has(name))
        .map(name => join(blobs, name))
      const half = names.filter(name => name.endsWith('.tmp')).map(name => join(folder, name))
      for (const path of [...stray, ...half]) await remove(path).catch(() => {}) // as above
    },
    list: () => kept.toReversed(),
    async keep(set, files) {
      const newest = kept.at(-1)
      if (newest?.revision === set.revision && newest.content === set.content && newest.commit === set.commit) return
      await mkdir(blobs, {recursive: true, mode: 0o700})
      await inParallel(files, writeBlob)
      await syncFolder(blobs)
      const number = (newest?.number ?? 0) + 1
      const bytes = files.reduce((sum, {text}) => sum + text.length, 0)
      const entry = {...set, bytes}
      const list = files.map(({path, sha256}) => [path, sha256] as const)
      await writeAtomic(pathOf(number), JSON.stringify({version: VERSION, ...entry, files: list} satisfies Written))
      hold({...entry, number, files: files.length, names: namesOf(list)})
      if (newest?.content === set.content) await drop(newest)
      for (let [oldest] = kept; kept.length > 1 && oldest && isTooMuch(); [oldest] = kept) await drop(oldest)
    },
    async read(set) {
      const entry = kept.findLast(({content}) => content === set.content)
      if (entry === undefined) throw new Error(`${set.revision} is no longer kept`)
      const {files} = await readManifest(entry.number)
      const read: SourceFile[] = []
      await inParallel([...files.entries()], async ([index, [path, sha256]]) => {
        const text = await readFile(join(blobs, sha256), 'utf8')
        if (!isContent(text, sha256)) throw new Error(`the kept content of ${path} is damaged`)
        read[index] = {path, text, sha256}
      })
      return read
    },
  }
}

// ---

type Entry = KeptSet & {
  readonly number: number
  readonly bytes: number
  readonly files: number
  /** Of its blobs, each once; there are no more of them than files in all sets. */
  readonly names: ReadonlySet<string>
}
type Manifest = KeptSet & {readonly bytes: number; readonly files: readonly (readonly [string, string])[]}
type Written = Manifest & {readonly version: number}

function namesOf(files: Manifest['files']): ReadonlySet<string> {
  return new Set(files.map(([, sha256]) => sha256))
}

// The sha256 of a file is that of its bytes, of which the text may have lost a byte order mark.
function isContent(text: string, sha256: string): boolean {
  return [text, `\ufeff${text}`].some(bytes => createHash('sha256').update(bytes).digest('hex') === sha256)
}

function parseManifest(text: string): Manifest {
  const value: unknown = JSON.parse(text)
  if (typeof value !== 'object' || value === null) throw new Error('it is not an object')
  const {
    version,
    revision,
    commit,
    author,
    subject,
    at,
    content,
    bytes,
    files,
  }: Partial<Record<keyof Written, unknown>> = value
  if (version !== VERSION) throw new Error(`it has version ${String(version)}, this routesd reads ${VERSION}`)
  if (typeof revision !== 'string' || typeof content !== 'string' || typeof at !== 'string' || !Array.isArray(files))
    throw new Error('it lacks revision, content, at or files')
  const optional = (field: unknown) => (typeof field === 'string' ? field : null)
  return {
    revision,
    content,
    at,
    commit: optional(commit),
    author: optional(author) ?? '',
    subject: optional(subject) ?? '',
    bytes: Number(bytes) || 0,
    files: files.map((entry: unknown) => {
      const [path, sha256]: unknown[] = Array.isArray(entry) ? entry : []
      // The pattern also keeps a name from leading out of the folder.
      if (typeof path !== 'string' || typeof sha256 !== 'string' || !/^[0-9a-f]{64}$/.test(sha256))
        throw new Error('it has a file without path or sha256')
      return [path, sha256]
    }),
  }
}

async function remove(path: string): Promise<void> {
  await unlink(path).catch(error => {
    if (codeOf(error) !== 'ENOENT') throw error
  })
}

async function inParallel<T>(items: readonly T[], work: (item: T) => Promise<void>): Promise<void> {
  let next = 0
  const lanes = Array.from({length: Math.min(PARALLEL, items.length)}, async () => {
    for (let index = next++; index < items.length; index = next++) {
      const item = items[index]
      if (item !== undefined) await work(item)
    }
  })
  for (const lane of await Promise.allSettled(lanes)) if (lane.status === 'rejected') throw lane.reason
}
