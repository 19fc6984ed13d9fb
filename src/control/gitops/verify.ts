// Whether commits are signed by people who are believed. git checks the signatures (`git log --format=%G?`), with the file
// of believed keys and the programs given here, so that neither the configuration of the repository nor a key ring of the
// user that runs routesd has a say. What git answers is read, never its exit code: unsigned commits are no error to it.

import {execFile} from 'node:child_process'
import {mkdtemp, readFile, realpath, rm} from 'node:fs/promises'
import {tmpdir} from 'node:os'
import {join, relative} from 'node:path'
import {promisify} from 'node:util'
import {messageOf} from '../../base/errors.ts'
import {GitError, openGit} from './git.ts'

export type SignaturePolicy = {
  /** head: the tip is signed. range: every commit after the one that is served is. */
  readonly mode: 'head' | 'range'
  /** Absolute: an allowed signers file (ssh-keygen(1)), or OpenPGP public keys, armored or not. */
  readonly signers: string
  /** Names that are believed; empty: every key in the file. */
  readonly principals: readonly string[]
}

/** Why commits are not believed. */
export type Unverified = {
  readonly reason: 'Unsigned' | 'UnknownSigner' | 'BadSignature' | 'NotAllowed' | 'TooManyCommits' | 'SignersUnusable'
  readonly message: string
}

/** More commits than this are not verified at once. */
export const RANGE_MAX = 1_000

/**
 * Verifies `tip`, and in mode range every commit that it has and `base` has not; without a base only `tip`. Returns null
 * when they are believed. Throws GitError when git cannot say.
 */
export async function verifyCommits(
  folder: string,
  policy: SignaturePolicy,
  {base, tip}: {readonly base: string | null; readonly tip: string},
): Promise<Unverified | null> {
  const anchor = await readAnchor(policy.signers, folder)
  if (anchor.kind === 'unusable') return {reason: 'SignersUnusable', message: anchor.why}
  const ring = anchor.kind === 'pgp' ? await openKeyRing(policy.signers) : null
  try {
    const commits = await readSignatures(folder, policy, ring, base, tip)
    if (commits.length > RANGE_MAX) return tooMany(base, tip)
    for (const commit of commits) {
      const problem = judge(commit, policy.principals)
      if (problem !== null) return problem
    }
    // `git log` of a commit says at least that commit; nothing at all would be a mistake of ours, and must not pass.
    return commits.length > 0 ? null : {reason: 'BadSignature', message: `git says nothing about ${tip}`}
  } catch (error) {
    if (error instanceof KeyRingError) return {reason: 'SignersUnusable', message: error.message}
    throw error
  } finally {
    if (ring !== null) await rm(ring, {recursive: true, force: true})
  }
}

// ---

type Signature = {
  readonly sha: string
  readonly verdict: string
  /** As the file of signers calls it; of OpenPGP the user id. */
  readonly signer: string
  readonly fingerprints: readonly string[]
  readonly author: string
  readonly subject: string
}

class KeyRingError extends Error {}

const FIELDS = ['%H', '%G?', '%GS', '%GF', '%GP', '%an <%ae>', '%s']
/** Every signature is a process or two. */
const VERIFY_LIMIT_MS = 60_000

async function readAnchor(
  signers: string,
  folder: string,
): Promise<{kind: 'ssh'} | {kind: 'pgp'} | {kind: 'unusable'; why: string}> {
  try {
    const [file, top, bytes] = await Promise.all([realpath(signers), realpath(folder), readFile(signers)])
    // Whoever pushes could add a key of their own.
    if (!relative(top, file).startsWith('..')) {
      return {kind: 'unusable', why: `git.verify.signers ${signers} lies inside the repository that it is to guard`}
    }
    return {kind: isPgp(bytes) ? 'pgp' : 'ssh'}
  } catch (error) {
    return {kind: 'unusable', why: `git.verify.signers cannot be read: ${messageOf(error)}`}
  }
}

// RFC 9580 §4.2: the first byte of a packet has its highest bit set; §6.2 the armor.
function isPgp(bytes: Buffer): boolean {
  return (bytes[0] ?? 0) >= 0x80 || bytes.subarray(0, 4096).includes('-----BEGIN PGP')
}

// A key ring of its own, because gpg believes in all that is in the one it is given.
async function openKeyRing(signers: string): Promise<string> {
  const home = await mkdtemp(join(tmpdir(), 'routesd-gpg-'))
  try {
    await promisify(execFile)('gpg', ['--batch', '--no-tty', '--quiet', '--homedir', home, '--import', signers], {
      timeout: VERIFY_LIMIT_MS,
    })
    return home
  } catch (error) {
    await rm(home, {recursive: true, force: true})
    throw new KeyRingError(`gpg cannot use git.verify.signers ${signers}: ${messageOf(error)}`)
  }
}

async function readSignatures(
  folder: string,
  {mode, signers}: SignaturePolicy,
  ring: string | null,
  base: string | null,
  tip: string,
): Promise<Signature[]> {
  // The kind of a signature is its own affair, so the programs for the kinds that are not believed are taken away.
  const config =
    ring === null
      ? [`gpg.ssh.allowedSignersFile=${signers}`, 'gpg.ssh.program=ssh-keygen', 'gpg.program=false']
      : ['gpg.program=gpg', 'gpg.ssh.program=false', 'gpg.minTrustLevel=undefined']
  const git = openGit(folder, {
    timeoutMs: VERIFY_LIMIT_MS,
    config: [...config, 'gpg.x509.program=false', 'log.mailmap=false'],
    ...(ring === null ? {} : {environment: {GNUPGHOME: ring}}),
  })
  const say = (...which: string[]) =>
    git('log', '-z', '--no-show-signature', `--format=tformat:${FIELDS.join('%x00')}`, ...which, '--')
  const range = mode === 'range' && base !== null ? await say(`-${RANGE_MAX + 1}`, `${base}..${tip}`) : ''
  // Going back to an older commit brings none, and that one has to be signed all the same.
  const text = range === '' ? await say('-1', tip) : range
  const fields = text.split('\0')
  const found: Signature[] = []
  for (let at = 0; at + FIELDS.length <= fields.length; at += FIELDS.length) {
    const [sha = '', verdict = '', signer = '', key = '', primary = '', author = '', subject = ''] = fields.slice(at)
    found.push({sha, verdict, signer, fingerprints: [key, primary].filter(Boolean), author, subject})
  }
  if (found.length * FIELDS.length + 1 !== fields.length)
    throw new GitError('failed', 'git log answers in another form')
  return found
}

// git-log(1) on %G?. 'U', a good signature of unknown validity, is all that a key in a fresh OpenPGP ring can have; of SSH
// it says that the key is not in the file, and names no signer.
function judge(commit: Signature, principals: readonly string[]): Unverified | null {
  const {sha, verdict, signer, fingerprints, author, subject} = commit
  const what = `commit ${sha.slice(0, 7)} (${subject.slice(0, 80)}) by ${author}`
  const by = [signer || 'somebody', ...fingerprints.slice(0, 1)].join(', ')
  switch (verdict) {
    case 'N':
      return {reason: 'Unsigned', message: `${what} is not signed`}
    case 'G':
    case 'U': {
      if (signer === '') {
        const message = `${what} is signed with ${fingerprints[0] ?? 'a key'}, which is not in git.verify.signers`
        return {reason: 'UnknownSigner', message}
      }
      if (principals.length === 0 || namesOf(commit).some(name => principals.includes(name))) return null
      return {reason: 'NotAllowed', message: `${what} is signed by ${by}, who is not in git.verify.principals`}
    }
    case 'E':
      return {reason: 'UnknownSigner', message: `${what} is signed with a key that is not in git.verify.signers`}
    case 'X':
    case 'Y':
      return {reason: 'BadSignature', message: `${what} is signed by ${by}, whose signature or key has expired`}
    case 'R':
      return {reason: 'BadSignature', message: `${what} is signed by ${by}, whose key is revoked`}
    default:
      return {reason: 'BadSignature', message: `${what} has a signature that is not valid now: made by ${by}`}
  }
}

// 'a@x.org,b@x.org' of an allowed signers file; 'Ada <a@x.org>' of OpenPGP.
function namesOf({signer, fingerprints}: Signature): string[] {
  const mail = /<([^<>]+)>$/.exec(signer)?.[1]
  return [signer, ...signer.split(','), ...(mail ? [mail] : []), ...fingerprints]
}

function tooMany(base: string | null, tip: string): Unverified {
  const message =
    `more than ${RANGE_MAX} commits between ${base?.slice(0, 7)} and ${tip.slice(0, 7)} would have to be verified; ` +
    'start once with git.verify.mode: head'
  return {reason: 'TooManyCommits', message}
}
