// The files of a vault as files: how a kind and a name become a path, and what lies there.

import {readdir, readFile, stat, unlink} from 'node:fs/promises'
import {dirname, join} from 'node:path'
import {codeOf} from '../../base/errors.ts'
import {syncFolder} from '../../base/files.ts'

export type SealedFile = {readonly kind: string; readonly name: string; readonly path: string}

const SUFFIX = '.sealed'
const KIND = /^[a-z][a-z-]{0,40}$/
// 255 bytes are what file systems take; a temporary file has '.….tmp' behind its name.
const NAME_BYTES = 220
/** A temporary file as old as this belongs to no write that is under way. */
const ABANDONED_MS = 60_000

/** Where a thing lies, below the vault: reversible, and neither a way out of the folder nor a hidden file. */
export function fileOf(kind: string, name: string): string {
  const encoded = encodeURIComponent(name).replace(/[*'()!~]|^\./g, mark => `%${mark.charCodeAt(0).toString(16)}`)
  if (name === '' || encoded.length > NAME_BYTES || !KIND.test(kind))
    throw new Error(`${JSON.stringify(`${kind}/${name}`)} is no name for a thing in a vault`)
  return join(kind, `${encoded}${SUFFIX}`)
}

/** Every sealed file, or those of one kind, in the order of their names. */
export async function sealedFiles(folder: string, only?: string): Promise<SealedFile[]> {
  const kinds = only === undefined ? await kindsIn(folder) : [only]
  const files: SealedFile[] = []
  for (const kind of kinds) {
    for (const file of (await namesIn(join(folder, kind))).sort()) {
      const name = nameOf(file)
      if (name !== null && fileOf(kind, name) === join(kind, file))
        files.push({kind, name, path: join(folder, kind, file)})
    }
  }
  return files
}

/** The bytes of a file, or null when there is none. */
export async function readIfThere(path: string): Promise<Buffer | null> {
  try {
    return await readFile(path)
  } catch (error) {
    if (isMissing(error)) return null
    throw error
  }
}

/** Removes a file so that no power cut brings it back. */
export async function removeDurably(path: string): Promise<void> {
  await unlink(path)
  await syncFolder(dirname(path))
}

/** Removes what a crash has left half written. */
export async function removeAbandoned(folder: string): Promise<void> {
  for (const place of ['', ...(await kindsIn(folder))]) {
    for (const name of await namesIn(join(folder, place))) {
      if (!name.endsWith('.tmp')) continue
      const path = join(folder, place, name)
      const {mtimeMs} = await stat(path)
      if (Date.now() - mtimeMs > ABANDONED_MS) await unlink(path)
    }
  }
}

// ---

async function kindsIn(folder: string): Promise<string[]> {
  return (await namesIn(folder)).filter(name => KIND.test(name)).sort()
}

async function namesIn(folder: string): Promise<string[]> {
  try {
    return await readdir(folder)
  } catch (error) {
    if (isMissing(error)) return []
    throw error
  }
}

// Not every name that somebody may give a file is one of ours.
function nameOf(file: string): string | null {
  if (!file.endsWith(SUFFIX) || file === SUFFIX) return null
  try {
    return decodeURIComponent(file.slice(0, -SUFFIX.length))
  } catch {
    return null
  }
}

function isMissing(error: unknown): boolean {
  return codeOf(error) === 'ENOENT' || codeOf(error) === 'ENOTDIR'
}
