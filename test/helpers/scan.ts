// What lies on a disk, byte by byte: for tests of what must not be there.

import {readdir, readFile} from 'node:fs/promises'
import {join} from 'node:path'

/** Full paths of all files below a folder, temporary ones too. */
export async function filesBelow(folder: string): Promise<string[]> {
  const entries = await readdir(folder, {recursive: true, withFileTypes: true})
  return entries.filter(entry => entry.isFile()).map(entry => join(entry.parentPath, entry.name))
}

/** Those of the files that hold one of these texts or bytes. A daemon may be writing there meanwhile. */
export async function filesWith(folder: string, needles: readonly (string | Buffer)[]): Promise<string[]> {
  for (let round = 1; round <= ROUNDS; round += 1) {
    const found = await searched(folder, needles).catch(ifGone)
    if (found !== 'moved') return found
  }
  throw new Error(`${folder} was never still: in each of ${ROUNDS} rounds something was gone before it was read`)
}

const ROUNDS = 20

async function searched(folder: string, needles: readonly (string | Buffer)[]): Promise<string[]> {
  const found: string[] = []
  for (const path of await filesBelow(folder)) {
    const bytes = await readFile(path)
    if (needles.some(needle => bytes.includes(needle))) found.push(path)
  }
  return found
}

// What was renamed before it was read has yet to be looked at under its new name.
function ifGone(error: NodeJS.ErrnoException): 'moved' {
  if (error.code === 'ENOENT') return 'moved'
  throw error
}
