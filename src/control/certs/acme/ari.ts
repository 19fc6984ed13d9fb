// When an authority suggests to renew (RFC 9773).

import {X509Certificate} from 'node:crypto'
import {type Clock, systemClock} from '../../../base/clock.ts'
import {parseRetryAfter} from '../../../base/retry-after.ts'
import {AcmeError, type RenewalInfo} from '../issuer.ts'
import type {Transport} from './transport.ts'

/** §4.3.3: between a minute and a day. */
const ASK_AGAIN_MS = {least: 60_000, unlessSaid: 6 * 3_600_000, most: 86_400_000} as const

/** §4.1: the key identifier of the authority and the serial number. Throws an Error when the certificate has no such. */
export function renewalId(pem: string): string {
  const der = new X509Certificate(pem).raw
  const fields = [...children(der, firstChild(der, whole(der)))]
  const serial = fields.find(({tag}) => tag === 0x02)
  const extensions = fields.find(({tag}) => tag === 0xa3)
  const keyId = extensions === undefined ? null : authorityKeyId(der, firstChild(der, extensions))
  if (serial === undefined || keyId === null) throw new Error('the certificate does not say which key signed it')
  return `${keyId.toString('base64url')}.${contentOf(der, serial).toString('base64url')}`
}

/** What the resource says of a certificate; throws AcmeError. */
export async function askRenewalInfo(
  transport: Transport,
  resource: string,
  pem: string,
  clock: Clock = systemClock,
): Promise<RenewalInfo> {
  const url = `${resource.replace(/\/$/, '')}/${renewalId(pem)}`
  const {body, headers} = await transport.send({method: 'GET', url})
  const {start, end} = Object((Object(body) as Record<string, unknown>)['suggestedWindow']) as Record<string, unknown>
  const [startMs, endMs] = [Date.parse(String(start)), Date.parse(String(end))]
  // §4.2: an end that is not after the start is no suggestion.
  if (!(startMs < endMs))
    throw new AcmeError({
      status: 0,
      type: 'no-window',
      detail: `${url} suggests no window`,
      retryAfterMs: null,
      retryable: true,
    })
  const saidMs = parseRetryAfter(headers['retry-after'], clock.now()) ?? ASK_AGAIN_MS.unlessSaid
  return {startMs, endMs, retryAfterMs: Math.min(Math.max(saidMs, ASK_AGAIN_MS.least), ASK_AGAIN_MS.most)}
}

// ---

/** A value of DER (X.690): its content lies between the two offsets. */
type Value = {readonly tag: number; readonly start: number; readonly end: number}

const AUTHORITY_KEY_ID = Buffer.from([0x55, 0x1d, 0x23])

function authorityKeyId(der: Buffer, extensions: Value): Buffer | null {
  for (const extension of children(der, extensions)) {
    const parts = [...children(der, extension)]
    const [id] = parts
    const value = parts.at(-1)
    if (id === undefined || value === undefined || !contentOf(der, id).equals(AUTHORITY_KEY_ID)) continue
    // RFC 5280 §4.2.1.1: keyIdentifier is [0].
    const keyId = [...children(der, firstChild(der, value))].find(({tag}) => tag === 0x80)
    return keyId === undefined ? null : contentOf(der, keyId)
  }
  return null
}

function whole(der: Buffer): Value {
  return valueAt(der, 0)
}

function firstChild(der: Buffer, {start}: Value): Value {
  return valueAt(der, start)
}

function* children(der: Buffer, {start, end}: Value): Generator<Value> {
  for (let at = start; at < end; ) {
    const value = valueAt(der, at)
    yield value
    at = value.end
  }
}

function contentOf(der: Buffer, {start, end}: Value): Buffer {
  return der.subarray(start, end)
}

function valueAt(der: Buffer, at: number): Value {
  const tag = der[at] ?? 0
  const short = der[at + 1] ?? 0
  const lengthBytes = short < 0x80 ? 0 : short & 0x7f
  const start = at + 2 + lengthBytes
  const length = lengthBytes === 0 ? short : der.readUIntBE(at + 2, lengthBytes)
  return {tag, start, end: start + length}
}
