// People who sign commits with ssh keys made for one test.

import {execFile} from 'node:child_process'
import {readFile} from 'node:fs/promises'
import {promisify} from 'node:util'
import type {Folder} from './folder.ts'
import type {Repo} from './repo.ts'

const run = promisify(execFile)

export type Signer = {
  /** A line of an allowed signers file. */
  readonly line: string
  /** Commits everything, signed, and returns the first 7 digits. */
  commit(repo: Repo, message: string): Promise<string>
}

/** Makes a key for `name`; null where there is no ssh-keygen. */
export async function createSigner(folder: Folder, name: string, options = ''): Promise<Signer | null> {
  const key = folder.at(`key-${name.replace(/\W/g, '-')}`)
  try {
    await run('ssh-keygen', ['-q', '-t', 'ed25519', '-N', '', '-C', name, '-f', key])
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return null
    throw error
  }
  const [type, text] = (await readFile(`${key}.pub`, 'utf8')).split(' ')
  return {
    line: [name, ...(options === '' ? [] : [options]), type, text].join(' '),
    async commit(repo, message) {
      await repo.git('add', '--all')
      const sign = ['-c', 'gpg.format=ssh', '-c', `user.signingkey=${key}.pub`]
      await repo.git(...sign, 'commit', '--quiet', '--allow-empty', '--gpg-sign', '--message', message)
      return (await repo.git('rev-parse', 'HEAD')).slice(0, 7)
    },
  }
}

/** A body that needs ssh-keygen: without it the test says why it does nothing. */
export async function signersOf(folder: Folder, ...names: string[]): Promise<Signer[]> {
  const signers: Signer[] = []
  for (const name of names) {
    const signer = await createSigner(folder, name)
    if (signer === null) {
      console.log('skipped: there is no ssh-keygen on this machine')
      return []
    }
    signers.push(signer)
  }
  return signers
}
