// HPACK (RFC 7541) on its way out: lines of HTTP/1.1 become fields. The table is looked up by whole lines, so a line that
// the last answers had, too, costs one look-up and one byte or two.

import {trimSpace} from '../http1/field.ts'
import {TABLE_BYTES_MAX} from './field-decoder.ts'
import {STATIC_FIELDS} from './static-table.ts'

/** A field that is larger would push out too many others. */
const KEPT_BYTES_MAX = TABLE_BYTES_MAX / 2
/** Names as instances write them whose rules are remembered, by a thread. */
const RULES_MAX = 1_000

/** How much a block of these lines can take: a field has at most 7 bytes more than its line, a size of the table 4. */
export function blockBytesMax(textBytes: number): number {
  // The shortest line has four bytes: 'a:\r\n'.
  return textBytes * 3 + 16
}

export class FieldEncoder {
  /** Lines in the table, by when they came in. */
  #indexes = new Map<string, number>()
  /** The oldest first; those before #first are gone. */
  #lines: string[] = []
  #sizes: number[] = []
  #first = 0
  #count = 0
  #size = 0
  #sizeMax = TABLE_BYTES_MAX
  /** The least that it was since the last block, which the client is told of with the next one (RFC 7541 §4.2); -1: it stays. */
  #sizeLeast = -1

  /** The client has said how large the table may be (RFC 9113 §6.5.2). */
  resize(size: number): void {
    const sizeMax = Math.min(size, TABLE_BYTES_MAX)
    if (sizeMax === this.#sizeMax) return
    this.#sizeLeast = this.#sizeLeast < 0 ? sizeMax : Math.min(sizeMax, this.#sizeLeast)
    this.#sizeMax = sizeMax
    this.#evict(sizeMax)
  }

  /** Writes ':status' into `out` at `at`, in front of the fields; returns where what follows begins. */
  status(status: string, out: Buffer, at: number): number {
    const from = this.#sizeLeast < 0 ? at : this.#tellSize(out, at)
    const index = STATUSES.get(status)
    if (index !== undefined) {
      out[from] = 128 | index
      return from + 1
    }
    const kept = this.#indexes.get(status)
    return kept === undefined ? this.#literal(out, from, status, STATUS, status) : this.#indexed(out, from, kept)
  }

  /** Writes the lines of `text` from `start` on up to an empty one; returns where what follows begins. */
  lines(text: string, start: number, out: Buffer, at: number): number {
    let to = this.#sizeLeast < 0 ? at : this.#tellSize(out, at)
    for (let from = start; from < text.length; ) {
      const end = text.indexOf('\r\n', from)
      if (end <= from) break
      const line = text.slice(from, end)
      const kept = this.#indexes.get(line)
      if (kept !== undefined) {
        to = this.#indexed(out, to, kept)
      } else {
        const colon = line.indexOf(':')
        const rule = ruleOf(line.slice(0, colon))
        if (rule !== HOP) to = this.#literal(out, to, line, rule, trimSpace(line.slice(colon + 1)))
      }
      from = end + 2
    }
    return to
  }

  #indexed(out: Buffer, at: number, cameAs: number): number {
    return writeInteger(out, at, 128, 127, STATIC_FIELDS.length + this.#count - cameAs)
  }

  #literal(out: Buffer, at: number, line: string, {name, index, kind}: Rule, value: string): number {
    const size = name.length + value.length + 32
    const isKept = kind === KEPT && size <= KEPT_BYTES_MAX && size <= this.#sizeMax
    let to = isKept ? writeInteger(out, at, 64, 63, index) : writeInteger(out, at, kind === NEVER ? 16 : 0, 15, index)
    if (index === 0) to = writeText(out, to, name)
    to = writeText(out, to, value)
    if (isKept) this.#keep(line, size)
    return to
  }

  #keep(line: string, size: number): void {
    this.#evict(this.#sizeMax - size)
    const own = copyOf(line)
    this.#indexes.set(own, this.#count++)
    this.#lines.push(own)
    this.#sizes.push(size)
    this.#size += size
  }

  #evict(size: number): void {
    while (this.#first < this.#lines.length && this.#size > size) {
      this.#size -= this.#sizes[this.#first] ?? 0
      this.#indexes.delete(this.#lines[this.#first] ?? '')
      this.#first++
    }
    if (this.#first < 64 || this.#first * 2 < this.#lines.length) return
    this.#lines = this.#lines.slice(this.#first)
    this.#sizes = this.#sizes.slice(this.#first)
    this.#first = 0
  }

  #tellSize(out: Buffer, at: number): number {
    const to = writeInteger(out, at, 32, 31, this.#sizeLeast)
    const isLeast = this.#sizeLeast === this.#sizeMax
    this.#sizeLeast = -1
    return isLeast ? to : writeInteger(out, to, 32, 31, this.#sizeMax)
  }
}

// ---

// Whether a field comes into the table. What differs from answer to answer would only push out the rest; what is secret
// may not be guessed by its size (RFC 7541 §7.1).
const KEPT = 0
const PASSED = 1
const NEVER = 2

type Rule = {readonly name: string; readonly index: number; readonly kind: number}

const STATUS: Rule = {name: ':status', index: 8, kind: KEPT}
/** RFC 9113 §8.2.2: fields of the connection, which is another one. */
const HOP: Rule = {name: '', index: 0, kind: PASSED}
const HOPS = new Set(['connection', 'keep-alive', 'proxy-connection', 'transfer-encoding', 'upgrade', 'trailer', 'te'])
const PASSING = new Set(['content-length', 'content-range', 'etag', 'age', 'location', 'x-request-id', 'traceparent'])
const SECRET = new Set(['set-cookie', 'authorization', 'proxy-authorization'])

const STATUSES = new Map(
  STATIC_FIELDS.flatMap(([name, value], i) => (name === ':status' ? [[value, i + 1] as const] : [])),
)
const NAMES = new Map(STATIC_FIELDS.map(([name], i) => [name, i + 1] as const).reverse())
const rules = new Map<string, Rule>()

function ruleOf(written: string): Rule {
  const known = rules.get(written)
  if (known !== undefined) return known
  if (rules.size >= RULES_MAX) rules.clear()
  const name = written.toLowerCase()
  const kind = SECRET.has(name) ? NEVER : PASSING.has(name) ? PASSED : KEPT
  const rule = HOPS.has(name) ? HOP : {name, index: NAMES.get(name) ?? 0, kind}
  rules.set(copyOf(written), rule)
  return rule
}

// A slice holds on to the text that it was taken from, with the body behind it.
function copyOf(text: string): string {
  return Buffer.from(text, 'latin1').latin1Slice()
}

// RFC 7541 §5.1.
function writeInteger(out: Buffer, at: number, pattern: number, prefix: number, value: number): number {
  if (value < prefix) {
    out[at] = pattern | value
    return at + 1
  }
  out[at] = pattern | prefix
  let rest = value - prefix
  let to = at + 1
  for (; rest >= 128; rest >>>= 7) out[to++] = (rest & 127) | 128
  out[to] = rest
  return to + 1
}

function writeText(out: Buffer, at: number, text: string): number {
  const from = writeInteger(out, at, 0, 127, text.length)
  return from + out.latin1Write(text, from)
}
