// Certificates that we keep, each with its chain and key in one file of the vault, so that they cannot mismatch.

import {AppError, messageOf} from '../../base/errors.ts'
import {settleEach} from '../../base/settle.ts'
import {type Facts, inspect} from './inspect.ts'
import type {Vault} from './vault.ts'

export type CertificateRecord = {
  /** Says what it is: who made it and its first name. Also its name in the vault. */
  readonly id: string
  /** Lower case. */
  readonly names: readonly string[]
  /** PEM, with the chain. */
  readonly cert: string
  /** PEM. */
  readonly key: string
  readonly issuer: 'local' | 'acme' | 'import'
  /** RFC 3339. */
  readonly createdAt: string
  readonly updatedAt: string
}

/** A certificate of the vault, and what it says. */
export type Kept = {readonly record: CertificateRecord; readonly facts: Facts}

/** A file that is there and cannot be used. */
export type Unreadable = {readonly id: string; readonly message: string}

export type Store = {
  /** Everything; what cannot be read keeps nothing else from being read. */
  load(): Promise<{readonly kept: readonly Kept[]; readonly unreadable: readonly Unreadable[]}>
  /**
   * Keeps each certificate in place of the one with its id, whose `createdAt` it takes over, whatever becomes of the others;
   * what became of each, in their order. Refuses a pair that does not match. No two have the same id.
   */
  putEach(records: readonly NewRecord[]): Promise<PromiseSettledResult<Kept>[]>
  remove(id: string): Promise<void>
}

/** As it is given to be kept. */
export type NewRecord = Omit<CertificateRecord, 'createdAt'>

const KIND = 'certificate'
/** Files read at a time. */
const PARALLEL = 16

/** 'acme-shop.example.com', 'local-_.x.localhost': no character that a shell or a file system minds. */
export function certificateId(issuer: CertificateRecord['issuer'], names: readonly string[]): string {
  return `${issuer}-${(names[0] ?? '').replace('*', '_')}`
}

export function createStore(vault: Vault): Store {
  async function read(id: string): Promise<Kept | null> {
    const bytes = await vault.read(KIND, id)
    return bytes === null ? null : parse(bytes.toString(), id, vault.pathOf(KIND, id))
  }

  async function ready(given: NewRecord): Promise<Kept> {
    const facts = inspect(given.cert, given.key)
    // What cannot be read is as good as not there: it is being replaced.
    const before = await read(given.id).catch(() => null)
    return {record: {...given, createdAt: before?.record.createdAt ?? given.updatedAt}, facts}
  }

  return {
    async load() {
      const ids = await vault.list(KIND)
      const kept: Kept[] = []
      const unreadable: Unreadable[] = []
      for (const [index, result] of (await settleEach(ids, PARALLEL, read)).entries()) {
        if (result.status === 'rejected') unreadable.push({id: ids[index] ?? '', message: messageOf(result.reason)})
        else if (result.value !== null) kept.push(result.value)
      }
      return {kept, unreadable}
    },
    async putEach(records) {
      const results = await settleEach(records, PARALLEL, ready)
      const entries = results.flatMap(result => (result.status === 'fulfilled' ? [result.value] : []))
      const things = entries.map(({record}) => ({name: record.id, content: Buffer.from(JSON.stringify(record))}))
      const written = (await vault.writeEach(KIND, things)).values()
      return results.map(result => {
        const outcome = result.status === 'fulfilled' ? written.next().value : undefined
        return outcome?.status === 'rejected' ? outcome : result
      })
    },
    remove: id => vault.remove(KIND, id),
  }
}

// ---

// Written by this program, but perhaps by another version of it.
function parse(text: string, id: string, path: string): Kept {
  const value = Object(JSON.parse(text)) as Record<string, unknown>
  const {names, cert, key, issuer, createdAt, updatedAt} = value
  const isIssuer = issuer === 'local' || issuer === 'acme' || issuer === 'import'
  const isNames = Array.isArray(names) && names.every(name => typeof name === 'string')
  const texts = [cert, key, createdAt, updatedAt]
  if (!isIssuer || !isNames || !texts.every(part => typeof part === 'string'))
    throw new AppError(`${path} holds no certificate record`)
  const record = {...value, id} as CertificateRecord
  try {
    return {record, facts: inspect(record.cert, record.key)}
  } catch (error) {
    throw new AppError(`${path} holds what cannot be used: ${messageOf(error)}`)
  }
}
