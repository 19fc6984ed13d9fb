// HPACK (RFC 7541) on its way in. The table holds fields that have been judged, as the lines that HTTP/1.1 has for them, so
// that a field which a client repeats costs one look-up. Whatever is wrong here ends the connection: the two tables would
// not be the same any more.

import {unpack, unpackedMax} from './huffman.ts'
import {fieldOf, isValue, type RequestField} from './request-field.ts'
import {STATIC_FIELDS} from './static-table.ts'

/** Of the table, in both directions: what RFC 7541 begins with. We never ask for more. */
export const TABLE_BYTES_MAX = 4_096
/** Behind a prefix, seven bits each: nothing here is as long as 2^28. */
const INTEGER_BYTES_MAX = 4

export class FieldDecoder {
  /** The oldest first; those before #first are gone. */
  #fields: RequestField[] = []
  #first = 0
  #size = 0
  #sizeMax = TABLE_BYTES_MAX
  // Of the block at hand.
  #bytes: Buffer = EMPTY
  #at = 0
  #end = 0
  #isText = true

  /** Reads the fields of a block and gives each to `take`; false when it is no block. */
  decode(block: Buffer, from: number, to: number, taker: {take(field: RequestField): void}): boolean {
    this.#bytes = block
    this.#at = from
    this.#end = to
    let isBegun = false
    while (this.#at < to) {
      const byte = block[this.#at] as number
      if ((byte & 0xe0) === 0x20) {
        // RFC 7541 §4.2: a new size stands in front of the fields.
        if (isBegun || !this.#resize(this.#integer(31))) return false
        continue
      }
      isBegun = true
      const field = byte >= 128 ? this.#field(this.#integer(127)) : this.#literal(byte)
      if (field === null) return false
      taker.take(field)
    }
    return this.#at === to
  }

  // RFC 7541 §6.2: with a name from the tables or one of its own, kept or not.
  #literal(byte: number): RequestField | null {
    const isKept = byte >= 64
    const index = this.#integer(isKept ? 63 : 15)
    const name = index === 0 ? this.#text() : (this.#field(index)?.name ?? null)
    if (name === null) return null
    const value = this.#text()
    if (value === null) return null
    const field = fieldOf(name, value, this.#isText)
    if (isKept) this.#keep(field)
    return field
  }

  #field(index: number): RequestField | null {
    if (index <= 0) return null
    if (index <= STATIC.length) return STATIC[index - 1] ?? null
    const at = this.#fields.length - (index - STATIC.length)
    return at < this.#first ? null : (this.#fields[at] ?? null)
  }

  // RFC 7541 §4.4: a field that is larger than the table empties it.
  #keep(field: RequestField): void {
    this.#evict(this.#sizeMax - field.size)
    if (field.size > this.#sizeMax) return
    this.#fields.push(field)
    this.#size += field.size
  }

  #resize(size: number): boolean {
    if (size < 0 || size > TABLE_BYTES_MAX) return false
    this.#sizeMax = size
    this.#evict(size)
    return true
  }

  #evict(size: number): void {
    while (this.#first < this.#fields.length && this.#size > size) {
      this.#size -= this.#fields[this.#first]?.size ?? 0
      this.#first++
    }
    // Most of the list is gone: as long as the table is full it holds at most twice what it has to.
    if (this.#first < 64 || this.#first * 2 < this.#fields.length) return
    this.#fields = this.#fields.slice(this.#first)
    this.#first = 0
  }

  // RFC 7541 §5.1; -1 when it is too long.
  #integer(prefix: number): number {
    let value = (this.#bytes[this.#at++] as number) & prefix
    if (value < prefix) return value
    for (let i = 0; i < INTEGER_BYTES_MAX; i++) {
      if (this.#at >= this.#end) return -1
      const byte = this.#bytes[this.#at++] as number
      value += (byte & 127) << (7 * i)
      if (byte < 128) return value
    }
    return -1
  }

  // RFC 7541 §5.2; null when there is none. Leaves in #isText whether it may be a value.
  #text(): string | null {
    if (this.#at >= this.#end) return null
    const isPacked = (this.#bytes[this.#at] as number) >= 128
    const length = this.#integer(127)
    const from = this.#at
    if (length < 0 || from + length > this.#end) return null
    this.#at += length
    if (!isPacked) {
      this.#isText = isValue(this.#bytes, from, this.#at)
      return this.#bytes.latin1Slice(from, this.#at)
    }
    if (unpackedMax(length) > scratch.length) scratch = Buffer.allocUnsafeSlow(unpackedMax(length))
    const count = unpack(this.#bytes, from, this.#at, scratch)
    if (count < 0) return null
    this.#isText = isValue(scratch, 0, count)
    return scratch.latin1Slice(0, count)
  }
}

// ---

const EMPTY = Buffer.alloc(0)
const STATIC = STATIC_FIELDS.map(([name, value]) => fieldOf(name, value, true))

// Of the text under way: reading is synchronous, so one is enough for a thread. It grows to what a block may have at most.
let scratch = Buffer.allocUnsafeSlow(8_192)
