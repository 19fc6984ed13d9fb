// The head of a response, held to the same rules as a request: an instance may be hostile, or only old. Null, or
// the failure that the client is told; the connection is then never used again.

import type {FailureCode} from '../failure.ts'
import {CLASS, COLON, CR, DIGIT, equalsIgnoreCase, LF, SPACE, TAB, TOKEN, VALUE} from './bytes.ts'
import {listOf, parseLength, trimmed, withoutFields} from './field.ts'

/** One record per worker, filled anew by every parse. */
export class ResponseHead {
  status = 0
  minor = 1
  /** Phrase behind the code with its leading SP, or ''. */
  reason = ''
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
  /** Field lines to pass on, each with its CRLF. */
  fields = ''
}

/** Parses the head in `bytes[0, end)`, where `end` is behind the CRLF CRLF and `text` is at least this much as latin1. */
export function parseResponseHead(
  bytes: Buffer,
  text: string,
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
  head.fields = ''
  const fieldsStart = parseStatusLine(bytes, text, head)
  if (fieldsStart < 0) return 'response-invalid'
  return parseFields(bytes, text, fieldsStart, end - 2, fieldsMax, head) ?? settle(head)
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

// Scratch of the parse under way.
let connection = ''

// 'HTTP/1.1 200 OK\r\n' → index behind it, or -1 (RFC 9112 §4; the SP before an empty phrase may be missing).
function parseStatusLine(bytes: Buffer, text: string, head: ResponseHead): number {
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
    return -1
  }
  const minor = (bytes[7] as number) - 48
  if (minor !== 0 && minor !== 1) return -1
  head.minor = minor
  head.isPersistent = minor === 1
  let status = 0
  for (let i = 9; i < 12; i++) {
    if (((CLASS[bytes[i] as number] as number) & DIGIT) === 0) return -1
    status = status * 10 + (bytes[i] as number) - 48
  }
  if (status < 100 || status > 599) return -1
  head.status = status
  const reasonStart = 12
  let at = reasonStart
  if (bytes[at] === SPACE) while (((CLASS[bytes[at] as number] as number) & VALUE) !== 0) at++
  if (bytes[at] !== CR || bytes[at + 1] !== LF) return -1
  head.reason = text.slice(reasonStart, at)
  return at + 2
}

function parseFields(
  bytes: Buffer,
  text: string,
  from: number,
  last: number,
  fieldsMax: number,
  head: ResponseHead,
): FailureCode | null {
  let at = from
  let runStart = from
  let count = 0
  while (at < last) {
    if (++count > fieldsMax) return 'response-head-too-large'
    const start = at
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
    if (start > runStart) head.fields += text.slice(runStart, start)
    runStart = at
    if (meaning === TRANSFER_ENCODING && bytes[at - 3] === TAB) return 'response-invalid'
    if (meaning !== DROP && !takeField(meaning, trimmed(text, nameEnd + 1, at - 2), head)) return 'response-invalid'
  }
  if (runStart < last) head.fields += text.slice(runStart, last)
  return null
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
    case CONTENT_LENGTH:
      if (head.contentLength >= 0) return false
      head.contentLength = parseLength(value)
      return head.contentLength >= 0
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
  if (named.length > 0) head.fields = withoutFields(head.fields, named)
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
