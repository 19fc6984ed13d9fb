// The commits that came after one and up to another.

import {descentOf} from './descends.ts'
import type {Git} from './git.ts'

/**
 * In full, newest first, at most `max`; null when `to` does not come after `from` or git does not know both. Throws
 * GitError.
 */
export async function commitsBetween(git: Git, from: string, to: string, max: number): Promise<string[] | null> {
  if (from === to || (await descentOf(git, from, to)) !== 'descends') return null
  const text = await git('rev-list', `--max-count=${max}`, '--end-of-options', to, `^${from}`)
  return text.split('\n').filter(line => line !== '')
}
