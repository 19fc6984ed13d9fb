// A field of a request as it came by HPACK: judged once, when it is read, and not again each time the table names it.

import {CLASS, TOKEN} from '../http1/bytes.ts'

// What a field is to us. PLAIN is passed on; MALFORMED ends its request (RFC 9113 §8.1.1).
export const PLAIN = 0
export const METHOD = 1
export const SCHEME = 2
export const PATH = 3
export const AUTHORITY = 4
export const HOST = 5
export const COOKIE = 6
export const CONTENT_LENGTH = 7
export const TE = 8
export const MALFORMED = 9

export type RequestField = {
  readonly kind: number
  readonly name: string
  readonly value: string
  /** Its line in HTTP/1.1, with CRLF; '' when it is none of its own there. */
  readonly line: string
  /** What it counts in tables and limits (RFC 7541 §4.1). */
  readonly size: number
}

/** A field by its name and value, of which the value's bytes may be in a value. */
export function fieldOf(name: string, value: string, isValue: boolean): RequestField {
  const kind = isValue ? kindOf(name, value) : MALFORMED
  const line = kind === PLAIN || kind === CONTENT_LENGTH || kind === TE ? `${name}: ${value}\r\n` : ''
  return {kind, name, value, line, size: name.length + value.length + 32}
}

/** RFC 9113 §8.2.1: NUL, LF and CR are in no value; whatever else is not to be there the parser of HTTP/1.1 refuses. */
export function isValue(bytes: Uint8Array, from: number, to: number): boolean {
  for (let at = from; at < to; at++) {
    const byte = bytes[at] as number
    if (byte <= 13 && (byte === 0 || byte === 10 || byte === 13)) return false
  }
  return true
}

// ---

function kindOf(name: string, value: string): number {
  const known = KINDS.get(name)
  if (known === undefined) return isName(name) ? PLAIN : MALFORMED
  return known === TE && value !== 'trailers' ? MALFORMED : known
}

// RFC 9113 §8.2.1: a token in lower case.
function isName(name: string): boolean {
  for (let i = 0; i < name.length; i++) {
    const code = name.charCodeAt(i)
    if (((CLASS[code] ?? 0) & TOKEN) === 0 || (code >= 65 && code <= 90)) return false
  }
  return name !== ''
}

const KINDS = new Map([
  [':method', METHOD],
  [':scheme', SCHEME],
  [':path', PATH],
  [':authority', AUTHORITY],
  ['host', HOST],
  ['cookie', COOKIE],
  ['content-length', CONTENT_LENGTH],
  ['te', TE],
  // RFC 9113 §8.2.2.
  ['connection', MALFORMED],
  ['keep-alive', MALFORMED],
  ['proxy-connection', MALFORMED],
  ['transfer-encoding', MALFORMED],
  ['upgrade', MALFORMED],
])
