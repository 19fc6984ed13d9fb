// The resources of an authority (RFC 8555 §7.1.1).

import {type Clock, systemClock} from '../../../base/clock.ts'
import {AcmeError} from '../issuer.ts'
import type {Transport} from './transport.ts'

export type Directory = {
  readonly newNonce: string
  readonly newAccount: string
  readonly newOrder: string
  /** Suggests when to renew (RFC 9773); null when it does not. */
  readonly renewalInfo: string | null
  /** Those that may be asked for; null when it does not say. */
  readonly profiles: readonly string[] | null
  readonly needsExternalAccount: boolean
}

const FRESH_MS = 3_600_000

/** Asks for the directory, and again after an hour. Throws AcmeError. */
export function createDirectory(
  url: string,
  transport: Transport,
  clock: Clock = systemClock,
): () => Promise<Directory> {
  let known: {readonly directory: Directory; readonly atMs: number} | null = null
  return async () => {
    if (known !== null && clock.now() - known.atMs < FRESH_MS) return known.directory
    const {body} = await transport.send({method: 'GET', url})
    known = {directory: read(body, url), atMs: clock.now()}
    return known.directory
  }
}

// ---

function read(body: unknown, url: string): Directory {
  const {newNonce, newAccount, newOrder, renewalInfo, meta} = Object(body) as Record<string, unknown>
  if (typeof newNonce !== 'string' || typeof newAccount !== 'string' || typeof newOrder !== 'string')
    throw new AcmeError({
      status: 0,
      type: 'no-directory',
      detail: `${url} is no ACME directory`,
      retryAfterMs: null,
      retryable: false,
    })
  const {externalAccountRequired, profiles} = Object(meta) as Record<string, unknown>
  return {
    newNonce,
    newAccount,
    newOrder,
    renewalInfo: typeof renewalInfo === 'string' ? renewalInfo : null,
    profiles: typeof profiles === 'object' && profiles !== null ? Object.keys(profiles) : null,
    needsExternalAccount: externalAccountRequired === true,
  }
}
