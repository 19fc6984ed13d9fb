// How git reaches a remote over ssh: with the one key that is given, only where the host key is known, and without a
// question to anybody.

import {mkdtemp, rm, writeFile} from 'node:fs/promises'
import {tmpdir} from 'node:os'
import {join} from 'node:path'

export type SshSettings = {
  /** A file, absolute, or the text of a key that stands in none. */
  readonly key: {readonly path: string} | {readonly text: string} | null
  /** Absolute; null: those of the user that runs routesd. */
  readonly knownHosts: string | null
}

export type SshCommand = {
  readonly environment: Readonly<Record<string, string>>
  close(): Promise<void>
}

/** The environment for git; `close` removes what had to be written for it. */
export async function prepareSsh({key, knownHosts}: SshSettings, timeoutMs: number): Promise<SshCommand> {
  const folder = key !== null && 'text' in key ? await mkdtemp(join(tmpdir(), 'routesd-ssh-')) : null
  const path = folder === null ? (key !== null && 'path' in key ? key.path : null) : join(folder, 'key')
  if (folder !== null && path !== null && key !== null && 'text' in key) {
    // OpenSSH does not read a key without a line end after it.
    await writeFile(path, `${key.text.trimEnd()}\n`, {mode: 0o600})
  }
  return {
    environment: {GIT_SSH_COMMAND: commandFor(path, knownHosts, timeoutMs), GIT_SSH_VARIANT: 'ssh'},
    async close() {
      if (folder !== null) await rm(folder, {recursive: true, force: true})
    },
  }
}

/** A word of a command for /bin/sh. */
export function shellQuote(word: string): string {
  return `'${word.replaceAll("'", "'\\''")}'`
}

// ---

// ssh_config(5); what stands on the command line wins over every file.
function commandFor(key: string | null, knownHosts: string | null, timeoutMs: number): string {
  const options = [
    'BatchMode=yes',
    'StrictHostKeyChecking=yes',
    'PasswordAuthentication=no',
    'ClearAllForwardings=yes',
    `ConnectTimeout=${Math.max(1, Math.ceil(timeoutMs / 1000))}`,
    'ServerAliveInterval=15',
    ...(key === null ? [] : ['IdentitiesOnly=yes']),
    ...(knownHosts === null ? [] : [`UserKnownHostsFile="${knownHosts}"`, 'GlobalKnownHostsFile=none']),
  ]
  const words = ['ssh', ...(key === null ? [] : ['-i', key]), ...options.flatMap(option => ['-o', option])]
  return words.map(shellQuote).join(' ')
}
