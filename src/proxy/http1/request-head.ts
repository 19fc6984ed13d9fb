// The head of a request: one walk over its bytes, which checks every one of them against RFC 9112 and notes the few fields
// that concern a proxy. Whatever is not plainly one valid request is a failure: nothing ambiguous may reach an instance.
// Fields that are passed on are kept as runs of the original text, so that their order, case and duplicates stay as sent.

import type {FailureCode} from '../failure.ts'
import {ALIAS, CLASS, COLON, CR, equalsIgnoreCase, LF, TAB, TOKEN, VALUE} from './bytes.ts'
import {isFramingName, lengthIn, listOf, trimmed, trimSpace, withoutFields} from './field.ts'
import {parseRequestLine} from './request-line.ts'

/** One record per worker, filled anew by every parse: whoever needs a value for longer takes it out. */
export class RequestHead {
  method = ''
  /** Origin-form, '*', or the part of an absolute-form behind its authority. */
  target = ''
  /** Length of the path in `target`. */
  pathChars = 0
  /** The path needs the slow rules of router/path.ts. */
  isUndecided = false
  /** Where the first field line begins in the bytes. */
  fieldsStart = 0
  /** The 1 of HTTP/1.1. */
  minor = 1
  /** As sent, without the white space around it; '' when absent. */
  host = ''
  /** Authority of an absolute-form target, or ''. */
  authority = ''
  /** -1 when there is none. */
  contentLength = -1
  isChunked = false
  /** May the connection be used again, as far as the client is concerned? */
  isPersistent = true
  /** Value of Upgrade, in lower case, when Connection names it; else ''. */
  upgrade = ''
  expectsContinue = false
  /** Field lines to pass on, each with its CRLF. */
  fields = ''
  /** Where the Host line stands in `fields`; both 0 when there is none. */
  hostLineStart = 0
  hostLineEnd = 0
  /** Does the client take trailers (RFC 9110 §10.1.4)? */
  takesTrailers = false
  /** Values of fields that were taken out; '' when absent. */
  requestId = ''
  traceparent = ''
  via = ''
  forwarded = ''
  forwardedFor = ''
  forwardedProto = ''
  forwardedHost = ''
}

/** Which fields the settings ask us to write ourselves, so that those of the client are taken out. */
export type TakenFields = {readonly requestId: boolean; readonly traceparent: boolean; readonly via: boolean}

/**
 * Parses the head in `bytes[start, end)`, where `end` is behind the CRLF CRLF, into `head`.
 * Returns null when it is valid, else what to answer; `head` is then only partly filled.
 */
export function parseRequestHead(
  bytes: Buffer,
  start: number,
  end: number,
  fieldsMax: number,
  taken: TakenFields,
  head: RequestHead,
): FailureCode | null {
  reset(head)
  // Once as a whole: whatever is taken from it is then a part of this text, and no other call out of JavaScript.
  const text = bytes.latin1Slice(0, end)
  const problem = parseRequestLine(bytes, text, start, head)
  if (problem) return problem
  return parseFields(bytes, text, head.fieldsStart, end - 2, fieldsMax, taken, head) ?? settle(head)
}

// ---

// What a field means to us. KEEP and DROP are most of them.
const KEEP = 0
const DROP = 1
const HOST = 2
const CONTENT_LENGTH = 3
const TRANSFER_ENCODING = 4
const CONNECTION = 5
const UPGRADE = 6
const EXPECT = 7
const REQUEST_ID = 8
const TRACEPARENT = 9
const VIA = 10
const FORWARDED = 11
const FORWARDED_FOR = 12
const FORWARDED_PROTO = 13
const FORWARDED_HOST = 14
const TE = 15

// Scratch of the parse under way: it is synchronous, so one set per thread is enough.
let hasHost = false
let connection = ''
let upgrade = ''

function reset(head: RequestHead): void {
  hasHost = false
  connection = ''
  upgrade = ''
  head.host = ''
  head.authority = ''
  head.contentLength = -1
  head.isChunked = false
  head.upgrade = ''
  head.expectsContinue = false
  head.fields = ''
  head.hostLineStart = 0
  head.hostLineEnd = 0
  head.takesTrailers = false
  head.requestId = ''
  head.traceparent = ''
  head.via = ''
  head.forwarded = ''
  head.forwardedFor = ''
  head.forwardedProto = ''
  head.forwardedHost = ''
}

function parseFields(
  bytes: Buffer,
  text: string,
  from: number,
  last: number,
  fieldsMax: number,
  taken: TakenFields,
  head: RequestHead,
): FailureCode | null {
  let at = from
  let runStart = from
  let count = 0
  while (at < last) {
    if (++count > fieldsMax) return 'head-too-large'
    const start = at
    let classes = 0
    let bits = CLASS[bytes[at] as number] as number
    while ((bits & TOKEN) !== 0) {
      classes |= bits
      bits = CLASS[bytes[++at] as number] as number
    }
    if (at === start || bytes[at] !== COLON) return 'bad-request'
    const nameEnd = at++
    while (((CLASS[bytes[at] as number] as number) & VALUE) !== 0) at++
    if (bytes[at] !== CR || bytes[at + 1] !== LF) return 'bad-request'
    at += 2
    const meaning = meaningOf(bytes, start, nameEnd, taken)
    if (meaning === KEEP && (classes & ALIAS) === 0) continue
    if (meaning === KEEP && !isAlias(text.slice(start, nameEnd))) continue
    if (meaning === HOST) {
      if (hasHost) return 'bad-host'
      hasHost = true
      // A text of its own, since it stays as long as the connection: what is cut from that of the head keeps all of it.
      head.host = trimSpace(bytes.latin1Slice(nameEnd + 1, at - 2))
      head.hostLineStart = head.fields.length + start - runStart
      head.hostLineEnd = head.hostLineStart + at - start
      continue
    }
    if (start > runStart) head.fields += text.slice(runStart, start)
    runStart = at
    if (meaning <= DROP) continue
    if (meaning === CONTENT_LENGTH) {
      if (head.contentLength >= 0) return 'bad-framing'
      head.contentLength = lengthIn(bytes, nameEnd + 1, at - 2)
      if (head.contentLength < 0) return 'bad-framing'
      continue
    }
    // llhttp does not take 'chunked<TAB>' for chunked: who frames by it must not be given the choice.
    if (meaning === TRANSFER_ENCODING && bytes[at - 3] === TAB) return 'bad-framing'
    const problem = takeField(meaning, trimmed(text, nameEnd + 1, at - 2), head)
    if (problem) return problem
  }
  if (runStart < last) head.fields += text.slice(runStart, last)
  return null
}

// One switch on the first letter, then the length: most fields are settled by one comparison.
function meaningOf(bytes: Buffer, start: number, end: number, taken: TakenFields): number {
  switch ((bytes[start] as number) | 32) {
    case 99: // c
      if (equalsIgnoreCase(bytes, start, end, 'connection')) return CONNECTION
      return equalsIgnoreCase(bytes, start, end, 'content-length') ? CONTENT_LENGTH : KEEP
    case 101: // e
      return equalsIgnoreCase(bytes, start, end, 'expect') ? EXPECT : KEEP
    case 102: // f
      return equalsIgnoreCase(bytes, start, end, 'forwarded') ? FORWARDED : KEEP
    case 104: // h
      if (equalsIgnoreCase(bytes, start, end, 'host')) return HOST
      return equalsIgnoreCase(bytes, start, end, 'http2-settings') ? DROP : KEEP
    case 107: // k
      return equalsIgnoreCase(bytes, start, end, 'keep-alive') ? DROP : KEEP
    case 112: // p: 'proxy' itself is httpoxy (CVE-2016-5385)
      return isProxyField(bytes, start, end) ? DROP : KEEP
    case 116: // t
      if (equalsIgnoreCase(bytes, start, end, 'transfer-encoding')) return TRANSFER_ENCODING
      if (equalsIgnoreCase(bytes, start, end, 'te')) return TE
      if (equalsIgnoreCase(bytes, start, end, 'trailer')) return DROP
      return taken.traceparent && equalsIgnoreCase(bytes, start, end, 'traceparent') ? TRACEPARENT : KEEP
    case 117: // u
      return equalsIgnoreCase(bytes, start, end, 'upgrade') ? UPGRADE : KEEP
    case 118: // v
      return taken.via && equalsIgnoreCase(bytes, start, end, 'via') ? VIA : KEEP
    case 120: // x
      if (equalsIgnoreCase(bytes, start, end, 'x-real-ip')) return DROP
      if (end - start > 12 && equalsIgnoreCase(bytes, start, start + 12, 'x-forwarded-'))
        return forwardedField(bytes, start, end)
      return taken.requestId && equalsIgnoreCase(bytes, start, end, 'x-request-id') ? REQUEST_ID : KEEP
    default:
      return KEEP
  }
}

function forwardedField(bytes: Buffer, start: number, end: number): number {
  if (equalsIgnoreCase(bytes, start, end, 'x-forwarded-for')) return FORWARDED_FOR
  if (equalsIgnoreCase(bytes, start, end, 'x-forwarded-proto')) return FORWARDED_PROTO
  return equalsIgnoreCase(bytes, start, end, 'x-forwarded-host') ? FORWARDED_HOST : DROP
}

function isProxyField(bytes: Buffer, start: number, end: number): boolean {
  return (
    equalsIgnoreCase(bytes, start, end, 'proxy') ||
    equalsIgnoreCase(bytes, start, end, 'proxy-connection') ||
    equalsIgnoreCase(bytes, start, end, 'proxy-authorization') ||
    equalsIgnoreCase(bytes, start, end, 'proxy-authenticate')
  )
}

// 'X_Forwarded_For', 'Transfer.Encoding': servers that read '_' or '.' as '-' would take them for ours (CVE-2026-39858).
function isAlias(name: string): boolean {
  const plain = name.toLowerCase().replace(/[_.]/g, '-')
  return plain.startsWith('x-forwarded-') || isFramingName(plain) || ALIASED.has(plain)
}

const ALIASED = new Set([
  'x-request-id',
  'host',
  'x-real-ip',
  'forwarded',
  'expect',
  'proxy',
  'proxy-connection',
  'proxy-authorization',
])

function takeField(meaning: number, value: string, head: RequestHead): FailureCode | null {
  switch (meaning) {
    case TRANSFER_ENCODING:
      if (head.isChunked) return 'bad-framing'
      head.isChunked = value.toLowerCase() === 'chunked'
      if (head.isChunked) return null
      return /^[a-z0-9-]+\s*,\s*chunked$/i.test(value) && !/^chunked/i.test(value) ? 'unknown-coding' : 'bad-framing'
    case CONNECTION:
      connection = connection === '' ? value : `${connection},${value}`
      return null
    case UPGRADE:
      upgrade = value.toLowerCase()
      return null
    case EXPECT:
      if (value.toLowerCase() !== '100-continue') return 'unmet-expectation'
      head.expectsContinue = head.minor === 1
      return null
    case REQUEST_ID:
      head.requestId = value
      return null
    case TRACEPARENT:
      head.traceparent = value
      return null
    case VIA:
      head.via = joined(head.via, value)
      return null
    case FORWARDED:
      head.forwarded = joined(head.forwarded, value)
      return null
    case FORWARDED_FOR:
      head.forwardedFor = joined(head.forwardedFor, value)
      return null
    case FORWARDED_PROTO:
      head.forwardedProto = value
      return null
    case FORWARDED_HOST:
      head.forwardedHost = value
      return null
    default:
      head.takesTrailers ||= value.toLowerCase() === 'trailers'
      return null
  }
}

// Lines of one list field are one list (RFC 9110 §5.3).
function joined(before: string, value: string): string {
  return before === '' ? value : `${before}, ${value}`
}

// What can only be said when all fields are known.
function settle(head: RequestHead): FailureCode | null {
  if (head.isChunked && (head.contentLength >= 0 || head.minor === 0)) return 'bad-framing'
  if (!hasHost && (head.minor === 1 || head.authority === '')) return 'bad-host'
  if (connection === '') return null
  // What browsers send.
  if (connection === 'keep-alive') {
    head.isPersistent = true
    return null
  }
  const options = listOf(connection)
  if (options === null) return 'bad-request'
  const named: string[] = []
  for (const option of options) {
    if (option === 'close') head.isPersistent = false
    else if (option === 'keep-alive') head.isPersistent ||= head.minor === 0
    else if (option === 'upgrade') head.upgrade = upgrade
    else if (!PROTECTED.has(option)) named.push(option)
  }
  if (options.includes('close')) head.isPersistent = false
  if (named.length > 0) dropNamed(head, named)
  return null
}

// The Host line moves when lines before it go.
function dropNamed(head: RequestHead, names: readonly string[]): void {
  const before = withoutFields(head.fields.slice(0, head.hostLineStart), names)
  const hostLine = head.fields.slice(head.hostLineStart, head.hostLineEnd)
  head.fields = before + hostLine + withoutFields(head.fields.slice(head.hostLineEnd), names)
  head.hostLineStart = before.length
  head.hostLineEnd = before.length + hostLine.length
}

// Fields that Connection may not take away: what routes, frames, identifies or authorises (CVE-2024-45410).
const PROTECTED = new Set(['host', 'authorization', 'cookie', 'content-type', 'te'])
