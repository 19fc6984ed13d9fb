// While a vault goes from one key to another, either of them opens everything: vault/rekey.json holds each sealed with the
// other. It is written before the first file is sealed anew and removed after the last, so that a crash in between, or an
// operator who has not yet put the new key where the next start looks for it, loses nothing.

import {seal, unseal} from './seal.ts'
import {deriveKey, type VaultKey} from './vault-key.ts'

export type Transition = {readonly from: VaultKey; readonly to: VaultKey}

const VERSION = 1
const KIND = 'key'

/** A transition, and the text of its file. */
export function beginTransition(from: VaultKey, to: VaultKey): {transition: Transition; text: string} {
  const sealed = {
    version: VERSION,
    from: {id: from.id, sealed: seal(to, KIND, 'from', from.bytes).toString('base64')},
    to: {id: to.id, sealed: seal(from, KIND, 'to', to.bytes).toString('base64')},
  }
  return {transition: {from, to}, text: `${JSON.stringify(sealed)}\n`}
}

/** The transition that a file tells of, opened with either of its keys; throws an Error when it is neither. */
export async function joinTransition(text: string, key: VaultKey): Promise<Transition> {
  const {version, from, to} = Object(JSON.parse(text)) as {version: unknown; from: unknown; to: unknown}
  if (version !== VERSION) throw new Error(`it has version ${String(version)}, this routesd reads ${VERSION}`)
  if (idOf(from) === key.id) return {from: key, to: await other(to, 'to', key)}
  if (idOf(to) === key.id) return {from: await other(from, 'from', key), to: key}
  throw new Error(`the key is being changed from ${idOf(from)} to ${idOf(to)}, and the key given is ${key.id}`)
}

// ---

function idOf(half: unknown): string {
  return String(Object(half).id)
}

async function other(half: unknown, name: string, key: VaultKey): Promise<VaultKey> {
  const opened = unseal([key], KIND, name, Buffer.from(String(Object(half).sealed), 'base64'))
  if (opened.kind !== 'content') throw new Error('it was changed')
  return deriveKey({kind: 'raw', bytes: opened.content}, null)
}
