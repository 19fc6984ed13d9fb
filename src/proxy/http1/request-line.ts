// The first line of a request (RFC 9112 §3): method, target, version.

import type {FailureCode} from '../failure.ts'
import {CLASS, CR, LF, QUESTION, SLASH, SPACE, TARGET, TOKEN, UNDECIDED} from './bytes.ts'
import type {RequestHead} from './request-head.ts'

/** Of the target alone; RFC 9110 §4.1 wants at least 8000 octets. */
const TARGET_BYTES_MAX = 8192
/** The longest registered method has 17. */
const METHOD_BYTES_MAX = 32

/**
 * Parses the line at `start` into `head`: 'GET /path HTTP/1.1\r\n', one SP between the parts, nothing else. `text` is the
 * bytes as latin1.
 */
export function parseRequestLine(bytes: Buffer, text: string, start: number, head: RequestHead): FailureCode | null {
  let at = start
  while (((CLASS[bytes[at] as number] as number) & TOKEN) !== 0) at++
  if (at === start || bytes[at] !== SPACE || at - start > METHOD_BYTES_MAX) return 'bad-request'
  head.method = methodOf(bytes, text, start, at)
  at++
  const targetStart = at
  let pathEnd = -1
  let classes = 0
  let previous = 0
  for (;;) {
    const byte = bytes[at] as number
    const bits = CLASS[byte] as number
    if ((bits & TARGET) === 0) break
    if (pathEnd < 0) {
      if (byte === QUESTION) pathEnd = at
      classes |= bits
      if (byte === DOT && previous === SLASH) classes |= UNDECIDED
      previous = byte
    }
    at++
  }
  if (at === targetStart || bytes[at] !== SPACE) return 'bad-request'
  if (at - targetStart > TARGET_BYTES_MAX) return 'uri-too-long'
  head.target = text.slice(targetStart, at)
  head.pathChars = (pathEnd < 0 ? at : pathEnd) - targetStart
  head.isUndecided = (classes & UNDECIDED) !== 0
  const problem = parseVersion(bytes, at + 1, head)
  if (problem) return problem
  head.fieldsStart = at + 11
  if (bytes[targetStart] !== SLASH) return readOtherForm(head)
  return head.method === 'GET' || METHODS.has(head.method) ? refusedMethod(head) : 'unknown-method'
}

/**
 * Judges the bytes of a head that has not arrived whole: garbage is answered at once, not after the header timeout.
 * null while they may still become a request.
 */
export function judgePartialHead(bytes: Buffer): FailureCode | null {
  const text = bytes.latin1Slice(0, bytes.length)
  if (text === '\r') return null
  if (/(?:^|[^\r])\n|\r[^\n]/.test(text)) return 'bad-request'
  if (!/^[!#$%&'*+\-.^_`|~0-9A-Za-z]{0,32}(?:$| )/.test(text)) return 'bad-request'
  if (/^[^\r]*\r\n/.test(text) && !/^[^ \r]+ [^ \r]+ HTTP\/\d\.\d\r\n/.test(text)) return 'bad-request'
  return text.length > TARGET_BYTES_MAX + METHOD_BYTES_MAX && !text.includes('\r') ? 'uri-too-long' : null
}

// ---

const DOT = 46

function methodOf(bytes: Buffer, text: string, start: number, end: number): string {
  if (end - start === 3 && bytes[start] === 71 && bytes[start + 1] === 69 && bytes[start + 2] === 84) return 'GET'
  return text.slice(start, end)
}

// Exactly 'HTTP/1.0' or 'HTTP/1.1' and CRLF. Another well-formed version is 505, anything else 400.
function parseVersion(bytes: Buffer, at: number, head: RequestHead): FailureCode | null {
  if (
    bytes[at] === 72 &&
    bytes[at + 1] === 84 &&
    bytes[at + 2] === 84 &&
    bytes[at + 3] === 80 &&
    bytes[at + 4] === SLASH &&
    bytes[at + 5] === 49 &&
    bytes[at + 6] === DOT &&
    bytes[at + 8] === CR &&
    bytes[at + 9] === LF
  ) {
    const minor = (bytes[at + 7] as number) - 48
    if (minor === 0 || minor === 1) {
      head.minor = minor
      head.isPersistent = minor === 1
      return null
    }
  }
  return /^HTTP\/\d\.\d\r\n$/.test(bytes.latin1Slice(at, Math.min(at + 10, bytes.length)))
    ? 'version-unsupported'
    : 'bad-request'
}

// RFC 9112 §3.2: absolute-form is taken apart, asterisk-form is for OPTIONS alone, CONNECT is not served.
function readOtherForm(head: RequestHead): FailureCode | null {
  if (head.method === 'CONNECT' || head.method === 'TRACE') return 'method-refused'
  if (head.target === '*') return head.method === 'OPTIONS' ? null : 'bad-request'
  const match = /^https?:\/\/([^/?@]+)(\/[^?]*|(?=\?)|$)(.*)$/i.exec(head.target)
  if (!match) return 'bad-request'
  const [, authority = '', path = '', query = ''] = match
  head.authority = authority
  head.target = (path === '' ? '/' : path) + query
  head.pathChars = head.target.length - query.length
  return METHODS.has(head.method) ? null : 'unknown-method'
}

// RFC 9110 §9.3.8: TRACE would echo credentials to whoever can make a browser send it.
function refusedMethod(head: RequestHead): FailureCode | null {
  return head.method === 'TRACE' || head.method === 'CONNECT' ? 'method-refused' : null
}

// What Node's own parser knows (llhttp); anything else is 501, so that both agree on what a request is.
const METHODS = new Set(
  (
    'GET HEAD POST PUT DELETE OPTIONS PATCH TRACE CONNECT ACL BIND CHECKOUT COPY LINK LOCK M-SEARCH MERGE MKACTIVITY ' +
    'MKCALENDAR MKCOL MOVE NOTIFY PROPFIND PROPPATCH PURGE QUERY REBIND REPORT SEARCH SOURCE SUBSCRIBE UNBIND UNLINK ' +
    'UNLOCK UNSUBSCRIBE'
  ).split(' '),
)
