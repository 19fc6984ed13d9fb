// Who gets certificates of a public authority, and what he works with. Types only.

import type {CertificateRecord} from './store.ts'
import type {Vault} from './vault.ts'

/** Gets and renews certificates of a public authority, in its own time. */
export type Scheduler = {
  /** All names that should have a certificate each; called again whenever they may be others. */
  want(names: readonly string[]): void
  /** When that of a name will be renewed, and what the last try failed of, '' for nothing. */
  stateOf(name: string): {readonly renewAt: string | null; readonly error: string}
  /** Renews that of a name now, or tries again; throws AppError when it is not time, or not one of its names. */
  renew(name: string): void
  close(): void
}

export type Desk = {
  readonly vault: Vault
  /** Certificates of its making, as they were kept. */
  kept(): readonly CertificateRecord[]
  /** Keeps one; resolves when it is on the disk and every worker serves it. */
  keep(issued: {readonly names: readonly string[]; readonly cert: string; readonly key: string}): Promise<void>
  /** What `stateOf` answers is another now. */
  changed(): void
}
