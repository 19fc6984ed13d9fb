// The first message of a TLS client (RFC 8446 §4.1.2), read before anything of TLS is set up: the name that it asks for and
// the ticket that it brings choose the certificate and the rules of its connection. OpenSSL would ask for a certificate by
// name only where it resumes nothing, so that a session of one host could be taken up at another.

import {normalizeHost} from '../../router/host.ts'

export type ClientHello = {
  /** Asked for by SNI, in lower case; null when the client names nobody, '' when what it names is no host. */
  readonly name: string | null
  /** First bytes of its session ticket, which name the key that made it; empty when it has none. */
  readonly ticketName: Buffer
}

/** Of a hello with all its records. Keys for post-quantum exchange have 1.2 KB, a ticket with a client's chain some KB. */
export const HELLO_BYTES_MAX = 32_768
/** Bytes of a ticket that name its key. */
export const TICKET_NAME_BYTES = 16

/** The hello at the beginning of `bytes`; 'more' while it has not arrived whole, 'invalid' when it is none. */
export function readClientHello(bytes: Buffer): ClientHello | 'more' | 'invalid' {
  const body = messageOf(bytes)
  if (typeof body === 'string') return body
  // Version and random; then session id, cipher suites and compression methods, each behind its length.
  let at = 2 + 32
  at += 1 + byteAt(body, at)
  at += 2 + shortAt(body, at)
  at += 1 + byteAt(body, at)
  if (at > body.length) return 'invalid'
  if (at === body.length) return {name: null, ticketName: NO_BYTES}
  const end = at + 2 + shortAt(body, at)
  if (end !== body.length) return 'invalid'
  return readExtensions(body, at + 2, end)
}

// ---

const HANDSHAKE = 22
const CLIENT_HELLO = 1
const RECORD_HEADER_BYTES = 5
/** RFC 8446 §5.1. */
const RECORD_BYTES_MAX = 16_384
const SERVER_NAME = 0
const SESSION_TICKET = 35
const PRE_SHARED_KEY = 41
const NO_BYTES = Buffer.alloc(0)

// The body of the message, taken out of as many records as it was cut into.
function messageOf(bytes: Buffer): Buffer | 'more' | 'invalid' {
  const pieces: Buffer[] = []
  let have = 0
  let total = HELLO_BYTES_MAX
  for (let at = 0; ; ) {
    if (at > HELLO_BYTES_MAX) return 'invalid'
    if (at < bytes.length && bytes[at] !== HANDSHAKE) return 'invalid'
    if (at + 1 < bytes.length && bytes[at + 1] !== 3) return 'invalid'
    if (bytes.length < at + RECORD_HEADER_BYTES) return 'more'
    const length = shortAt(bytes, at + 3)
    if (length === 0 || length > RECORD_BYTES_MAX) return 'invalid'
    const from = at + RECORD_HEADER_BYTES
    const piece = bytes.subarray(from, from + length)
    if (have === 0 && piece.length > 0 && piece[0] !== CLIENT_HELLO) return 'invalid'
    pieces.push(piece)
    // The type and the length of the message may themselves be cut.
    if (have < 4 && have + piece.length >= 4) total = 4 + Buffer.concat(pieces).readUIntBE(1, 3)
    have += piece.length
    if (total > HELLO_BYTES_MAX) return 'invalid'
    if (have >= total) return (pieces.length === 1 ? piece : Buffer.concat(pieces)).subarray(4, total)
    if (piece.length < length) return 'more'
    at = from + length
  }
}

function readExtensions(body: Buffer, from: number, end: number): ClientHello | 'invalid' {
  let name: string | null = null
  let ticketName: Buffer = NO_BYTES
  for (let at = from; at < end; ) {
    if (at + 4 > end) return 'invalid'
    const type = body.readUInt16BE(at)
    const start = at + 4
    at = start + body.readUInt16BE(at + 2)
    if (at > end) return 'invalid'
    if (type === SERVER_NAME) {
      const read = readServerName(body.subarray(start, at))
      if (read === null) return 'invalid'
      name = read
    } else if (type === SESSION_TICKET) {
      if (at - start >= TICKET_NAME_BYTES) ticketName = body.subarray(start, start + TICKET_NAME_BYTES)
    } else if (type === PRE_SHARED_KEY) {
      // The length of the list and of the first identity, then the identity, which is the ticket.
      if (at - start >= 4 + TICKET_NAME_BYTES) ticketName = body.subarray(start + 4, start + 4 + TICKET_NAME_BYTES)
    }
  }
  return {name, ticketName}
}

// RFC 6066 §3: a list of names of different types, of which there is one. null: not well formed.
function readServerName(data: Buffer): string | null {
  if (data.length < 5 || data.readUInt16BE(0) !== data.length - 2 || data[2] !== 0) return null
  const length = data.readUInt16BE(3)
  return length === 0 || length !== data.length - 5 ? null : normalizeHost(data.latin1Slice(5))
}

function byteAt(bytes: Buffer, at: number): number {
  return bytes[at] ?? 0
}

function shortAt(bytes: Buffer, at: number): number {
  return (byteAt(bytes, at) << 8) | byteAt(bytes, at + 1)
}
