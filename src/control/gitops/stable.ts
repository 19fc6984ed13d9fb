// Reads a folder that others write: what was read counts only if nothing moved meanwhile, so that a set never mixes the
// state before a `git pull` with the one after it.

import {fingerprint} from './fingerprint.ts'

// A writer that never rests is told from a busy one after this many tries.
const TRIES = 5

/** What `read` returned in a moment of rest, or null when the folder changed during every one of five reads. */
export async function readStable<T>(root: string, read: () => Promise<T>): Promise<T | null> {
  let before = await fingerprint(root)
  for (let attempt = 0; attempt < TRIES; attempt++) {
    const value = await read()
    const after = await fingerprint(root)
    if (after === before) return value
    before = after
  }
  return null
}
