// The `git` of routesd.yaml: which commits are served, where they come from and who is believed.

import {resolve} from 'node:path'
import {type Address, parseAddress} from '../../base/address.ts'
import {type GitRemote, parseGitRemote} from '../../base/git-remote.ts'
import {parseDuration, parseFactor, parseShare} from '../../base/units.ts'
import type {Secret, SettingsGit, SettingsWebhook} from './types.ts'

export type GitSettings = {
  /** A remote implies 'commit'. */
  readonly serve: 'worktree' | 'commit'
  readonly remote: GitRemote | null
  readonly branch: string
  /** Folder of the routes in the remote, or in a bare repository. */
  readonly path: string
  readonly everyMs: number
  readonly timeoutMs: number
  /** knownHosts is absolute. */
  readonly ssh: {readonly key: Secret; readonly knownHosts: string | null} | null
  readonly token: Secret | null
  readonly fastForwardOnly: boolean
  readonly allowEmpty: boolean
  /** signers is absolute. */
  readonly verify: {
    readonly mode: 'head' | 'range'
    readonly signers: string
    readonly principals: readonly string[]
  } | null
  readonly webhook: {readonly listen: Address; readonly path: string; readonly secret: Secret} | null
  /** null: changes are not watched. */
  readonly soak: SoakSettings | null
  /** null: nobody has to confirm a change. */
  readonly confirmWithinMs: number | null
  /** What the paths of secrets count from. */
  readonly folder: string
}

export type SoakSettings = {
  readonly forMs: number
  /** Share of 5xx above that before the change. */
  readonly errorRate: number
  /** How many times as slow as before; null: that is not judged. */
  readonly latency: number | null
  readonly minRequests: number
}

/** `git` with every default filled in, as settings; paths count from `folder`. The words have been checked. */
export function gitSettingsOf(git: SettingsGit, folder: string): GitSettings {
  const remote = git.remote ? parseGitRemote(git.remote, folder) : null
  const {ssh, verify} = git
  const mode = verify?.mode
  const webhook = webhookOf(git)
  const listen = webhook?.listen ? parseAddress(webhook.listen) : null
  return {
    serve: remote === null ? (git.serve ?? 'worktree') : 'commit',
    remote: typeof remote === 'string' ? null : remote,
    branch: git.branch ?? 'main',
    path: git.path ?? 'routes.d',
    everyMs: parseDuration(git.every ?? '1m') ?? 60_000,
    timeoutMs: parseDuration(git.timeout ?? '60s') ?? 60_000,
    ssh: ssh
      ? {
          key: typeof ssh.key === 'string' ? {file: ssh.key} : ssh.key,
          knownHosts: ssh.knownHosts === undefined ? null : resolve(folder, ssh.knownHosts),
        }
      : null,
    token: git.token ?? null,
    fastForwardOnly: git.fastForwardOnly ?? true,
    allowEmpty: git.allowEmpty ?? false,
    verify:
      mode === 'head' || mode === 'range'
        ? {mode, signers: resolve(folder, verify?.signers ?? ''), principals: verify?.principals ?? []}
        : null,
    webhook: webhook && listen ? {listen, path: webhook.path ?? '/hook', secret: webhook.secret} : null,
    soak: soakOf(git),
    confirmWithinMs: parseDuration(git.confirmWithin || 'off'),
    folder,
  }
}

/** What a pattern cannot say: pointers below /git, and the words for what is wrong there. */
export function checkGitWords(git: SettingsGit): [pointer: string, message: string][] {
  const found: [string, string][] = []
  const remote = git.remote ? parseGitRemote(git.remote, '/') : null
  if (typeof remote === 'string') found.push(['/remote', `the remote ${remote}`])
  const {verify, token} = git
  const webhook = webhookOf(git)
  const isCommit = remote !== null || git.serve === 'commit'
  // Settings that are there to keep something out must not be without effect.
  if (!isCommit && verify?.mode && verify.mode !== 'off')
    found.push(['/verify/mode', 'files of a work tree carry no signature; set git.serve: commit, or git.remote'])
  if (remote === null && webhook)
    found.push(['/webhook', 'a webhook asks for a fetch, and there is no git.remote to fetch'])
  if (token && remote !== null && typeof remote !== 'string' && remote.kind === 'http' && !isLoopback(remote.url))
    found.push(['/token', 'anybody on the way could read the token; use an https remote'])
  const latency = soakOf(git)?.latency ?? null
  if (latency !== null && latency <= 1)
    found.push(['/soak/latency', 'as slow as before is no reason to go back; say how many times, such as 2x, or off'])
  const listen = webhook?.listen
  if (typeof listen === 'string' && listen !== 'off' && !parseAddress(listen))
    found.push(['/webhook/listen', `${JSON.stringify(listen)} is not a listen address`])
  return found
}

/** Whether a URL leads to this machine, so that nobody is on the way. */
export function isLoopback(url: string): boolean {
  const host = URL.parse(url)?.hostname
  return host === 'localhost' || host === '127.0.0.1' || host === '[::1]'
}

// ---

function webhookOf({webhook}: SettingsGit): SettingsWebhook | null {
  return typeof webhook === 'object' ? webhook : null
}

function soakOf({soak}: SettingsGit): SoakSettings | null {
  if (typeof soak !== 'object') return null
  return {
    forMs: parseDuration(soak.for ?? '2m') ?? 120_000,
    errorRate: parseShare(soak.errorRate ?? '5%') ?? 0.05,
    latency: parseFactor((soak.latency ?? '2x') || 'off'),
    minRequests: soak.minRequests ?? 50,
  }
}
