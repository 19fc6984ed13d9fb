// The head of a response, held to the same rules as a request: an instance may be hostile, or only old. Null, or
// the failure that the client is told; the connection is then never used again.

import type {FailureCode} from '../failure.ts'
import {CLASS, COLON, CR, DIGIT, equalsIgnoreCase, LF, SPACE, TAB, TOKEN, VALUE, ZERO} from './bytes.ts'
import {isSpace, lengthIn, listOf, trimSpace, withoutFields} from './field.ts'

/** One record per worker, filled anew by every parse. Places are those in the bytes that were parsed. */
export class ResponseHead {
  status = 0
  minor = 1
  /** -1 when there is none. */
  contentLength = -1
  isChunked = false
  /** May the connection be used again, as far as the instance is concerned? */
  isPersistent = true
  hasDate = false
  /** How long the instance says that it keeps an idle connection; 0 when it does not say. */
  keepAliveMs = 0
  /** Value of Trailer, or ''. */
  trailer = ''
  /** Behind the phrase of the status line. */
  reasonEnd = 0
  fieldsStart = 0
  /** Where each field line begins. */
  readonly lines: number[] = []
  linesLength = 0
  /** The line of Content-Length, with its CRLF; -1 when there is none. */
  lengthStart = -1
  lengthEnd = -1
  /** What may be passed on, the status line and Content-Length too: where each run begins and ends, in pairs. */
  readonly runs: number[] = []
  runsLength = 0
  /** Names of further fields that go no further, in lower case; null for none. */
  named: readonly string[] | null = null
  /** May a client of HTTP/1.x be given the runs as they are? */
  isPlain = true
}

/** Parses the head in `bytes[0, end)`, where `end` is behind the CRLF CRLF. */
export function parseResponseHead(
  bytes: Buffer,
  end: number,
  fieldsMax: number,
  head: ResponseHead,
): FailureCode | null {
  connection = ''
  head.contentLength = -1
  head.isChunked = false
  head.hasDate = false
  head.trailer = ''
  head.keepAliveMs = 0
  head.lengthStart = -1
  head.lengthEnd = -1
  head.linesLength = 0
  head.runsLength = 0
  head.named = null
  if (!parseStatusLine(bytes, head)) return 'response-invalid'
  return parseFields(bytes, end - 2, fieldsMax, head) ?? settle(head)
}

/** Phrase behind the code with its leading SP, or ''. */
export function reasonOf(head: ResponseHead, bytes: Buffer): string {
  return bytes.latin1Slice(REASON_START, head.reasonEnd)
}

/** Is there a field line with one of the names, in lower case? */
export function saysAny(head: ResponseHead, bytes: Buffer, names: readonly string[]): boolean {
  for (const name of names) if (saysField(head, bytes, name)) return true
  return false
}

/** Is there a field line with this name, in lower case? */
export function saysField({lines, linesLength}: ResponseHead, bytes: Buffer, name: string): boolean {
  for (let i = 0; i < linesLength; i++) {
    const end = (lines[i] as number) + name.length
    if (bytes[end] === COLON && equalsIgnoreCase(bytes, lines[i] as number, end, name)) return true
  }
  return false
}

/** Field lines to pass on, each with its CRLF; those that frame the body are not among them. */
export function fieldsOf(head: ResponseHead, bytes: Buffer): string {
  const {fieldsStart, lengthStart, lengthEnd, runs, runsLength, named} = head
  const text = bytes.latin1Slice(0, runs[runsLength - 1])
  let fields = ''
  for (let i = 0; i < runsLength; i += 2) {
    const start = i === 0 ? fieldsStart : (runs[i] as number)
    const end = runs[i + 1] as number
    const hasLength = lengthStart >= start && lengthStart < end
    fields += hasLength ? text.slice(start, lengthStart) + text.slice(lengthEnd, end) : text.slice(start, end)
  }
  return named === null ? fields : withoutFields(fields, named)
}

// ---

const KEEP = 0
const DROP = 1
const CONTENT_LENGTH = 2
const TRANSFER_ENCODING = 3
const CONNECTION = 4
const DATE = 5
const TRAILER = 6
const KEEP_ALIVE = 7

const REASON_START = 12

// Scratch of the parse under way.
let connection = ''

// 'HTTP/1.1 200 OK\r\n' (RFC 9112 §4; the SP before an empty phrase may be missing).
function parseStatusLine(bytes: Buffer, head: ResponseHead): boolean {
  if (
    bytes[0] !== 72 ||
    bytes[1] !== 84 ||
    bytes[2] !== 84 ||
    bytes[3] !== 80 ||
    bytes[4] !== 47 ||
    bytes[5] !== 49 ||
    bytes[6] !== 46 ||
    bytes[8] !== SPACE
  ) {
    return false
  }
  const minor = (bytes[7] as number) - 48
  if (minor !== 0 && minor !== 1) return false
  head.minor = minor
  head.isPersistent = minor === 1
  let status = 0
  for (let i = 9; i < 12; i++) {
    if (((CLASS[bytes[i] as number] as number) & DIGIT) === 0) return false
    status = status * 10 + (bytes[i] as number) - 48
  }
  if (status < 100 || status > 599) return false
  head.status = status
  let at = REASON_START
  head.isPlain = minor === 1 && bytes[at] === SPACE
  if (bytes[at] === SPACE) while (((CLASS[bytes[at] as number] as number) & VALUE) !== 0) at++
  if (bytes[at] !== CR || bytes[at + 1] !== LF) return false
  head.reasonEnd = at
  head.fieldsStart = at + 2
  return true
}

function parseFields(bytes: Buffer, last: number, fieldsMax: number, head: ResponseHead): FailureCode | null {
  let at = head.fieldsStart
  let runStart = 0
  while (at < last) {
    if (head.linesLength >= fieldsMax) return 'response-head-too-large'
    const start = at
    head.lines[head.linesLength++] = start
    while (((CLASS[bytes[at] as number] as number) & TOKEN) !== 0) at++
    if (at === start || bytes[at] !== COLON) return 'response-invalid'
    const nameEnd = at++
    while (((CLASS[bytes[at] as number] as number) & VALUE) !== 0) at++
    if (bytes[at] !== CR || bytes[at + 1] !== LF) return 'response-invalid'
    at += 2
    const meaning = meaningOf(bytes, start, nameEnd)
    if (meaning === KEEP) continue
    if (meaning === DATE) {
      head.hasDate = true
      continue
    }
    if (meaning === CONTENT_LENGTH) {
      if (!takeLength(bytes, start, nameEnd + 1, at, head)) return 'response-invalid'
      continue
    }
    if (start > runStart) addRun(head, runStart, start)
    runStart = at
    if (meaning === DROP) continue
    if (meaning === CONNECTION && connection === '' && isKeepAlive(bytes, nameEnd + 1, at - 2)) {
      connection = 'keep-alive'
      continue
    }
    if (meaning === TRANSFER_ENCODING && bytes[at - 3] === TAB) return 'response-invalid'
    if (!takeField(meaning, trimSpace(bytes.latin1Slice(nameEnd + 1, at - 2)), head)) return 'response-invalid'
  }
  // It may be empty: the line that ends the head comes behind it.
  addRun(head, runStart, last)
  return null
}

function addRun(head: ResponseHead, start: number, end: number): void {
  head.runs[head.runsLength] = start
  head.runs[head.runsLength + 1] = end
  head.runsLength += 2
}

// What most instances say, without a text being made of it.
function isKeepAlive(bytes: Buffer, from: number, to: number): boolean {
  return bytes[from] === SPACE && equalsIgnoreCase(bytes, from + 1, to, 'keep-alive')
}

// Once only. One with a zero before its digits is said again in our words.
function takeLength(bytes: Buffer, start: number, from: number, end: number, head: ResponseHead): boolean {
  if (head.contentLength >= 0) return false
  head.contentLength = lengthIn(bytes, from, end - 2)
  head.lengthStart = start
  head.lengthEnd = end
  let at = from
  while (isSpace(bytes[at] as number)) at++
  if (bytes[at] === ZERO && ((CLASS[bytes[at + 1] as number] as number) & DIGIT) !== 0) head.isPlain = false
  return head.contentLength >= 0
}

function meaningOf(bytes: Buffer, start: number, end: number): number {
  switch ((bytes[start] as number) | 32) {
    case 99: // c
      if (equalsIgnoreCase(bytes, start, end, 'content-length')) return CONTENT_LENGTH
      return equalsIgnoreCase(bytes, start, end, 'connection') ? CONNECTION : KEEP
    case 100: // d
      return equalsIgnoreCase(bytes, start, end, 'date') ? DATE : KEEP
    case 107: // k
      return equalsIgnoreCase(bytes, start, end, 'keep-alive') ? KEEP_ALIVE : KEEP
    case 112: // p
      return equalsIgnoreCase(bytes, start, end, 'proxy-connection') ? DROP : KEEP
    case 116: // t
      if (equalsIgnoreCase(bytes, start, end, 'transfer-encoding')) return TRANSFER_ENCODING
      return equalsIgnoreCase(bytes, start, end, 'trailer') ? TRAILER : KEEP
    case 117: // u
      return equalsIgnoreCase(bytes, start, end, 'upgrade') ? DROP : KEEP
    default:
      return KEEP
  }
}

function takeField(meaning: number, value: string, head: ResponseHead): boolean {
  switch (meaning) {
    case TRANSFER_ENCODING:
      if (head.isChunked || value.toLowerCase() !== 'chunked') return false
      head.isChunked = true
      return true
    case TRAILER:
      head.trailer = value
      return true
    case KEEP_ALIVE:
      head.keepAliveMs = 1000 * Number(/\btimeout=(\d{1,6})\b/.exec(value)?.[1] ?? 0)
      return true
    default:
      connection = connection === '' ? value : `${connection},${value}`
      return true
  }
}

function settle(head: ResponseHead): FailureCode | null {
  if (head.isChunked && (head.contentLength >= 0 || head.minor === 0)) return 'response-invalid'
  // RFC 9110 §8.6: an interim answer has no body, so one that says it has is read in two ways.
  if (head.status < 200 && (head.isChunked || head.contentLength >= 0)) return 'response-invalid'
  if (connection === '' || connection === 'keep-alive') {
    if (connection !== '' && head.minor === 0) head.isPersistent = true
    return null
  }
  const options = listOf(connection)
  if (options === null) return 'response-invalid'
  if (options.includes('close')) head.isPersistent = false
  else if (options.includes('keep-alive')) head.isPersistent = true
  const named = options.filter(option => !PROTECTED.has(option))
  if (named.length > 0) {
    head.named = named
    head.isPlain = false
  }
  return null
}

/** Fields that Connection may not take away from an answer: what the client needs to read it. */
export const PROTECTED = new Set([
  'close',
  'keep-alive',
  'upgrade',
  'content-type',
  'content-encoding',
  'content-range',
  'set-cookie',
  'location',
  'date',
  'vary',
])
