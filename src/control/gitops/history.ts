// What became of every revision that was to be served: one JSON object per line, appended, so that an entry costs one write
// and a crash costs at most the line it was writing. When the file has twice as much as is kept it is written anew.
//
//   <state>/history.ndjson

import {mkdir, open} from 'node:fs/promises'
import {dirname, join} from 'node:path'
import {readTextIfExists, syncFolder, writeAtomic} from '../../base/files.ts'

export type HistoryEntry = {
  readonly revision: string
  /** '': nobody has committed it, or git cannot say. */
  readonly author: string
  readonly subject: string
  /** RFC 3339. */
  readonly at: string
  readonly trigger: string
  /** 'unchanged': another name for the routes that were served. 'reverted': it was served, and is no longer. */
  readonly outcome: 'applied' | 'unchanged' | 'refused' | 'reverted'
  /** A word for machines. */
  readonly reason: string
  readonly message: string
  /** The first findings, each with its place. */
  readonly diagnostics: readonly {readonly place: string; readonly rule: string; readonly message: string}[]
  /** Pieces of URL space that the change concerns; null where nothing was compared. */
  readonly diff: DiffCounts | null
  /** What is served after this; null when nothing is. */
  readonly serving: string | null
}

export type DiffCounts = {
  readonly added: number
  readonly removed: number
  readonly moved: number
  readonly changed: number
}

export type History = {
  /** Reads what earlier runs have left: throws what the file system throws, but a line that is not whole is left out. */
  load(): Promise<void>
  /** Oldest first. */
  entries(): readonly HistoryEntry[]
  /**
   * Adds an entry and resolves when it is on the disk; throws what the file system throws, and then the entry is known to
   * this process only. What was said of the revision last is not said again.
   */
  add(entry: HistoryEntry): Promise<void>
}

export const HISTORY_BOUNDS = {entries: 1000, bytes: 4 * 2 ** 20, diagnostics: 20, text: 1000} as const

/** The reason of an entry whose files are those of the one before: something around them is not. */
export const SAME_FILES = 'SameFiles'

export function createHistory(state: string): History {
  const path = join(state, 'history.ndjson')
  let lines: {readonly entry: HistoryEntry; readonly text: string}[] = []
  // Of the file: lines in it, and their bytes; null when its end is not known to be that of a whole line.
  let written: {lines: number; bytes: number} | null = null

  function keep(line: {readonly entry: HistoryEntry; readonly text: string}): void {
    lines.push(line)
    let bytes = lines.reduce((sum, {text}) => sum + Buffer.byteLength(text), 0)
    while (lines.length > HISTORY_BOUNDS.entries || (bytes > HISTORY_BOUNDS.bytes && lines.length > 1)) {
      bytes -= Buffer.byteLength(lines.shift()?.text ?? '')
    }
  }

  async function rewrite(): Promise<void> {
    written = null
    const text = lines.map(line => line.text).join('')
    await mkdir(dirname(path), {recursive: true, mode: 0o700})
    await writeAtomic(path, text)
    written = {lines: lines.length, bytes: Buffer.byteLength(text)}
  }

  async function append(text: string): Promise<void> {
    const before = written
    written = null
    const file = await open(path, 'a', 0o600)
    try {
      await file.writeFile(text)
      await file.datasync()
    } finally {
      await file.close()
    }
    if (before?.lines === 0) await syncFolder(dirname(path))
    written = before && {lines: before.lines + 1, bytes: before.bytes + Buffer.byteLength(text)}
  }

  return {
    async load() {
      const text = (await readTextIfExists(path)) ?? ''
      lines = []
      for (const line of text.split('\n')) {
        const entry = parseLine(line)
        if (entry !== null) lines.push({entry, text: `${line}\n`})
      }
      lines = lines.slice(-HISTORY_BOUNDS.entries)
      const isWhole = text === '' || text.endsWith('\n')
      written = isWhole ? {lines: text.split('\n').length - 1, bytes: Buffer.byteLength(text)} : null
    },
    entries: () => lines.map(({entry}) => entry),
    async add(entry) {
      const short = shortened(entry)
      const last = lines.findLast(line => line.entry.revision === short.revision)?.entry
      if (last && isSame(last, short) && lines.at(-1)?.entry.serving === short.serving) return
      const line = {entry: short, text: `${JSON.stringify(short)}\n`}
      keep(line)
      const isFull =
        written === null || written.lines >= 2 * HISTORY_BOUNDS.entries || written.bytes >= 2 * HISTORY_BOUNDS.bytes
      await (isFull ? rewrite() : append(line.text))
    },
  }
}

// ---

// A daemon that is started again, or tries again, finds out again what it knew. The same files do something else each time.
function isSame(a: HistoryEntry, b: HistoryEntry): boolean {
  return (
    b.reason !== SAME_FILES &&
    a.outcome === b.outcome &&
    a.reason === b.reason &&
    a.message === b.message &&
    a.serving === b.serving
  )
}

function shortened(entry: HistoryEntry): HistoryEntry {
  const cut = (text: string) => (text.length > HISTORY_BOUNDS.text ? `${text.slice(0, HISTORY_BOUNDS.text)}…` : text)
  return {
    ...entry,
    author: cut(entry.author),
    subject: cut(entry.subject),
    message: cut(entry.message),
    diagnostics: entry.diagnostics
      .slice(0, HISTORY_BOUNDS.diagnostics)
      .map(({place, rule, message}) => ({place: cut(place), rule: cut(rule), message: cut(message)})),
  }
}

// null for a line that a crash has torn, or that says nothing.
function parseLine(line: string): HistoryEntry | null {
  try {
    const value: unknown = JSON.parse(line)
    if (typeof value !== 'object' || value === null) return null
    const fields: Readonly<Record<string, unknown>> = {...value}
    const texts = ['revision', 'at', 'trigger', 'outcome', 'reason', 'message'].map(name => fields[name])
    return texts.every(text => typeof text === 'string') && Array.isArray(fields['diagnostics'])
      ? (value as HistoryEntry)
      : null
  } catch {
    return null
  }
}
