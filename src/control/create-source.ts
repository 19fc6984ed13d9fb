// The source that the settings ask for.

import {resolve} from 'node:path'
import type {Clock} from '../base/clock.ts'
import type {Log} from '../base/log.ts'
import {credentialPath, readSecret} from '../base/secret.ts'
import {createCommitSource} from './commit-source.ts'
import type {GitSettings} from './config/git-settings.ts'
import type {Settings} from './config/settings.ts'
import type {SshSettings} from './gitops/ssh.ts'
import {createLocalOrigin} from './local-origin.ts'
import {createRemoteOrigin} from './remote-origin.ts'
import type {Source} from './source.ts'
import {createWorktreeSource} from './worktree-source.ts'

export async function createSource(
  settings: Pick<Settings, 'routes' | 'routesLabel' | 'state' | 'git'>,
  parts: {
    readonly clock: Clock
    readonly log: Log
    readonly rescanMs?: number
    readonly onFetch?: (isDone: boolean) => void
  },
): Promise<Source> {
  const {git, routes: root, routesLabel: label, state} = settings
  if (git.serve === 'worktree') return createWorktreeSource({...parts, root, label})
  const {remote, ssh, token, folder} = git
  const origin =
    remote === null
      ? await createLocalOrigin({...parts, root, label, path: git.path})
      : createRemoteOrigin({
          ...parts,
          ...git,
          state,
          remote,
          readSsh: ssh === null ? null : () => readSsh(ssh, folder),
          readToken: token === null ? null : () => readSecret(token, folder),
        })
  return createCommitSource({origin, fastForwardOnly: git.fastForwardOnly, verify: git.verify})
}

// ---

// A key that lies in a file stays there: ssh reads it by itself.
async function readSsh({key, knownHosts}: NonNullable<GitSettings['ssh']>, folder: string): Promise<SshSettings> {
  if (key.file !== undefined) return {key: {path: resolve(folder, key.file)}, knownHosts}
  if (key.credential !== undefined) return {key: {path: credentialPath(key.credential)}, knownHosts}
  return {key: {text: await readSecret(key, folder)}, knownHosts}
}
