// Whether a delivery comes from somebody who knows the secret. The raw bytes are signed, so they are judged before anything
// is parsed, and every comparison takes the same time however much of it is right.

import {createHash, createHmac, timingSafeEqual} from 'node:crypto'
import type {IncomingHttpHeaders} from 'node:http'

export type Delivery = {readonly headers: IncomingHttpHeaders; readonly body: Buffer}

export type Judged =
  /** `id` tells deliveries apart; null where the sender gives none. */
  | {readonly kind: 'good'; readonly id: string | null}
  | {readonly kind: 'unsigned'}
  | {readonly kind: 'bad'; readonly why: string}

/** A delivery that says when it was sent is taken for this long, and no earlier. */
export const WINDOW_MS = 5 * 60_000

/**
 * Judges by the first kind of signature that the delivery carries: a good one of a weaker kind does not make up for a bad
 * one. GitHub: X-Hub-Signature-256; Gitea and Forgejo: their own, without a prefix; GitLab: Standard Webhooks or, from older
 * ones, the secret itself; others: X-Signature.
 */
export function judgeDelivery(secret: string, {headers, body}: Delivery, nowMs: number): Judged {
  const said = (name: string) => {
    const value = headers[name]
    return typeof value === 'string' ? value : null
  }
  const id = ID_FIELDS.map(said).find(value => value !== null) ?? null
  const standard = said('webhook-signature')
  if (standard !== null)
    return judgeStandard(secret, standard, said('webhook-id') ?? '', said('webhook-timestamp') ?? '', body, nowMs)
  for (const [name, prefix] of HEX_FIELDS) {
    const value = said(name)
    if (value === null) continue
    const good = value.startsWith(prefix) && isSame(value.slice(prefix.length), hmac(secret, body).toString('hex'))
    return good ? {kind: 'good', id} : {kind: 'bad', why: `${name} is not that of the body`}
  }
  const token = said('x-gitlab-token')
  if (token === null) return {kind: 'unsigned'}
  return isSame(token, secret) ? {kind: 'good', id} : {kind: 'bad', why: 'x-gitlab-token is not the secret'}
}

// ---

const HEX_FIELDS = [
  ['x-hub-signature-256', 'sha256='],
  ['x-forgejo-signature', ''],
  ['x-gitea-signature', ''],
  ['x-signature', 'sha256='],
] as const
const ID_FIELDS = [
  ...['x-github-delivery', 'x-forgejo-delivery', 'x-gitea-delivery'],
  ...['idempotency-key', 'x-gitlab-event-uuid'],
]

// standardwebhooks.com: 'v1,BASE64' and perhaps more of them with a space between, over ID.TIMESTAMP.BODY.
function judgeStandard(
  secret: string,
  signatures: string,
  id: string,
  timestamp: string,
  body: Buffer,
  nowMs: number,
): Judged {
  const key = secret.startsWith('whsec_') ? Buffer.from(secret.slice('whsec_'.length), 'base64') : secret
  const expected = hmac(key, Buffer.concat([Buffer.from(`${id}.${timestamp}.`), body])).toString('base64')
  const good = signatures.split(' ', SIGNATURES_MAX).filter(one => isSame(one, `v1,${expected}`)).length > 0
  if (!good || id === '') return {kind: 'bad', why: 'webhook-signature is not that of the body'}
  if (!/^\d{1,12}$/.test(timestamp) || Math.abs(Number(timestamp) * 1000 - nowMs) > WINDOW_MS)
    return {kind: 'bad', why: 'webhook-timestamp is not of the last five minutes'}
  return {kind: 'good', id}
}

/** Two while a secret is changed; no sender has more. */
const SIGNATURES_MAX = 8

function hmac(key: string | Buffer, data: Buffer): Buffer {
  return createHmac('sha256', key).update(data).digest()
}

// Of hashes, because only texts of one length can be compared in constant time.
function isSame(a: string, b: string): boolean {
  const digest = (text: string) => createHash('sha256').update(text).digest()
  return timingSafeEqual(digest(a), digest(b))
}
