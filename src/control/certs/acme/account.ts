// The account at an authority: its key, sealed before the authority first sees it, and its URL there.

import {createHash, generateKeyPairSync} from 'node:crypto'
import type {Vault} from '../vault.ts'
import type {Jwk} from './jws.ts'

export type KeyPair = {readonly privateKeyPem: string; readonly privateKeyJwk: Jwk}

export type Account = {
  /** One and the same for ever; made and sealed when it is first asked for. */
  key(): Promise<KeyPair>
  /** Its URL; null while it has none. */
  kid(): Promise<string | null>
  /** null: the authority does not know it any more. */
  setKid(kid: string | null): Promise<void>
}

const KIND = 'acme-account'

/** That of a directory: authorities do not share accounts. */
export function createAccount(vault: Vault, directoryUrl: string): Account {
  const name = createHash('sha256').update(directoryUrl).digest('hex').slice(0, 32)
  let opened: Promise<Kept> | null = null

  const open = () => {
    opened ??= load().catch(error => {
      opened = null
      throw error
    })
    return opened
  }

  async function load(): Promise<Kept> {
    const bytes = await vault.read(KIND, name)
    if (bytes !== null) return parse(bytes.toString(), vault.pathOf(KIND, name))
    return save({directoryUrl, key: newKeyPair(), kid: null})
  }

  async function save(kept: Kept): Promise<Kept> {
    await vault.write(KIND, name, Buffer.from(JSON.stringify(kept)))
    return kept
  }

  return {
    key: async () => (await open()).key,
    kid: async () => (await open()).kid,
    async setKid(kid) {
      const before = await open()
      if (before.kid !== kid) opened = Promise.resolve(await save({...before, kid}))
    },
  }
}

/** P-256: the one type that every authority takes and greenlock signs right. */
export function newKeyPair(): KeyPair {
  const {privateKey} = generateKeyPairSync('ec', {namedCurve: 'P-256'})
  return {
    privateKeyPem: privateKey.export({type: 'pkcs8', format: 'pem'}).toString(),
    privateKeyJwk: privateKey.export({format: 'jwk'}),
  }
}

// ---

type Kept = {readonly directoryUrl: string; readonly key: KeyPair; readonly kid: string | null}

function parse(text: string, path: string): Kept {
  const {directoryUrl, key, kid} = Object(JSON.parse(text)) as Record<string, unknown>
  const {privateKeyPem, privateKeyJwk} = Object(key) as Record<string, unknown>
  const isKid = kid === null || typeof kid === 'string'
  if (
    typeof directoryUrl !== 'string' ||
    typeof privateKeyPem !== 'string' ||
    typeof privateKeyJwk !== 'object' ||
    !isKid
  )
    throw new Error(`${path} holds no account`)
  return {directoryUrl, key: {privateKeyPem, privateKeyJwk: privateKeyJwk as Jwk}, kid}
}
