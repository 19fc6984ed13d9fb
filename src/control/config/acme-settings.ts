// The `acme` of routesd.yaml: which public authority signs, and how names are proved to it.

import {dirname, resolve} from 'node:path'
import {AppError, messageOf} from '../../base/errors.ts'
import {readSecret, readSecretBytes, type SecretReference} from '../../base/secret.ts'
import {parseDuration} from '../../base/units.ts'
import {isLoopback} from './git-settings.ts'
import type {Settings} from './settings.ts'
import type {SettingsAcme, SettingsDns, SettingsDnsWebhook} from './types.ts'

export type AcmeSettings = {
  readonly directoryUrl: string
  /** '' for none. */
  readonly email: string
  /** '' for the authority's default. */
  readonly profile: string
  /** How names are proved by records; null: they are not. */
  readonly dns: DnsSettings | null
  /** Reads what stands elsewhere; throws AppError that says which key of the settings it is. */
  readSecrets(): Promise<{
    readonly ca: string | null
    readonly externalAccount: {readonly keyId: string; readonly hmacKey: string} | null
  }>
}

export type DnsSettings = {readonly propagationMs: number} & (
  | {readonly kind: 'command'; readonly command: string}
  | {
      readonly kind: 'plugin'
      readonly name: string
      /** Where it is sought. */
      readonly folder: string
      /** Throws AppError like `readSecrets`. */
      readOptions(): Promise<Readonly<Record<string, string | number | boolean>>>
    }
  | {
      readonly kind: 'webhook'
      readonly url: string
      /** Throws AppError like the other. */
      readSecrets(): Promise<{readonly token: string | null; readonly ca: string | null}>
    }
)

/** null: acme is off, or the terms of the authority are not agreed to. */
export function acmeSettings({
  file,
  state,
  document: {acme},
}: Pick<Settings, 'file' | 'state' | 'document'>): AcmeSettings | null {
  if (acme === undefined || acme === 'off' || acme === false || acme.agree !== true) return null
  // What paths in the settings are relative to. Without a file of settings there are none.
  const folder = dirname(file ?? state)
  const {directory = 'letsencrypt', email = '', profile = '', ca, eab, dns} = acme
  return {
    directoryUrl: DIRECTORIES.get(directory) ?? directory,
    email,
    profile,
    dns: dns === undefined ? null : dnsSettings(dns, folder),
    async readSecrets() {
      return {
        ca: await readCa('acme.ca', ca, folder),
        externalAccount:
          eab === undefined
            ? null
            : {keyId: eab.keyId, hmacKey: await named('acme.eab.hmacKey', () => readSecret(eab.hmacKey, folder))},
      }
    },
  }
}

/** What a pattern cannot say: pointers below /acme, and the words for what is wrong there. */
export function checkAcmeWords(acme: SettingsAcme | 'off' | false | undefined): [pointer: string, message: string][] {
  const webhook = typeof acme === 'object' ? acme.dns?.webhook : undefined
  if (webhook === undefined || URL.parse(webhook.url)?.protocol === 'https:' || isLoopback(webhook.url)) return []
  return [['/dns/webhook/url', 'anybody on the way could read the token and set records; use https']]
}

// ---

const DIRECTORIES: ReadonlyMap<string, string> = new Map([
  ['letsencrypt', 'https://acme-v02.api.letsencrypt.org/directory'],
  ['letsencrypt-staging', 'https://acme-staging-v02.api.letsencrypt.org/directory'],
])
const PROPAGATION_MS = 30_000

function dnsSettings(
  {command, webhook, plugin = '', options = {}, propagation = '30s'}: SettingsDns,
  folder: string,
): DnsSettings {
  const propagationMs = parseDuration(propagation) ?? PROPAGATION_MS
  if (command !== undefined) return {kind: 'command', command: resolve(folder, command), propagationMs}
  if (webhook !== undefined) return {...webhookSettings(webhook, folder), propagationMs}
  return {
    kind: 'plugin',
    name: plugin,
    folder,
    propagationMs,
    async readOptions() {
      const read: Record<string, string | number | boolean> = {}
      for (const [key, value] of Object.entries(options)) {
        read[key] =
          typeof value === 'object'
            ? await named(`acme.dns.options.${key}`, () => readSecret(value as SecretReference, folder))
            : value
      }
      return read
    },
  }
}

function webhookSettings({url, token, ca}: SettingsDnsWebhook, folder: string) {
  return {
    kind: 'webhook' as const,
    url,
    readSecrets: async () => ({
      token: token === undefined ? null : await named('acme.dns.webhook.token', () => readSecret(token, folder)),
      ca: await readCa('acme.dns.webhook.ca', ca, folder),
    }),
  }
}

async function readCa(key: string, ca: string | SecretReference | undefined, folder: string): Promise<string | null> {
  if (ca === undefined) return null
  const reference = typeof ca === 'string' ? {file: ca} : ca
  return (await named(key, () => readSecretBytes(reference, folder))).toString('utf8')
}

async function named<T>(key: string, read: () => Promise<T>): Promise<T> {
  try {
    return await read()
  } catch (error) {
    throw new AppError(`${key} cannot be read: ${messageOf(error)}`)
  }
}
