// One sealed file: what stands before it says how it is read, and everything of it is judged before a byte is believed.
//
//   'RDV' | version 1 | key id 8 | nonce 12 | AES-256-GCM of the content | tag 16
//
// What is authenticated with the content is its kind and name, so that one file cannot stand in for another.

import {createCipheriv, createDecipheriv, randomBytes} from 'node:crypto'
import type {VaultKey} from './vault-key.ts'

const MAGIC = Buffer.from('RDV')
const VERSION = 1
const VERSION_AT = MAGIC.length
const ID_AT = VERSION_AT + 1
const NONCE_AT = ID_AT + 8
const CONTENT_AT = NONCE_AT + 12
const TAG_BYTES = 16

/** The bytes of the file. A nonce is never used twice: 96 random bits are good for 2^32 files of one key (SP 800-38D §8.3). */
export function seal(key: VaultKey, kind: string, name: string, content: Uint8Array): Buffer {
  const nonce = randomBytes(CONTENT_AT - NONCE_AT)
  const cipher = createCipheriv('aes-256-gcm', key.bytes, nonce, {authTagLength: TAG_BYTES})
  cipher.setAAD(boundTo(kind, name))
  const sealed = [cipher.update(content), cipher.final()]
  return Buffer.concat([
    MAGIC,
    Buffer.from([VERSION]),
    Buffer.from(key.id, 'hex'),
    nonce,
    ...sealed,
    cipher.getAuthTag(),
  ])
}

export type Unsealed =
  | {readonly kind: 'content'; readonly content: Buffer}
  /** It is whole, but no key of these has sealed it. */
  | {readonly kind: 'other-key'; readonly id: string}
  | {readonly kind: 'broken'; readonly why: string}

/** The content of a file, by whichever of the keys has sealed it. */
export function unseal(keys: readonly VaultKey[], kind: string, name: string, file: Buffer): Unsealed {
  if (file.length < CONTENT_AT + TAG_BYTES) return broken(`it has only ${file.length} bytes`)
  if (!file.subarray(0, VERSION_AT).equals(MAGIC)) return broken('it is no file of a vault')
  const version = file[VERSION_AT]
  if (version !== VERSION) return broken(`it has version ${version}, this routesd reads ${VERSION}`)
  const id = keyIdOf(file)
  const key = keys.find(candidate => candidate.id === id)
  if (key === undefined) return {kind: 'other-key', id}
  const decipher = createDecipheriv('aes-256-gcm', key.bytes, file.subarray(NONCE_AT, CONTENT_AT), {
    authTagLength: TAG_BYTES,
  })
  decipher.setAAD(boundTo(kind, name))
  decipher.setAuthTag(file.subarray(-TAG_BYTES))
  try {
    return {
      kind: 'content',
      content: Buffer.concat([decipher.update(file.subarray(CONTENT_AT, -TAG_BYTES)), decipher.final()]),
    }
  } catch {
    // OpenSSL says no more than that it does not fit, and there is no more to say.
    return broken('it was changed, or is the file of another name')
  }
}

/** Id of the key that has sealed a file, as it claims. */
export function keyIdOf(file: Buffer): string {
  return file.subarray(ID_AT, NONCE_AT).toString('hex')
}

// ---

function boundTo(kind: string, name: string): Buffer {
  return Buffer.from(`${kind}\0${name}\0${VERSION}`)
}

function broken(why: string): Unsealed {
  return {kind: 'broken', why}
}
