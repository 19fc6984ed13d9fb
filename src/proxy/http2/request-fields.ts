// The fields of one request, from HPACK to the text that a client of HTTP/1.1 would have sent. It is read by the same strict
// parser, so that nothing reaches an instance by HTTP/2 that could not by HTTP/1.1 (RFC 9113 §8.2, §10.3).

import {
  AUTHORITY,
  CONTENT_LENGTH,
  COOKIE,
  HOST,
  MALFORMED,
  METHOD,
  PATH,
  PLAIN,
  type RequestField,
  SCHEME,
} from './request-field.ts'

export class RequestFields {
  method = ''
  path = ''
  scheme = ''
  authority = ''
  host = ''
  cookie = ''
  lines = ''
  hasLength = false
  count = 0
  /** As RFC 9113 §6.5.2 counts. */
  bytes = 0
  /** Not a request, or not trailers: its stream is reset (RFC 9113 §8.1.1). */
  isMalformed = false
  #hasPlain = false
  #bytesMax = 0

  /** Makes it ready for the next block, of which at most `bytesMax` are kept. */
  reset(bytesMax: number): void {
    this.method = ''
    this.path = ''
    this.scheme = ''
    this.authority = ''
    this.host = ''
    this.cookie = ''
    this.lines = ''
    this.hasLength = false
    this.count = 0
    this.bytes = 0
    this.isMalformed = false
    this.#hasPlain = false
    this.#bytesMax = bytesMax
  }

  take(field: RequestField): void {
    this.count++
    this.bytes += field.size
    const {kind, value} = field
    // The table goes on; what the fields say does not matter any more.
    if (this.isMalformed || this.bytes > this.#bytesMax) return
    if (kind >= METHOD && kind <= AUTHORITY) {
      this.#takePseudo(kind, value)
      return
    }
    this.#hasPlain = true
    switch (kind) {
      case PLAIN:
        this.lines += field.line
        return
      case HOST:
        if (this.host !== '') this.isMalformed = true
        this.host = value
        return
      case COOKIE:
        // RFC 9113 §8.2.3: crumbs are one cookie again.
        this.cookie = this.cookie === '' ? value : `${this.cookie}; ${value}`
        return
      case MALFORMED:
        this.isMalformed = true
        return
      case CONTENT_LENGTH:
        this.hasLength = true
        this.lines += field.line
        return
      default:
        this.lines += field.line
    }
  }

  isTooLarge(): boolean {
    return this.bytes > this.#bytesMax
  }

  /** RFC 9113 §8.3.1: each of them once, and no path without a slash but that of OPTIONS *. CONNECT is not served. */
  isRequest(): boolean {
    if (this.isMalformed || this.method === '' || this.scheme === '') return false
    if (this.authority.includes('@')) return false
    return this.path.startsWith('/') || (this.path === '*' && this.method === 'OPTIONS')
  }

  /** RFC 9113 §8.1: no pseudo-fields behind a body. */
  isTrailers(): boolean {
    return !this.isMalformed && this.method + this.path + this.scheme + this.authority === ''
  }

  /** RFC 9113 §8.3.1: two names for one request must be one. */
  isOfOneHost(): boolean {
    const {authority, host} = this
    return authority === '' || host === '' || authority === host || authority.toLowerCase() === host.toLowerCase()
  }

  /** The head in HTTP/1.1; `isWrapped` when a body comes whose length is not told. */
  head(isWrapped: boolean): string {
    const cookies = this.cookie === '' ? '' : `cookie: ${this.cookie}\r\n`
    const framing = isWrapped ? 'transfer-encoding: chunked\r\n' : ''
    const host = this.authority === '' ? this.host : this.authority
    return `${this.method} ${this.path} HTTP/1.1\r\nhost: ${host}\r\n${this.lines}${cookies}${framing}\r\n`
  }

  // In front of the fields, and each once (RFC 9113 §8.3).
  #takePseudo(kind: number, value: string): void {
    const before =
      kind === METHOD ? this.method : kind === PATH ? this.path : kind === SCHEME ? this.scheme : this.authority
    if (this.#hasPlain || before !== '' || value === '') {
      this.isMalformed = true
      return
    }
    if (kind === METHOD) this.method = value
    else if (kind === PATH) this.path = value
    else if (kind === SCHEME) this.scheme = value
    else this.authority = value
  }
}
