// The certificates that settings and hosts bring themselves, as things that can be read again and again.

import {dirname} from 'node:path'
import {AppError, messageOf} from '../../base/errors.ts'
import {normalizeHost} from '../../base/route-id.ts'
import {nameOfSecret, readSecretBytes, type SecretReference} from '../../base/secret.ts'
import type {Config} from './config.ts'
import {type Reference, type RepositoryFiles, readReference} from './references.ts'
import type {Settings} from './settings.ts'

export type CertificateFiles = {
  /** Where a person wrote it. */
  readonly place: string
  /** The host that it belongs to; null: every name in it. */
  readonly host: string | null
  readonly isDefault: boolean
  /** PEM; throws an Error that says which of the two cannot be read. */
  readonly read: () => Promise<{readonly cert: string; readonly key: string}>
}

type Needed = Pick<Settings, 'file' | 'state' | 'routes' | 'routesLabel' | 'permit' | 'document'>

export function certificateFiles(
  settings: Needed,
  config: Config | null,
  repository: RepositoryFiles | null = null,
): CertificateFiles[] {
  const {routes: root, routesLabel: label, permit} = settings
  const folder = folderOf(settings)
  const ofSettings = (settings.document.tls?.certificates ?? []).map((own, index) => ({
    place: `tls.certificates[${index}]`,
    host: null,
    isDefault: own.default ?? false,
    read: () => both(own, async reference => (await readSecretBytes(secretOf(reference), folder)).toString('utf8')),
  }))
  const ofHosts = (config?.hosts ?? []).flatMap(({value: {name, tls}, file, line}) => {
    const own = tls?.certificate
    if (own === undefined) return []
    const read = () => both(own, reference => readReference(reference, file, {root, label, permit, repository}))
    return [{place: `${file}:${line}`, host: hostOf(name), isDefault: false, read}]
  })
  return [...ofHosts, ...ofSettings]
}

/** Reads the key of the vault, and says where; null where the settings name none. */
export function vaultKey(
  settings: Pick<Settings, 'file' | 'state' | 'document'>,
): (() => Promise<{readonly bytes: Uint8Array; readonly from: string}>) | null {
  const reference = settings.document.vault?.key
  if (reference === undefined) return null
  return async () => {
    try {
      return {
        bytes: await readSecretBytes(secretOf(reference), folderOf(settings)),
        from: nameOfSecret(secretOf(reference)),
      }
    } catch (error) {
      throw new AppError(`vault.key cannot be read: ${messageOf(error)}`)
    }
  }
}

// ---

// A key file may be given as a plain path.
function secretOf(reference: Reference): SecretReference {
  return typeof reference === 'string' ? {file: reference} : reference
}

// What paths in the settings are relative to. Without a file of settings there are none.
function folderOf({file, state}: Pick<Settings, 'file' | 'state'>): string {
  return dirname(file ?? state)
}

// As certificates have it: an IPv6 address without brackets.
function hostOf(name: string): string {
  const normal = normalizeHost(name)
  return ('host' in normal ? normal.host : name).replace(/^\[|\]$/g, '')
}

async function both(
  own: {readonly cert: Reference; readonly key: Reference},
  read: (reference: Reference) => Promise<string>,
): Promise<{cert: string; key: string}> {
  const named = async (what: 'cert' | 'key') => {
    try {
      return await read(own[what])
    } catch (error) {
      throw new Error(`${what} cannot be read: ${messageOf(error)}`)
    }
  }
  return {cert: await named('cert'), key: await named('key')}
}
