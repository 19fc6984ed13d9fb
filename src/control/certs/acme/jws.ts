// What is said to an authority is signed (RFC 7515, RFC 8555 §6.2): with the key of the account, or for the binding to
// another account with one that the authority has given out.

import {createHmac, createPrivateKey, sign, type webcrypto} from 'node:crypto'

export type Jwk = webcrypto.JsonWebKey

export type Signed = {readonly protected: string; readonly payload: string; readonly signature: string}

export type ExternalAccount = {readonly keyId: string /** Base64url. */; readonly hmacKey: string}

/** Signed with a P-256 key. `payload` null: there is nothing to say (POST-as-GET, RFC 8555 §6.3). */
export function signWith(key: Jwk, header: Readonly<Record<string, unknown>>, payload: unknown): Signed {
  const content = {protected: encode({alg: 'ES256', ...header}), payload: payload === null ? '' : encode(payload)}
  const input = Buffer.from(`${content.protected}.${content.payload}`)
  const signature = sign('sha256', input, {
    key: createPrivateKey({key, format: 'jwk'}),
    dsaEncoding: 'ieee-p1363',
  })
  return {...content, signature: signature.toString('base64url')}
}

/** What makes `accountKey` an account of the given one (RFC 8555 §7.3.4). */
export function bindingOf(accountKey: Jwk, url: string, {keyId, hmacKey}: ExternalAccount): Signed {
  const content = {protected: encode({alg: 'HS256', kid: keyId, url}), payload: encode(publicPart(accountKey))}
  const hmac = createHmac('sha256', Buffer.from(hmacKey, 'base64url'))
  return {...content, signature: hmac.update(`${content.protected}.${content.payload}`).digest('base64url')}
}

export function publicPart({crv = '', kty = '', x = '', y = ''}: Jwk): Jwk {
  return {crv, kty, x, y}
}

// ---

function encode(value: unknown): string {
  return Buffer.from(JSON.stringify(value)).toString('base64url')
}
