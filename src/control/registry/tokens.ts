// Who may write what: a bearer token stands for one service (RFC 6750 §2.1).

import {createHash, timingSafeEqual} from 'node:crypto'
import {AppError} from '../../base/errors.ts'

export type Tokens = {
  /** The service that the token of an Authorization field may write; null when it carries none that is known. */
  slugOf(authorization: string | undefined): string | null
}

/** Tokens and their services; throws AppError on a token that cannot be sent, or that would stand for two services. */
export function createTokens(entries: readonly {readonly slug: string; readonly token: string}[]): Tokens {
  const known = entries.map(({slug, token}) => ({slug, digest: digestOf(token)}))
  for (const [index, {slug, token}] of entries.entries()) {
    if (!TOKEN.test(token)) throw unusable(`the token of ${slug} is empty or has a character that no token may have`)
    const other = entries.slice(0, index).find(entry => entry.token === token && entry.slug !== slug)
    if (other) throw unusable(`${other.slug} and ${slug} have the same token`)
  }
  return {
    // Digests have one length and every one is compared, so that the time it takes tells nothing about any.
    slugOf(authorization) {
      const digest = digestOf(/^Bearer +(\S+)$/i.exec(authorization ?? '')?.[1] ?? '')
      let slug: string | null = null
      for (const entry of known) if (timingSafeEqual(entry.digest, digest)) slug = entry.slug
      return slug
    },
  }
}

// ---

// b64token of RFC 6750 §2.1.
const TOKEN = /^[A-Za-z0-9._~+/-]+=*$/

function digestOf(token: string): Buffer {
  return createHash('sha256').update(token).digest()
}

function unusable(message: string): AppError {
  return new AppError(`registry.tokens: ${message}`, {
    hint: 'give every service a token of its own, from `openssl rand -hex 32`',
  })
}
