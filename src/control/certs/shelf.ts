// What the vault holds of certificates, read once and kept in memory. The vault, and the key to it, are not made before
// there is something to keep.

import {AppError, messageOf} from '../../base/errors.ts'
import type {Log} from '../../base/log.ts'
import {settledValue} from '../../base/settle.ts'
import {createStore, type Kept, type NewRecord, type Store, type Unreadable} from './store.ts'
import type {Vault} from './vault.ts'

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
  keep(record: NewRecord): Promise<Kept>
  /** Keeps several, each whatever becomes of the others; what became of each, in their order. Throws when there is no vault. */
  keepEach(records: readonly NewRecord[]): Promise<PromiseSettledResult<Kept>[]>
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
    for (const entry of found.kept) kept.set(entry.record.id, entry)
    for (const {message} of found.unreadable) log.error('a certificate is unavailable', {why: message})
    unreadable = found.unreadable
    problem = ''
    opened = {vault, store}
    return opened
  }

  async function keepEach(records: readonly NewRecord[]): Promise<PromiseSettledResult<Kept>[]> {
    const {store} = await open()
    const results = await store.putEach(records)
    const entries = results.flatMap(result => (result.status === 'fulfilled' ? [result.value] : []))
    for (const entry of entries) {
      const {record, facts} = entry
      kept.set(record.id, entry)
      log.info('a certificate is kept', {id: record.id, issuer: facts.issuer, serial: facts.serial})
    }
    const replaced = new Set(entries.map(({record}) => record.id))
    unreadable = unreadable.filter(({id}) => !replaced.has(id))
    return results
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
    keep: async record => settledValue((await keepEach([record]))[0]),
    keepEach,
  }
}

/** The message and what to do about it, in one line. */
export function sentenceOf(error: unknown): string {
  const hint = error instanceof AppError && error.hint !== null ? ` (${error.hint})` : ''
  return `${messageOf(error)}${hint}`
}
