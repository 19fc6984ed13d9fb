// Whether a branch only went on, or was rewritten.

import {type Git, GitError} from './git.ts'

export type Descent = 'descends' | 'rewritten' | 'unknown-base'

/**
 * How `tip` stands to the commit that is served now: 'unknown-base' when the repository does not have that one, as after a
 * rewrite and a clean-up, or in another repository. Throws GitError when git cannot say.
 */
export async function descentOf(git: Git, base: string, tip: string): Promise<Descent> {
  if (base === tip) return 'descends'
  try {
    await git('merge-base', '--is-ancestor', base, tip)
    return 'descends'
  } catch (error) {
    if (isNo(error)) return 'rewritten'
    if (!(await hasCommit(git, base))) return 'unknown-base'
    throw error
  }
}

// ---

async function hasCommit(git: Git, name: string): Promise<boolean> {
  try {
    await git('rev-parse', '--verify', '--quiet', '--end-of-options', `${name}^{commit}`)
    return true
  } catch (error) {
    if (isNo(error)) return false
    throw error
  }
}

// Exit code 1 without a word is the answer "no" of both commands; whatever else fails says why.
function isNo(error: unknown): boolean {
  return error instanceof GitError && error.message === 'git ended with exit code 1'
}
