// Certificates that we keep, each with its chain and key in one file of the vault, so that they cannot mismatch.

import {AppError, messageOf} from '../../base/errors.ts'
import {inspect} from './inspect.ts'
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

/** A file that is there and cannot be used. */
export type Unreadable = {readonly id: string; readonly message: string}

export type Store = {
  /** Everything; what cannot be read keeps nothing else from being read. */
  load(): Promise<{readonly records: readonly CertificateRecord[]; readonly unreadable: readonly Unreadable[]}>
  /** Keeps a certificate in place of the one with its id, whose `createdAt` it takes over. Refuses a pair that does not match. */
  put(record: Omit<CertificateRecord, 'createdAt'>): Promise<CertificateRecord>
  remove(id: string): Promise<void>
}

const KIND = 'certificate'

/** 'acme-shop.example.com', 'local-_.x.localhost': no character that a shell or a file system minds. */
export function certificateId(issuer: CertificateRecord['issuer'], names: readonly string[]): string {
  return `${issuer}-${(names[0] ?? '').replace('*', '_')}`
}

export function createStore(vault: Vault): Store {
  async function read(id: string): Promise<CertificateRecord | null> {
    const bytes = await vault.read(KIND, id)
    return bytes === null ? null : parse(bytes.toString(), id, vault.pathOf(KIND, id))
  }
  return {
    async load() {
      const records: CertificateRecord[] = []
      const unreadable: Unreadable[] = []
      for (const id of await vault.list(KIND)) {
        try {
          const record = await read(id)
          if (record !== null) records.push(record)
        } catch (error) {
          unreadable.push({id, message: messageOf(error)})
        }
      }
      return {records, unreadable}
    },
    async put(record) {
      inspect(record.cert, record.key)
      // What cannot be read is as good as not there: it is being replaced.
      const before = await read(record.id).catch(() => null)
      const kept = {...record, createdAt: before?.createdAt ?? record.updatedAt}
      await vault.write(KIND, record.id, Buffer.from(JSON.stringify(kept)))
      return kept
    },
    remove: id => vault.remove(KIND, id),
  }
}

// ---

// Written by this program, but perhaps by another version of it.
function parse(text: string, id: string, path: string): CertificateRecord {
  const value = Object(JSON.parse(text)) as Record<string, unknown>
  const {names, cert, key, issuer, createdAt, updatedAt} = value
  const isIssuer = issuer === 'local' || issuer === 'acme' || issuer === 'import'
  const isNames = Array.isArray(names) && names.every(name => typeof name === 'string')
  const texts = [cert, key, createdAt, updatedAt]
  if (!isIssuer || !isNames || !texts.every(part => typeof part === 'string'))
    throw new AppError(`${path} holds no certificate record`)
  const record = {...value, id} as CertificateRecord
  try {
    inspect(record.cert, record.key)
  } catch (error) {
    throw new AppError(`${path} holds what cannot be used: ${messageOf(error)}`)
  }
  return record
}
