// Certificates of a public authority over ACME (RFC 8555).

import {type Clock, systemClock} from '../../../base/clock.ts'
import {AcmeError, type CertificateIssuer, type Issued, type IssueOptions} from '../issuer.ts'
import type {Vault} from '../vault.ts'
import {createAccount, newKeyPair} from './account.ts'
import {askRenewalInfo, renewalId} from './ari.ts'
import {createDirectory} from './directory.ts'
import {carryOut} from './engine.ts'
import type {ExternalAccount} from './jws.ts'
import type {Order, Pace} from './order.ts'
import {failureOf, shortType} from './problem.ts'
import type {Prover} from './prover.ts'
import {createSession} from './session.ts'
import {createTransport, type Transport} from './transport.ts'

export type AcmeIssuerParts = {
  readonly directoryUrl: string
  /** '' for none. */
  readonly email: string
  /** What lies in files or the environment, read when it is first needed. */
  readonly readSecrets: () => Promise<AcmeSecrets>
  /** Also made when it is first needed; throws AcmeError. */
  readonly prover: () => Promise<Prover>
  readonly vault: Vault
  readonly userAgent: string
  /** Something that was set for a challenge could not be removed. */
  readonly onLeftBehind: (name: string, error: unknown) => void
  readonly clock?: Clock
  readonly pace?: Pace
  /** Of one request. */
  readonly deadlineMs?: number
}

export type AcmeSecrets = {
  /** PEM; null: the system's. */
  readonly ca: string | null
  readonly externalAccount: ExternalAccount | null
}

export type AcmeIssuer = CertificateIssuer & {close(): void}

const PACE: Pace = {pollMs: 1_000, limitMs: 90_000}
/** What the strictest profile of Let's Encrypt takes. */
const NAMES_MAX = 25

export function createAcmeIssuer(parts: AcmeIssuerParts): AcmeIssuer {
  const {directoryUrl, email, vault, clock = systemClock, pace = PACE, onLeftBehind} = parts
  const account = createAccount(vault, directoryUrl)
  let opened: Promise<Opened> | null = null
  let transport: Transport | null = null

  // What cannot be read today may be there tomorrow.
  const open = () => {
    opened ??= start().catch(error => {
      opened = null
      throw error
    })
    return opened
  }

  async function start(): Promise<Opened> {
    const secrets = await parts.readSecrets()
    const isSecure = directoryUrl.startsWith('https:')
    const {userAgent, deadlineMs} = parts
    const made = createTransport({userAgent, ca: secrets.ca, isSecure, clock, ...(deadlineMs ? {deadlineMs} : {})})
    transport = made
    const directory = createDirectory(directoryUrl, made, clock)
    const session = createSession(made, directory, async () => (await account.key()).privateKeyJwk)
    return {transport: made, directory, session, secrets, prover: await parts.prover()}
  }

  async function orderFor(options: IssueOptions): Promise<Order> {
    const {directory: ask, session, secrets, prover} = await open()
    const directory = await ask()
    if (directory.needsExternalAccount && secrets.externalAccount === null)
      throw refusal('external-account', 'the authority needs an external account: set acme.eab')
    const profile = options.profile || null
    if (profile !== null && directory.profiles !== null && !directory.profiles.includes(profile)) {
      const known = directory.profiles.join(', ') || 'none'
      throw refusal('profile', `the authority has no profile '${profile}': it has ${known}`)
    }
    const replaces =
      options.replaces === undefined || directory.renewalInfo === null ? null : renewalId(options.replaces)
    return {
      directory,
      session,
      account,
      contacts: email === '' ? [] : [email],
      externalAccount: secrets.externalAccount,
      key: newKeyPair(),
      profile,
      replaces,
      prover,
      pace,
      onLeftBehind,
      presented: new Set(),
      pems: null,
    }
  }

  async function issueOnce(names: readonly string[], options: IssueOptions): Promise<Issued> {
    const order = await orderFor(options)
    checkNames(names, order.prover)
    const {cert, chain} = await carryOut(order, directoryUrl, names)
    return {cert: [cert, chain].map(pem => `${pem.trim()}\n`).join(''), key: order.key.privateKeyPem, names}
  }

  return {
    async issue(names, options = {}) {
      try {
        return await issueOnce(names, options).catch(async error => {
          // The authority has lost the account, or is another one behind the same address: the key stays, its URL is new.
          if (!(error instanceof AcmeError) || shortType(error.type) !== 'accountDoesNotExist') throw error
          await account.setKid(null)
          return issueOnce(names, options)
        })
      } catch (error) {
        throw failureOf(error, names[0] ?? '')
      }
    },
    async renewalInfo(cert) {
      try {
        const {transport: sender, directory} = await open()
        const {renewalInfo} = await directory()
        return renewalInfo === null ? null : await askRenewalInfo(sender, renewalInfo, cert, clock)
      } catch (error) {
        throw failureOf(error, directoryUrl)
      }
    },
    close: () => transport?.close(),
  }
}

// ---

type Opened = {
  readonly transport: Transport
  readonly directory: ReturnType<typeof createDirectory>
  readonly session: ReturnType<typeof createSession>
  readonly secrets: AcmeSecrets
  readonly prover: Prover
}

function checkNames(names: readonly string[], {kind}: Prover): void {
  if (names.length === 0 || names.length > NAMES_MAX)
    throw refusal('names', `a certificate has between 1 and ${NAMES_MAX} names, not ${names.length}`)
  for (const name of names) {
    if (!/^(\*\.)?([a-z0-9_-]+\.)+[a-z0-9-]+$/.test(name))
      throw refusal('names', `${JSON.stringify(name)} is no name that a public authority signs`)
    if (name.startsWith('*.') && kind !== 'dns-01')
      throw refusal('wildcard', `${name} needs acme.dns: authorities sign wildcards only for who controls DNS (dns-01)`)
  }
}

function refusal(type: string, detail: string): AcmeError {
  return new AcmeError({status: 0, type, detail, retryAfterMs: null, retryable: false})
}
