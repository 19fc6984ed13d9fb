// Commits what `routes save` and `routes rm` wrote, and nothing else that lies staged.

import {openGit} from './git.ts'

/**
 * Commits the files as they stand, added, changed or deleted; `paths` count from `folder`. Returns the new commit, or
 * null when HEAD has them already. Throws GitError, and then files that git did not know are unknown to it again.
 */
export async function commitPaths(
  folder: string,
  paths: readonly string[],
  message: string,
): Promise<{sha7: string} | null> {
  const git = openGit(folder)
  const changes = await git('status', '--porcelain=v1', '-z', '--untracked-files=all', '--no-renames', '--', ...paths)
  // Nothing to say about an ignored file, where `add` is the one that explains.
  const known = split(await git('ls-files', '-z', '--', ...paths))
  const unknown = paths.filter(path => !known.includes(path))
  if (changes === '' && unknown.length === 0) return null
  // The intent alone makes a file known to `commit --only`, which takes the content from the work tree itself.
  if (unknown.length > 0) await git('add', '--intent-to-add', '--', ...unknown)
  try {
    await git('commit', '--quiet', '--only', '--message', message, '--', ...paths)
  } catch (error) {
    if (unknown.length > 0) await git('rm', '--cached', '--quiet', '--force', '--', ...unknown)
    throw error
  }
  return {sha7: (await git('rev-parse', '--verify', 'HEAD')).slice(0, 7)}
}

// ---

function split(text: string): string[] {
  return text.split('\0').filter(path => path !== '')
}
