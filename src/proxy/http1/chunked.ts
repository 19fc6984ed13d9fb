// Chunked coding (RFC 9112 §7.1), checked byte by byte while it passes through. Data is skipped in one step, so that the
// cost is per chunk. Extensions and trailers are not in what is passed on: the scanner names the ranges that are, and keeps
// the trailers apart for whoever may have them.

import {CLASS, COLON, CR, HEX, LF, SEMICOLON, SPACE, TAB, TOKEN, VALUE} from './bytes.ts'

/** 13 hex digits hold every size below 2^53. */
const SIZE_DIGITS_MAX = 13
/** Of one message, all chunks together. */
const EXTENSION_BYTES_MAX = 4096
/** Of one message. */
const TRAILER_BYTES_MAX = 8192

export const MORE = -1
export const INVALID = -2

const SIZE = 0
const SIZE_DIGITS = 1
const EXTENSION = 2
const SIZE_LF = 3
const DATA = 4
const DATA_CR = 5
const DATA_LF = 6
const TRAILER_START = 7
const TRAILER_NAME = 8
const TRAILER_VALUE = 9
const TRAILER_LF = 10
const LAST_LF = 11

export class ChunkScanner {
  /** Pairs [from, to) of the bytes last scanned that are to be passed on. */
  readonly ranges: number[] = []
  /** Trailer lines, each with its CRLF, when the whole message has been scanned; '' when there are none. */
  trailers = ''
  /** Pass on the data alone, for a recipient that does not know chunks. */
  readonly #isDecoding: boolean
  #state = SIZE
  #size = 0
  #digits = 0
  #extensionBytes = 0
  #isQuoted = false
  #isExtensionEmpty = false
  #trailerBytes = 0
  /** Is the byte at hand one that is passed on? Carried from one read to the next. */
  #isKept: boolean

  constructor(isDecoding: boolean) {
    this.#isDecoding = isDecoding
    this.#isKept = !isDecoding
  }

  /** Scans `bytes[from, to)`: the index behind the end of the message, MORE when it goes on, or INVALID. Fills `ranges`. */
  scan(bytes: Buffer, from: number, to: number): number {
    this.ranges.length = 0
    const whole = !this.#isDecoding
    let trailersFrom = this.#state >= TRAILER_NAME && this.#state < LAST_LF ? from : -1
    let kept = this.#isKept ? from : -1
    let at = from
    while (at < to) {
      if (this.#state === DATA) {
        const step = Math.min(this.#size, to - at)
        at += step
        this.#size -= step
        if (this.#size > 0) break
        this.#state = DATA_CR
        if (!whole) kept = this.#cut(kept, at)
        continue
      }
      const byte = bytes[at] as number
      const bits = CLASS[byte] as number
      switch (this.#state) {
        case SIZE:
        case SIZE_DIGITS:
          if ((bits & HEX) !== 0) {
            if (++this.#digits > SIZE_DIGITS_MAX) return INVALID
            this.#size = this.#size * 16 + hexOf(byte)
            this.#state = SIZE_DIGITS
          } else if (this.#state === SIZE) {
            return INVALID
          } else if (byte === CR) {
            this.#state = SIZE_LF
          } else if (byte === SEMICOLON) {
            this.#state = EXTENSION
            this.#isExtensionEmpty = true
            if (whole) kept = this.#cut(kept, at)
          } else {
            return INVALID
          }
          break
        case EXTENSION:
          if (byte === CR) {
            if (this.#isQuoted || this.#isExtensionEmpty) return INVALID
            this.#state = SIZE_LF
            if (whole) kept = at
          } else if (!this.#takeExtension(byte, bits)) {
            return INVALID
          }
          break
        case SIZE_LF:
          if (byte !== LF) return INVALID
          this.#digits = 0
          this.#state = this.#size === 0 ? TRAILER_START : DATA
          if (!whole && this.#size > 0) kept = at + 1
          break
        case DATA_CR:
          if (byte !== CR) return INVALID
          this.#state = DATA_LF
          break
        case DATA_LF:
          if (byte !== LF) return INVALID
          this.#state = SIZE
          break
        case TRAILER_START:
          if (byte === CR) {
            this.#state = LAST_LF
            if (trailersFrom >= 0) this.trailers += bytes.latin1Slice(trailersFrom, at)
            trailersFrom = -1
            if (whole && kept < 0) kept = at
            break
          }
          if ((bits & TOKEN) === 0) return INVALID
          if (whole) kept = this.#cut(kept, at)
          if (trailersFrom < 0) trailersFrom = at
          this.#state = TRAILER_NAME
          break
        case TRAILER_NAME:
          if (byte === COLON) this.#state = TRAILER_VALUE
          else if ((bits & TOKEN) === 0) return INVALID
          break
        case TRAILER_VALUE:
          if (byte === CR) this.#state = TRAILER_LF
          else if ((bits & VALUE) === 0) return INVALID
          break
        case TRAILER_LF:
          if (byte !== LF) return INVALID
          this.#state = TRAILER_START
          break
        default:
          if (byte !== LF) return INVALID
          this.#cut(kept, at + 1)
          return at + 1
      }
      if (this.#state >= TRAILER_NAME && ++this.#trailerBytes > TRAILER_BYTES_MAX) return INVALID
      at++
    }
    if (trailersFrom >= 0) this.trailers += bytes.latin1Slice(trailersFrom, to)
    this.#isKept = kept >= 0
    this.#cut(kept, to)
    return MORE
  }

  // Extensions are dropped, but only what is an extension may be dropped: a bare ';', a control character or an open quote
  // is where two parsers part ways ("funky chunks", 2025).
  #takeExtension(byte: number, bits: number): boolean {
    if (++this.#extensionBytes > EXTENSION_BYTES_MAX || (bits & VALUE) === 0 || byte > 126) return false
    if (byte === QUOTE) this.#isQuoted = !this.#isQuoted
    if (byte === BACKSLASH) return false
    if (this.#isQuoted) this.#isExtensionEmpty = false
    else if (byte === SEMICOLON) {
      if (this.#isExtensionEmpty) return false
      this.#isExtensionEmpty = true
    } else if (byte !== SPACE && byte !== TAB) this.#isExtensionEmpty = false
    return true
  }

  #cut(from: number, to: number): number {
    if (from >= 0 && to > from) this.ranges.push(from, to)
    return -1
  }
}

// ---

const QUOTE = 34
const BACKSLASH = 92

function hexOf(byte: number): number {
  return byte <= 57 ? byte - 48 : (byte | 32) - 87
}
