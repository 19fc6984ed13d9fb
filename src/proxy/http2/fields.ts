// Between the fields of HTTP/2 and the text of HTTP/1.1. A request becomes the head that a client of HTTP/1.1 would have sent
// and is read by the same strict parser, so that nothing reaches an instance by HTTP/2 that could not by HTTP/1.1 (RFC 9113
// §8.2, §10.3). nghttp2 has refused by then: bytes that no field may have, upper case, connection-specific fields, missing,
// double and late pseudo-fields, and bodies that are not as long as they say.

import type {OutgoingHttpHeaders} from 'node:http2'
import {trimSpace} from '../http1/field.ts'

/** Behind it a body comes whose length is not told: it is passed on in chunks. */
export type Request = {readonly head: string; readonly isWrapped: boolean}

/** The head of a request by its fields [name, value, …]; null when it cannot be told in HTTP/1.1. */
export function requestHead(fields: readonly string[], hasBody: boolean): Request | null {
  let method = ''
  let path = ''
  let authority = ''
  let host = ''
  let cookie = ''
  let hasLength = false
  let lines = ''
  for (let i = 0; i < fields.length; i += 2) {
    const name = fields[i] ?? ''
    const value = fields[i + 1] ?? ''
    switch (name) {
      case ':method':
        method = value
        continue
      case ':path':
        path = value
        continue
      case ':authority':
        authority = value
        continue
      case ':scheme':
        continue
      case 'host':
        if (host !== '') return null
        host = value
        continue
      case 'cookie':
        // RFC 9113 §8.2.3: crumbs are one cookie again.
        cookie = cookie === '' ? value : `${cookie}; ${value}`
        continue
      case 'content-length':
        hasLength = true
        break
      // nghttp2 refuses them; it may not always.
      case 'connection':
      case 'keep-alive':
      case 'proxy-connection':
      case 'transfer-encoding':
      case 'upgrade':
        return null
      default:
        // Such as ':protocol', for which nobody has been told that he may.
        if (name.startsWith(':')) return null
    }
    lines += `${name}: ${value}\r\n`
  }
  // RFC 9113 §8.3.1: two names for one request must be one.
  if (authority !== '' && host !== '' && authority.toLowerCase() !== host.toLowerCase()) return null
  if (!path.startsWith('/') && !(path === '*' && method === 'OPTIONS')) return null
  const isWrapped = hasBody && !hasLength
  const framing = isWrapped ? 'transfer-encoding: chunked\r\n' : ''
  const cookies = cookie === '' ? '' : `cookie: ${cookie}\r\n`
  const head = `${method} ${path} HTTP/1.1\r\nhost: ${authority || host}\r\n${lines}${cookies}${framing}\r\n`
  return {head, isWrapped}
}

/** Fields of an answer, [name, value, …] with ':status' first, by the lines of its head. */
export function answerFields(head: string): string[] {
  const fields = [':status', head.slice(9, 12)]
  eachField(head, head.indexOf('\r\n') + 2, (name, value) => {
    if (!HOP.has(name)) fields.push(name, value)
  })
  return fields
}

/** Field lines as an object, for trailers and interim answers. */
export function fieldsObject(lines: string): OutgoingHttpHeaders {
  const fields: Record<string, string | string[]> = Object.create(null)
  eachField(lines, 0, (name, value) => {
    const before = fields[name]
    if (HOP.has(name)) return
    fields[name] = before === undefined ? value : [...(Array.isArray(before) ? before : [before]), value]
  })
  return fields
}

// ---

/** RFC 9113 §8.2.2. */
const HOP = new Set(['connection', 'keep-alive', 'proxy-connection', 'transfer-encoding', 'upgrade', 'trailer', 'te'])

function eachField(text: string, from: number, take: (name: string, value: string) => void): void {
  for (let start = from; start < text.length; ) {
    const end = text.indexOf('\r\n', start)
    if (end <= start) return
    const colon = text.indexOf(':', start)
    take(text.slice(start, colon).toLowerCase(), trimSpace(text.slice(colon + 1, end)))
    start = end + 2
  }
}
