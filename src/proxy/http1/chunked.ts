// Chunked coding (RFC 9112 §7.1), checked byte by byte while it passes through. Data is skipped in one step, so that the
// cost is per chunk. Extensions and trailers are not in what is passed on: the scanner names the ranges that are, and keeps
// the trailers apart for whoever may have them.

import {CLASS, COLON, CR, HEX, LF, SEMICOLON, TOKEN, VALUE} from './bytes.ts'
import {isFramingName} from './field.ts'

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

// Where an extension stands: ';' token [ '=' ( token | quoted-string ) ], with nothing between.
const NAME_START = 0
const NAME = 1
const WORD_START = 2
const WORD = 3
const QUOTED = 4
const QUOTED_END = 5

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
  #extension = NAME_START
  #trailerName = ''
  #trailerBytes = 0
  /** Is the byte at hand one that is passed on? Carried from one read to the next. */
  #isKept: boolean

  constructor(isDecoding: boolean) {
    this.#isDecoding = isDecoding
    this.#isKept = !isDecoding
  }

  /** Have all trailers been seen, and only the CRLF behind them, or its LF, is to come or was the last that came? */
  get isEnding(): boolean {
    return this.#state === LAST_LF
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
            this.#extension = NAME_START
            if (whole) kept = this.#cut(kept, at)
          } else {
            return INVALID
          }
          break
        case EXTENSION:
          if (byte === CR) {
            if (this.#extension !== NAME && this.#extension !== WORD && this.#extension !== QUOTED_END) return INVALID
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
          this.#trailerName = String.fromCharCode(byte)
          this.#state = TRAILER_NAME
          break
        case TRAILER_NAME:
          if (byte === COLON) {
            // Another length behind the body is an attack, not a trailer.
            if (isFramingName(this.#trailerName.toLowerCase())) return INVALID
            this.#state = TRAILER_VALUE
          } else {
            if ((bits & TOKEN) === 0) return INVALID
            this.#trailerName += String.fromCharCode(byte)
          }
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
    if (++this.#extensionBytes > EXTENSION_BYTES_MAX) return false
    const isToken = (bits & TOKEN) !== 0
    switch (this.#extension) {
      case NAME_START:
        this.#extension = NAME
        return isToken
      case NAME:
        if (byte === SEMICOLON) this.#extension = NAME_START
        else if (byte === EQUALS) this.#extension = WORD_START
        else return isToken
        return true
      case WORD_START:
        this.#extension = byte === QUOTE ? QUOTED : WORD
        return byte === QUOTE || isToken
      case WORD:
        if (byte !== SEMICOLON) return isToken
        this.#extension = NAME_START
        return true
      case QUOTED:
        if (byte === QUOTE) this.#extension = QUOTED_END
        return (bits & VALUE) !== 0 && byte <= 126 && byte !== BACKSLASH
      default:
        this.#extension = NAME_START
        return byte === SEMICOLON
    }
  }

  #cut(from: number, to: number): number {
    if (from >= 0 && to > from) this.ranges.push(from, to)
    return -1
  }
}

// ---

const QUOTE = 34
const EQUALS = 61
const BACKSLASH = 92

function hexOf(byte: number): number {
  return byte <= 57 ? byte - 48 : (byte | 32) - 87
}
