// What the vault holds of certificates, read once and kept in memory. The vault, and the key to it, are not made before
// there is something to keep.

import {AppError, messageOf} from '../../base/errors.ts'
import type {Log} from '../../base/log.ts'
import {type Facts, inspect} from './inspect.ts'
import {type CertificateRecord, createStore, type Store, type Unreadable} from './store.ts'
import type {Vault} from './vault.ts'

/** A certificate of the vault, and what it says. */
export type Kept = {readonly record: CertificateRecord; readonly facts: Facts}

export type Shelf = {
  /** Opens the vault and reads it, the first time; throws AppError. */
  open(): Promise<Vault>
  /** The same, or null; then `problem` says why, until it succeeds. */
  tryOpen(): Promise<Vault | null>
  problem(): string
  kept(): readonly Kept[]
  get(id: string): Kept | null
  unreadable(): readonly Unreadable[]
  /** Keeps a certificate in place of the one with its id; throws what the vault or the file system throws. */
  keep(record: Omit<CertificateRecord, 'createdAt'>): Promise<Kept>
}

export function createShelf({openVault, log}: {readonly openVault: () => Promise<Vault>; readonly log: Log}): Shelf {
  const kept = new Map<string, Kept>()
  let unreadable: readonly Unreadable[] = []
  let opened: {readonly vault: Vault; readonly store: Store} | null = null
  let problem = ''

  async function open(): Promise<{vault: Vault; store: Store}> {
    if (opened !== null) return opened
    const vault = await openVault()
    const store = createStore(vault)
    const found = await store.load()
    for (const record of found.records) kept.set(record.id, {record, facts: inspect(record.cert, record.key)})
    for (const {message} of found.unreadable) log.error('a certificate is unavailable', {why: message})
    unreadable = found.unreadable
    problem = ''
    opened = {vault, store}
    return opened
  }

  return {
    open: async () => (await open()).vault,
    async tryOpen() {
      try {
        return (await open()).vault
      } catch (error) {
        const words = sentenceOf(error)
        if (words !== problem) log.error('the vault cannot be opened', {why: words})
        problem = words
        return null
      }
    },
    problem: () => problem,
    kept: () => [...kept.values()],
    get: id => kept.get(id) ?? null,
    unreadable: () => unreadable,
    async keep(record) {
      const {store} = await open()
      const whole = await store.put(record)
      const entry = {record: whole, facts: inspect(whole.cert, whole.key)}
      kept.set(record.id, entry)
      unreadable = unreadable.filter(({id}) => id !== record.id)
      log.info('a certificate is kept', {id: record.id, issuer: entry.facts.issuer, serial: entry.facts.serial})
      return entry
    },
  }
}

/** The message and what to do about it, in one line. */
export function sentenceOf(error: unknown): string {
  const hint = error instanceof AppError && error.hint !== null ? ` (${error.hint})` : ''
  return `${messageOf(error)}${hint}`
}
