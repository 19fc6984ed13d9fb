// The local authority: certificates for names that no public authority may vouch for. Whoever trusts its root should risk
// as little as possible by it, so the root may sign for localhost and private addresses only; for single labels and other
// addresses, which no constraint can tell from the rest of the world, there is a second root, made when it is first needed.

import {
  createPrivateKey,
  createPublicKey,
  generateKeyPairSync,
  type KeyObject,
  randomBytes,
  X509Certificate,
} from 'node:crypto'
import {isIP} from 'node:net'
import type {Clock} from '../../base/clock.ts'
import {AppError} from '../../base/errors.ts'
import {isPrivateName, PRIVATE} from './names.ts'
import type {Vault} from './vault.ts'
import {type AuthorityUse, signCertificate} from './x509.ts'

export type LocalCa = {
  /** A new certificate and key for all of these names, as PEM, good for 90 days. */
  issue(names: readonly string[]): Promise<{cert: string; key: string}>
  /** Roots that there are, as PEM, none of them made for this. */
  roots(): Promise<string[]>
}

const KIND = 'local-ca'
const DAY_MS = 86_400_000
/** Clocks of clients are not always right. */
const EARLY_MS = DAY_MS
const ROOT_DAYS = 3650
// Far less than the 397 days that clients put up with; renewed without anybody having to know.
const SERVER_DAYS = 90
// X.520: upper bound of a common name.
const COMMON_NAME_MAX = 64

const AUTHORITIES = {
  private: {title: 'routesd local CA', use: {kind: 'authority', permitted: PRIVATE}},
  any: {title: 'routesd local CA for any name', use: {kind: 'authority', permitted: null}},
} as const satisfies Record<string, {title: string; use: AuthorityUse}>

type AuthorityName = keyof typeof AUTHORITIES
type Authority = {
  readonly cert: string
  readonly key: KeyObject
  readonly subject: string
  readonly publicKey: KeyObject
}

export function createLocalCa({vault, clock}: {readonly vault: Vault; readonly clock: Clock}): LocalCa {
  const known = new Map<AuthorityName, Promise<Authority>>()

  function authority(name: AuthorityName): Promise<Authority> {
    const made = known.get(name) ?? open(name)
    known.set(name, made)
    made.catch(() => known.delete(name))
    return made.then(found => {
      if (lastsFor(found, clock.now()) >= SERVER_DAYS * DAY_MS) return found
      known.delete(name)
      return authority(name)
    })
  }

  async function open(name: AuthorityName): Promise<Authority> {
    const kept = await read(vault, name)
    if (kept !== null && lastsFor(kept, clock.now()) >= SERVER_DAYS * DAY_MS) return kept
    const {record, made} = makeAuthority(name, clock.now())
    await vault.write(KIND, name, Buffer.from(JSON.stringify(record)))
    return made
  }

  return {
    async issue(names) {
      const issuer = await authority(names.every(isPrivateName) ? 'private' : 'any')
      const {publicKey, privateKey} = generateKeyPairSync('ec', {namedCurve: 'P-256'})
      // An address as common name would be held against the constraints as if it were a domain.
      const subject = names.find(name => isIP(name) === 0 && name.length <= COMMON_NAME_MAX) ?? ''
      const cert = signCertificate({
        subject,
        issuer: issuer.subject,
        publicKey,
        issuerPublicKey: issuer.publicKey,
        issuerKey: issuer.key,
        notBeforeMs: clock.now() - EARLY_MS,
        notAfterMs: clock.now() + SERVER_DAYS * DAY_MS,
        use: {kind: 'server', names},
      })
      return {cert, key: pemOf(privateKey)}
    },
    async roots() {
      const found = await Promise.all((['private', 'any'] as const).map(name => read(vault, name)))
      return found.flatMap(root => (root === null ? [] : [root.cert]))
    },
  }
}

// ---

function makeAuthority(name: AuthorityName, nowMs: number): {record: {cert: string; key: string}; made: Authority} {
  const {title, use} = AUTHORITIES[name]
  const {publicKey, privateKey} = generateKeyPairSync('ec', {namedCurve: 'P-256'})
  // Roots of two machines in one trust store must not go by the same name.
  const subject = `${title} ${randomBytes(3).toString('hex')}`
  const cert = signCertificate({
    subject,
    issuer: subject,
    publicKey,
    issuerPublicKey: publicKey,
    issuerKey: privateKey,
    notBeforeMs: nowMs - EARLY_MS,
    notAfterMs: nowMs + ROOT_DAYS * DAY_MS,
    use,
  })
  return {record: {cert, key: pemOf(privateKey)}, made: {cert, key: privateKey, subject, publicKey}}
}

async function read(vault: Vault, name: AuthorityName): Promise<Authority | null> {
  const bytes = await vault.read(KIND, name)
  if (bytes === null) return null
  const {cert, key} = Object(JSON.parse(bytes.toString())) as {cert: unknown; key: unknown}
  if (typeof cert !== 'string' || typeof key !== 'string')
    throw new AppError(`${vault.pathOf(KIND, name)} holds no certificate and key`)
  const privateKey = createPrivateKey(key)
  const subject = new X509Certificate(cert).subject.replace(/^CN=/, '')
  return {cert, key: privateKey, subject, publicKey: createPublicKey(privateKey)}
}

function lastsFor({cert}: Authority, nowMs: number): number {
  return new X509Certificate(cert).validToDate.getTime() - nowMs
}

function pemOf(key: KeyObject): string {
  return key.export({type: 'pkcs8', format: 'pem'}).toString()
}
