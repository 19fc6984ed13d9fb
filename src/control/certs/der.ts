// The few shapes of DER (X.690) that a certificate is made of.

/** Something of a tag, with its length before it. */
export function tagged(tag: number, ...parts: readonly Uint8Array[]): Buffer {
  const content = Buffer.concat(parts)
  return Buffer.concat([Buffer.from([tag]), lengthOf(content.length), content])
}

export const sequence = (...parts: readonly Uint8Array[]): Buffer => tagged(0x30, ...parts)
export const setOf = (...parts: readonly Uint8Array[]): Buffer => tagged(0x31, ...parts)
export const octets = (...parts: readonly Uint8Array[]): Buffer => tagged(0x04, ...parts)
export const utf8 = (text: string): Buffer => tagged(0x0c, Buffer.from(text))
export const boolean = (value: boolean): Buffer => tagged(0x01, Buffer.from([value ? 0xff : 0]))
/** Whole bytes, of which the last `unused` bits say nothing. */
export const bits = (bytes: Uint8Array, unused = 0): Buffer => tagged(0x03, Buffer.from([unused]), bytes)

/** A number that is not negative, from its bytes: as few of them as it needs, and a zero where the first bit is set. */
export function integer(bytes: Uint8Array): Buffer {
  const first = bytes.findIndex(byte => byte !== 0)
  const digits = first < 0 ? Buffer.from([0]) : bytes.subarray(first)
  return tagged(0x02, (digits[0] ?? 0) > 127 ? Buffer.from([0]) : Buffer.alloc(0), digits)
}

/** '2.5.29.17' */
export function oid(dotted: string): Buffer {
  const [first = 0, second = 0, ...rest] = dotted.split('.').map(Number)
  return tagged(0x06, Buffer.from([first * 40 + second, ...rest.flatMap(inBase128)]))
}

/** UTCTime until 2049, GeneralizedTime from then on: RFC 5280 §4.1.2.5. */
export function time(ms: number): Buffer {
  const text = new Date(ms).toISOString().replace(/[-:T]|\.\d+/g, '')
  return Number(text.slice(0, 4)) < 2050 ? tagged(0x17, Buffer.from(text.slice(2))) : tagged(0x18, Buffer.from(text))
}

// ---

function lengthOf(length: number): Buffer {
  if (length < 128) return Buffer.from([length])
  const digits: number[] = []
  for (let rest = length; rest > 0; rest = Math.floor(rest / 256)) digits.unshift(rest % 256)
  return Buffer.from([0x80 | digits.length, ...digits])
}

function inBase128(value: number): number[] {
  const digits = [value % 128]
  for (let rest = Math.floor(value / 128); rest > 0; rest = Math.floor(rest / 128)) digits.unshift(128 | (rest % 128))
  return digits
}
