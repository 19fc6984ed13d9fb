// Byte classes of RFC 9110 §5.6.2 and RFC 9112 §3, as one table: a head is walked once, one look-up per byte.

export const TOKEN = 1
/** Field values: HTAB, SP, VCHAR, obs-text. */
export const VALUE = 2
/** Targets: visible ASCII without '#', which no target may carry. */
export const TARGET = 4
/** In a target: the path has to be decided by the slow rules, see router/path.ts. */
export const UNDECIDED = 8
export const DIGIT = 16
export const HEX = 32
/** In a field name: '_' and '.', which servers behind us may read as '-'. */
export const ALIAS = 64

export const CLASS = createClasses()

export const TAB = 9
export const LF = 10
export const CR = 13
export const SPACE = 32
export const SLASH = 47
export const ZERO = 48
export const COLON = 58
export const SEMICOLON = 59
export const QUESTION = 63

/** Does the ASCII text at `from` equal `lower` in any case? `lower` is a lower-case token. */
export function equalsIgnoreCase(bytes: Uint8Array, from: number, to: number, lower: string): boolean {
  if (to - from !== lower.length) return false
  for (let i = 0; i < lower.length; i++) {
    const byte = bytes[from + i] ?? 0
    const folded = byte >= 65 && byte <= 90 ? byte | 32 : byte
    if (folded !== lower.charCodeAt(i)) return false
  }
  return true
}

/**
 * Index behind the first CRLF CRLF at or after `from`, or -1. What stands three bytes on tells how far the next can begin, so
 * that one byte in four is looked at; for the few hundred bytes of a head that is cheaper than a call of Buffer.indexOf.
 */
export function endOfHead(bytes: Uint8Array, from: number): number {
  const {length} = bytes
  for (let at = from + 3; at < length; ) {
    const byte = bytes[at]
    if (byte !== LF) at += byte === CR ? 1 : 4
    else if (bytes[at - 1] === CR && bytes[at - 2] === LF && bytes[at - 3] === CR) return at + 1
    else at += 2
  }
  return -1
}

// ---

function createClasses(): Uint8Array {
  const table = new Uint8Array(256)
  const mark = (characters: string, bit: number) => {
    for (const character of characters) table[character.charCodeAt(0)] = (table[character.charCodeAt(0)] ?? 0) | bit
  }
  const range = (from: number, to: number) =>
    String.fromCharCode(...Array.from({length: to - from + 1}, (_, i) => from + i))
  const digits = '0123456789'
  const letters = range(65, 90) + range(97, 122)
  mark(`${digits}${letters}!#$%&'*+-.^_\`|~`, TOKEN)
  mark(`\t ${range(0x21, 0x7e)}${range(0x80, 0xff)}`, VALUE)
  mark(range(0x21, 0x7e).replace('#', ''), TARGET)
  mark('%\\;', UNDECIDED)
  mark(digits, DIGIT)
  mark(`${digits}abcdefABCDEF`, HEX)
  mark('_.', ALIAS)
  return table
}
