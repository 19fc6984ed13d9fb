// Signed requests, each with a nonce of its own (RFC 8555 §6.5). An answer brings the next nonce; one that the authority does
// not know any more is replaced by the one in its refusal.

import type {IncomingHttpHeaders} from 'node:http'
import {AcmeError} from '../issuer.ts'
import type {Directory} from './directory.ts'
import {type Jwk, signWith} from './jws.ts'
import {shortType} from './problem.ts'
import type {Answer, Transport} from './transport.ts'

export type Session = {
  /** `who` is the account by its URL, or by its key while it has none; `payload` null asks for what is there. */
  post(url: string, who: {readonly kid: string} | {readonly jwk: Jwk}, payload: unknown): Promise<Answer>
}

const NONCES_MAX = 32
/** Let's Encrypt forgets them sooner or later; half of them refused is survived with nine in a thousand lost. */
const BAD_NONCES_MAX = 6

export function createSession(
  transport: Transport,
  directory: () => Promise<Directory>,
  key: () => Promise<Jwk>,
): Session {
  const nonces: string[] = []

  function keep(headers: IncomingHttpHeaders): void {
    const nonce = headers['replay-nonce']
    if (typeof nonce === 'string' && nonces.length < NONCES_MAX) nonces.push(nonce)
  }

  // The last one first: it is the one least likely to be forgotten.
  async function takeNonce(): Promise<string> {
    const kept = nonces.pop()
    if (kept !== undefined) return kept
    const {newNonce} = await directory()
    const {headers} = await transport.send({method: 'HEAD', url: newNonce})
    const nonce = headers['replay-nonce']
    if (typeof nonce === 'string') return nonce
    throw new AcmeError({
      status: 0,
      type: 'no-nonce',
      detail: `${newNonce} gives no nonce`,
      retryAfterMs: null,
      retryable: true,
    })
  }

  return {
    async post(url, who, payload) {
      const accountKey = await key()
      for (let refused = 0; ; refused++) {
        const signed = signWith(accountKey, {...who, nonce: await takeNonce(), url}, payload)
        try {
          const headers = {'content-type': 'application/jose+json'}
          return await transport.send({method: 'POST', url, headers, body: JSON.stringify(signed)}, keep)
        } catch (error) {
          const isBadNonce = error instanceof AcmeError && shortType(error.type) === 'badNonce'
          if (!isBadNonce || refused === BAD_NONCES_MAX) throw error
        }
      }
    },
  }
}
