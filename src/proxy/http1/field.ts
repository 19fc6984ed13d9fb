// Values of fields that requests and responses share.

import {SPACE, TAB, ZERO} from './bytes.ts'

/** 16 digits hold every length below 2^53. */
const LENGTH_DIGITS_MAX = 16
/** Names in Connection: nobody honest sends more. */
const OPTIONS_MAX = 16

/** The value between two positions without SP and HTAB around it (RFC 9110 §5.5). */
export function trimmed(text: string, from: number, to: number): string {
  while (from < to && isSpace(text.charCodeAt(from))) from++
  while (to > from && isSpace(text.charCodeAt(to - 1))) to--
  return text.slice(from, to)
}

/** Without SP and HTAB around it (RFC 9110 §5.5); trim() would also take a byte A0, which ends 'à' in UTF-8. */
export function trimSpace(text: string): string {
  return trimmed(text, 0, text.length)
}

/** SP or HTAB, as a character's code or a byte. */
export function isSpace(code: number): boolean {
  return code === SPACE || code === TAB
}

/**
 * The Content-Length between two places in the bytes of a head: digits and nothing else but SP and HTAB around them (RFC 9110
 * §8.6); -1 for anything that is not, or is 2^53 or more.
 */
export function lengthIn(bytes: Uint8Array, from: number, to: number): number {
  while (from < to && isSpace(bytes[from] as number)) from++
  while (to > from && isSpace(bytes[to - 1] as number)) to--
  if (from === to || to - from > LENGTH_DIGITS_MAX) return -1
  let length = 0
  for (let i = from; i < to; i++) {
    const digit = (bytes[i] as number) - ZERO
    if (digit < 0 || digit > 9) return -1
    length = length * 10 + digit
  }
  return Number.isSafeInteger(length) ? length : -1
}

/** 'Keep-Alive, X-Hop' → ['keep-alive', 'x-hop']; null when it is no list of tokens or has more than OPTIONS_MAX. */
export function listOf(value: string): string[] | null {
  const names = value
    .toLowerCase()
    .split(',')
    .map(trimSpace)
    .filter(name => name !== '')
  if (names.length > OPTIONS_MAX) return null
  return names.every(name => /^[!#$%&'*+\-.^_`|~0-9a-z]+$/.test(name)) ? names : null
}

/** Field lines without those that have one of the names, given in lower case. */
export function withoutFields(fields: string, names: readonly string[]): string {
  let kept = ''
  for (let start = 0; start < fields.length; ) {
    const end = fields.indexOf('\r\n', start) + 2
    const name = fields.slice(start, fields.indexOf(':', start)).toLowerCase()
    if (!names.includes(name)) kept += fields.slice(start, end)
    start = end
  }
  return kept
}

/** Is there a line with this name (in lower case) among the field lines? */
export function hasField(fields: string, name: string): boolean {
  for (let start = 0; start < fields.length; start = fields.indexOf('\r\n', start) + 2) {
    const colon = fields.indexOf(':', start)
    if (colon - start === name.length && fields.slice(start, colon).toLowerCase() === name) return true
  }
  return false
}

/** Value of the first line with this name (in lower case), or ''. */
export function fieldValue(fields: string, name: string): string {
  for (let start = 0; start < fields.length; ) {
    const end = fields.indexOf('\r\n', start) + 2
    const colon = fields.indexOf(':', start)
    if (colon - start === name.length && fields.slice(start, colon).toLowerCase() === name) {
      return trimSpace(fields.slice(colon + 1, end - 2))
    }
    start = end
  }
  return ''
}

/** Field lines with each value of that name as `change` makes it; a line that it leaves as it is keeps its bytes. */
export function mapField(fields: string, name: string, change: (value: string) => string): string {
  let all = ''
  for (let start = 0; start < fields.length; ) {
    const end = fields.indexOf('\r\n', start) + 2
    const colon = fields.indexOf(':', start)
    const line = fields.slice(start, end)
    const isIt = colon - start === name.length && fields.slice(start, colon).toLowerCase() === name
    const value = isIt ? trimSpace(fields.slice(colon + 1, end - 2)) : ''
    const changed = isIt ? change(value) : value
    all += changed === value ? line : `${fields.slice(start, colon)}: ${changed}\r\n`
    start = end
  }
  return all
}

/** Names that say where a message ends, or what the connection becomes. `name` is in lower case. */
export function isFramingName(name: string): boolean {
  return FRAMING.has(name)
}

// ---

const FRAMING = new Set(['content-length', 'transfer-encoding', 'connection', 'keep-alive', 'te', 'trailer', 'upgrade'])
