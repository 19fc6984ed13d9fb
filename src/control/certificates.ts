// Certificates as the daemon keeps them: what control/certs does, fed from the settings and from what is served.

import type {CertOperations, CertRow, Condition, Outcome, Status} from '../admin/protocol.ts'
import type {Clock} from '../base/clock.ts'
import {AppError, EXIT} from '../base/errors.ts'
import {type Certificates, type CertificatesParts, createCertificates, type Wanted} from './certs/certificates.ts'
import {stateVault} from './certs/state-vault.ts'
import {certificateFiles, vaultKey} from './config/certificate-files.ts'
import type {Settings} from './config/settings.ts'
import type {ServableSet} from './verdict.ts'

export type CertificateKeeping = CertOperations & {
  /** Before a set is served, and after. Neither throws. */
  prepare(next: ServableSet): Promise<void>
  watch(now: ServableSet): Promise<void>
  /** See control/certs. */
  readonly setScheduler: Certificates['setScheduler']
  health(): Status['health']
  /** null while nothing is wrong. */
  condition(): Condition | null
  close(): void
}

export type KeepingParts = Pick<CertificatesParts, 'clock' | 'log' | 'plane' | 'onChange' | 'scheduler'> & {
  /** Those in force. */
  readonly settings: () => Settings
}

/** Rows named in one message. */
const NAMED = 3

export function createCertificateKeeping({settings, clock, log, ...parts}: KeepingParts): CertificateKeeping {
  const vault = stateVault({state: settings().state, readKey: vaultKey(settings()), env: process.env})
  const certificates = createCertificates({...parts, clock, log, openVault: vault.open, isVaultInUse: vault.isInUse})
  const since = createSince(clock)
  // Without https nobody is shown a certificate, and none is made.
  const wantedBy = ({snapshot, config, repository}: ServableSet): Wanted =>
    settings().listen.https === null
      ? {hosts: [], own: []}
      : {hosts: snapshot.routes.map(({host}) => host), own: certificateFiles(settings(), config, repository)}

  return {
    prepare: next => certificates.prepare(wantedBy(next)),
    watch: now => certificates.watch(wantedBy(now)),
    rows: certificates.rows,
    setScheduler: certificates.setScheduler,
    close: certificates.close,
    health() {
      const message = describe(certificates.failing())
      return message === '' ? {state: 'Healthy', message} : {state: 'Degraded', message}
    },
    condition() {
      const message = describe(certificates.failing())
      if (message === '') return since.nothing()
      return {
        type: 'CertificateFailing',
        status: 'True',
        reason: 'Failing',
        message,
        since: since.now(),
        revision: null,
      }
    },
    import: (cert, key) => outcome(certificates.import(cert, key)),
    export: (idOrName, withKey) =>
      outcome(certificates.export(idOrName).then(({id, cert, key}) => ({id, cert, key: withKey ? key : null}))),
    renew: idOrName => outcome(certificates.renew(idOrName)),
    roots: () => outcome(certificates.roots().then(roots => ({roots}))),
    rekey: key => outcome(certificates.withVault(opened => vault.rekey(opened, key))),
  }
}

// ---

function describe(rows: readonly CertRow[]): string {
  const [first] = rows
  if (first === undefined) return ''
  const wordsOf = ({commonName, state, error, notAfter}: CertRow) =>
    state === 'expired' ? `${commonName} expired on ${notAfter}${error && `: ${error}`}` : `${commonName}: ${error}`
  // The same reason for many names, as when there is no ACME, is said once.
  const same = rows.filter(row => row.error === first.error && row.state === first.state)
  if (rows.length > NAMED && same.length === rows.length)
    return `${rows.length} certificates, among them ${wordsOf(first)}`
  const more = rows.length - NAMED
  return `${rows.slice(0, NAMED).map(wordsOf).join('; ')}${more > 0 ? ` and ${more} more` : ''}`
}

function createSince(clock: Clock): {now(): string; nothing(): null} {
  let since = ''
  return {
    now() {
      since ||= new Date(clock.now()).toISOString()
      return since
    },
    nothing() {
      since = ''
      return null
    },
  }
}

// What a person can act on is an answer; anything else is a bug, and thrown.
async function outcome<T>(work: Promise<T>): Promise<Outcome<T>> {
  try {
    return {answer: await work}
  } catch (error) {
    if (!(error instanceof AppError)) throw error
    const message = `${error.message}${error.hint === null ? '' : ` (${error.hint})`}`
    const refused = error.exitCode === EXIT.findings ? {status: 422, code: 'unusable'} : {status: 409, code: 'refused'}
    return {refused: {...refused, message}}
  }
}
