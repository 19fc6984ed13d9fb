// The key of a vault, from what an operator gives: 32 bytes as they are, in hex or in base64, or a passphrase that scrypt
// (RFC 7914) makes expensive to guess. A key that anybody could guess is refused: it would only look like protection.

import {createHmac, randomBytes, scrypt} from 'node:crypto'
import {AppError} from '../../base/errors.ts'

export type VaultKey = {
  /** 8 bytes in hex; says which key a file needs, and nothing about the key. */
  readonly id: string
  readonly bytes: Buffer
}

/** What a passphrase is stretched with; kept beside the files, because without it the passphrase opens nothing. */
export type Stretching = {
  readonly algorithm: 'scrypt'
  readonly N: number
  readonly r: number
  readonly p: number
  /** Base64. */
  readonly salt: string
}

export type GivenKey =
  | {readonly kind: 'raw'; readonly bytes: Buffer}
  | {readonly kind: 'passphrase'; readonly text: string}

const KEY_BYTES = 32
const PASSPHRASE_CHARACTERS = 16
const OTHER_CHARACTERS = 8
// Of OWASP's equivalents the one of least memory, 32 MiB: about 0.2 s at each start.
const COST = {N: 1 << 15, r: 8, p: 3}
// Parameters are read from a disk that anybody may have written to.
const COST_MAX = {N: 1 << 20, r: 32, p: 16, bytes: 1 << 30}

/**
 * What the given text or bytes are. Throws AppError for what is too short or well known; the message says `from`, where it
 * was read, and never the key.
 */
export function readKey(given: Uint8Array, from: string): GivenKey {
  const bytes = Buffer.from(given)
  const text = bytes.toString('utf8').trim()
  const encoded = decode(text)
  if (encoded !== null) return {kind: 'raw', bytes: checkRaw(encoded, from)}
  const isText = !text.includes('\ufffd') && !/[\x00-\x08\x0e-\x1f\x7f]/.test(text)
  if (bytes.length === KEY_BYTES && (!isText || isMonotonous(bytes))) return {kind: 'raw', bytes: checkRaw(bytes, from)}
  if (!isText) throw refusal(from, `has ${bytes.length} bytes that are no text: a raw key has exactly ${KEY_BYTES}`)
  return {kind: 'passphrase', text: checkPassphrase(text, from)}
}

/** 32 random bytes in hex, with a newline: what a generated key file holds. */
export function generateKey(): string {
  return `${randomBytes(KEY_BYTES).toString('hex')}\n`
}

export function newStretching(): Stretching {
  return {algorithm: 'scrypt', ...COST, salt: randomBytes(16).toString('base64')}
}

/** The key itself. */
export async function deriveKey(given: GivenKey, stretching: Stretching | null): Promise<VaultKey> {
  if (given.kind === 'raw') return keyOf(given.bytes)
  if (stretching === null) throw new Error('a passphrase was not given its salt')
  const {N, r, p, salt} = stretching
  const {promise, resolve, reject} = Promise.withResolvers<Buffer>()
  const options = {N, r, p, maxmem: COST_MAX.bytes}
  scrypt(given.text.normalize('NFC'), Buffer.from(salt, 'base64'), KEY_BYTES, options, (error, bytes) =>
    error ? reject(error) : resolve(bytes),
  )
  return keyOf(await promise)
}

/** Parameters as they were kept; throws an Error that says what is wrong with them. */
export function parseStretching(text: string): Stretching {
  const value: unknown = JSON.parse(text)
  const {algorithm, N, r, p, salt} = Object(value) as Record<string, unknown>
  const isWithin = (cost: unknown, most: number): cost is number =>
    Number.isInteger(cost) && Number(cost) >= 1 && Number(cost) <= most
  if (algorithm !== 'scrypt' || typeof salt !== 'string' || Buffer.from(salt, 'base64').length < 16)
    throw new Error('it holds no scrypt parameters')
  if (!isWithin(N, COST_MAX.N) || !isWithin(r, COST_MAX.r) || !isWithin(p, COST_MAX.p) || (N & (N - 1)) !== 0)
    throw new Error('its scrypt parameters are out of bounds')
  return {algorithm, N, r, p, salt}
}

// ---

function keyOf(bytes: Buffer): VaultKey {
  const id = createHmac('sha256', bytes).update('routesd vault key id').digest('hex').slice(0, 16)
  return {id, bytes}
}

function decode(text: string): Buffer | null {
  if (/^[0-9a-fA-F]{64}$/.test(text)) return Buffer.from(text, 'hex')
  if (!/^[A-Za-z0-9+/_-]{43}=?$/.test(text)) return null
  const bytes = Buffer.from(text, 'base64')
  return bytes.length === KEY_BYTES ? bytes : null
}

function checkRaw(bytes: Buffer, from: string): Buffer {
  if (isMonotonous(bytes)) throw refusal(from, 'holds a key that repeats itself or counts')
  return bytes
}

function checkPassphrase(text: string, from: string): string {
  if (text === '') throw refusal(from, 'is empty')
  if (text.length < PASSPHRASE_CHARACTERS)
    throw refusal(from, `holds a passphrase of ${text.length} characters: it needs ${PASSPHRASE_CHARACTERS}`)
  if (isMonotonous(Buffer.from(text))) throw refusal(from, 'holds a passphrase that repeats itself')
  const rest = text
    .toLowerCase()
    .replace(/[^\p{L}\p{N}]/gu, '')
    .replace(WELL_KNOWN, '')
  if (rest.length < OTHER_CHARACTERS || new Set(rest).size < OTHER_CHARACTERS / 2)
    throw refusal(from, 'holds a passphrase of words that everybody tries first')
  return text
}

const WELL_KNOWN =
  /change(me|it|this)?|passw(or)?d|passphrase|secret|routesd|proxy|vault|default|example|admin|root|test|demo|key|letmein|welcome|qwerty(uiop)?|please|insert|replace|your|here|my|the|0?123456789?0?|987654321|abcdef(gh)?|123+/g

// The same few bytes again and again, or each as far from the one before: all zeros, 'abababab', 0 to 31.
function isMonotonous(bytes: Buffer): boolean {
  for (let period = 1; period <= Math.min(8, bytes.length / 2); period++) {
    if (bytes.every((byte, at) => byte === bytes[at % period])) return true
  }
  const pace = (at: number) => ((bytes[at] ?? 0) - (bytes[at - 1] ?? 0)) & 255
  return bytes.every((_, at) => at < 2 || pace(at) === pace(1))
}

function refusal(from: string, why: string): AppError {
  return new AppError(`${from} ${why}`, {hint: '`openssl rand -hex 32` makes a good key'})
}
