// Files that a crash may interrupt: the reader sees the old content or the new, never a part.

import {randomBytes} from 'node:crypto'
import {access, mkdir, open, readFile, rename, unlink} from 'node:fs/promises'
import {dirname, join} from 'node:path'
import {codeOf} from './errors.ts'

/**
 * Writes `data` to `path` through a temporary file in the same folder: write, fsync, rename, fsync of the folder.
 * Throws what the file system throws (ENOSPC, EACCES, …) and leaves no temporary file behind when it does.
 */
export async function writeAtomic(path: string, data: string | Uint8Array, mode = 0o600): Promise<void> {
  const temporary = `${path}.${randomBytes(6).toString('hex')}.tmp`
  try {
    const file = await open(temporary, 'wx', mode)
    try {
      await file.writeFile(data)
      await file.sync()
    } finally {
      await file.close()
    }
    await rename(temporary, path)
  } catch (error) {
    await unlink(temporary).catch(() => {})
    throw error
  }
  await syncFolder(dirname(path))
}

/** The text of a file, or null when there is none; any other failure is thrown. */
export async function readTextIfExists(path: string): Promise<string | null> {
  try {
    return await readFile(path, 'utf8')
  } catch (error) {
    if (codeOf(error) === 'ENOENT' || codeOf(error) === 'ENOTDIR') return null
    throw error
  }
}

/**
 * Creates a folder and those above it, with `mode`; one that is there is left as it is. Not `mkdir(…, {recursive})`, which
 * never returns where a file system answers ENOENT to every name (Node on /proc).
 */
export async function createFolder(path: string, mode: number): Promise<void> {
  try {
    await mkdir(path, mode)
  } catch (error) {
    if (codeOf(error) === 'EEXIST') return
    const parent = dirname(path)
    if (codeOf(error) !== 'ENOENT' || parent === path || (await isThere(parent))) throw error
    await createFolder(parent, mode)
    await mkdir(path, mode)
  }
}

/** Creates the state folder (0700) with a .gitignore of '*', so that it can lie inside a checkout. */
export async function createStateFolder(path: string): Promise<void> {
  await createFolder(path, 0o700)
  const ignore = join(path, '.gitignore')
  if ((await readTextIfExists(ignore)) === null) await writeAtomic(ignore, '*\n', 0o600)
}

async function isThere(path: string): Promise<boolean> {
  return access(path).then(
    () => true,
    () => false,
  )
}

/** Makes a rename durable: without it a power cut may bring the old name back. */
export async function syncFolder(path: string): Promise<void> {
  const folder = await open(path, 'r')
  try {
    await folder.sync()
  } finally {
    await folder.close()
  }
}
