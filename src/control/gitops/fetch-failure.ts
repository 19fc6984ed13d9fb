// Why a fetch failed, as a word for machines and a line for people, out of what git and ssh say.

import {withoutCredentials} from '../../base/git-remote.ts'
import type {GitError} from './git.ts'

export type FetchReason =
  | 'GitMissing'
  | 'AuthenticationFailed'
  | 'HostKeyUnknown'
  | 'CertificateUnknown'
  | 'RemoteMissing'
  | 'BranchMissing'
  | 'Unreachable'
  | 'TimedOut'
  | 'DiskFull'
  | 'CredentialMissing'
  | 'Failed'

export class FetchError extends Error {
  readonly reason: FetchReason

  constructor(reason: FetchReason, message: string) {
    super(withoutCredentials(message))
    this.name = 'FetchError'
    this.reason = reason
  }
}

/** What a failure of git means; 'Failed' is what may just as well be the fault of the mirror. */
export function explainFetch({kind, message, said}: GitError, branch: string): FetchError {
  if (kind === 'missing') return new FetchError('GitMissing', message)
  for (const [reason, pattern, what] of SAID) {
    const line = said.split('\n').find(one => pattern.test(one))
    if (line !== undefined) return new FetchError(reason, `${what.replace('BRANCH', branch)}: ${tidy(line)}`)
  }
  return new FetchError('Failed', tidy(message))
}

// ---

const SAID: readonly (readonly [FetchReason, RegExp, string])[] = [
  ['DiskFull', /no space left on device|disk quota exceeded/i, 'the mirror cannot be written'],
  [
    'HostKeyUnknown',
    /host key verification failed|host key is known|remote host identification has changed/i,
    'the host key is not believed',
  ],
  [
    'CertificateUnknown',
    /certificate verif(y|ication) failed|ssl certificate problem|certificate subject name|no alternative certificate/i,
    "the remote's certificate is not believed",
  ],
  [
    'AuthenticationFailed',
    /authentication failed|permission denied|could not read (username|password)|access denied|invalid credentials|returned error: 40[13]/i,
    'the remote does not let us in',
  ],
  ['BranchMissing', /couldn't find remote ref|remote branch .* not found/i, 'the remote has no branch BRANCH'],
  [
    'RemoteMissing',
    /repository .*not found|does not appear to be a git repository|does not exist|returned error: 404|dubious ownership/i,
    'there is no repository that could be read',
  ],
  [
    'Unreachable',
    /could not resolve|couldn't connect|failed to connect|connection (refused|reset|closed|timed out)|no route to host|network is unreachable|operation too slow|returned error: 5\d\d|the remote end hung up/i,
    'the remote cannot be reached',
  ],
]

function tidy(line: string): string {
  return line.replace(/^((error|fatal|remote|ssh): )+/i, '').slice(0, 500)
}
