// The other way round than ../http2/fields.ts: the head that was composed for an instance of HTTP/1.1 becomes the fields of
// a request, and the fields of an answer become the head that an instance of HTTP/1.1 would have sent, to be read by the same
// strict parser. nghttp2 has refused by then what no field may have (RFC 9113 §8.2.1).

import {trimSpace} from '../http1/field.ts'

/** Fields of a request, [name, value, …] with the pseudo-fields first, by its head. */
export function requestFields(head: string, scheme: string): string[] {
  const lineEnd = head.indexOf('\r\n')
  const methodEnd = head.indexOf(' ')
  const method = head.slice(0, methodEnd)
  const path = head.slice(methodEnd + 1, lineEnd - VERSION.length)
  const fields = [':method', method, ':scheme', scheme, ':authority', '', ':path', path]
  for (let start = lineEnd + 2; start < head.length - 2; ) {
    const end = head.indexOf('\r\n', start)
    const colon = head.indexOf(':', start)
    const name = head.slice(start, colon).toLowerCase()
    const value = trimSpace(head.slice(colon + 1, end))
    // RFC 9113 §8.3.1: the Host of HTTP/1.1 is the authority, and nobody is told it twice.
    if (name === 'host') fields[AUTHORITY] = value
    else if (!HOP.has(name) && (name !== 'te' || value === 'trailers')) fields.push(name, value)
    start = end + 2
  }
  return fields
}

/** The head of an answer, interim or not, by its fields [':status', '200', name, value, …]. */
export function answerHead(fields: readonly string[]): string {
  return `HTTP/1.1 ${fields[fields.indexOf(':status') + 1]} \r\n${fieldLines(fields)}\r\n`
}

/** Field lines, each with its CRLF, of what comes as [name, value, …]. */
export function fieldLines(fields: readonly string[]): string {
  let lines = ''
  for (let i = 0; i < fields.length; i += 2) {
    const name = fields[i] ?? ''
    if (!name.startsWith(':') && !HOP.has(name)) lines += `${name}: ${fields[i + 1]}\r\n`
  }
  return lines
}

// ---

const VERSION = ' HTTP/1.1'
/** Index of the value of ':authority'. */
const AUTHORITY = 5

/** RFC 9113 §8.2.2: they concern a connection of HTTP/1.1. */
const HOP = new Set(['connection', 'keep-alive', 'proxy-connection', 'transfer-encoding', 'upgrade'])
