// Who asked, told to the instance. What a client says about itself in these fields was taken out by the parser: only the
// connection knows (RFC 7239 §8, Traefik CVE-2024-45410). A trusted proxy is believed and its account continued.

import {randomUUID} from 'node:crypto'
import type {ForwardHeaders} from '../snapshot/snapshot.ts'
import type {RequestHead} from './http1/request-head.ts'
import {newSpanId, newTraceId} from './tracing/ids.ts'
import type {Trace} from './tracing/trace.ts'

/** The client as the instance is to see it. */
export type Asker = {
  /** Address of the peer, or of the client that a trusted peer named. */
  readonly address: string
  readonly proto: string
  readonly host: string
}

/** The fields that are always sent; the same for every request of an untrusted connection to one host, so they are kept. */
export function forwardingFields(chain: string, {address, proto, host}: Asker): string {
  return (
    `X-Forwarded-For: ${chain}\r\nX-Real-IP: ${address}\r\n` +
    `X-Forwarded-Proto: ${proto}\r\nX-Forwarded-Host: ${host}\r\n`
  )
}

/** What a trusted peer says is kept and its own address added to the chain. */
export function trustedFields(peer: string, head: RequestHead, asker: Asker): string {
  return forwardingFields(head.forwardedFor === '' ? peer : `${head.forwardedFor}, ${peer}`, asker)
}

/** Is any of the opt-in fields asked for? */
export function hasOptional(forward: ForwardHeaders): boolean {
  return forward.forwarded || forward.via || forward.requestId || forward.traceparent
}

/**
 * The opt-in fields of `forward` in the settings. `isTrusted`: what the peer says of the request is kept. `trace`: that of a
 * request with spans.
 */
export function optionalFields(
  forward: ForwardHeaders,
  head: RequestHead,
  asker: Asker,
  isTrusted: boolean,
  pseudonym: string,
  trace: Trace | null,
): string {
  let fields = ''
  if (forward.forwarded) {
    const before = isTrusted && head.forwarded !== '' ? `${head.forwarded}, ` : ''
    fields += `Forwarded: ${before}for=${node(asker.address)};host="${asker.host}";proto=${asker.proto}\r\n`
  }
  if (forward.via)
    fields += `Via: ${head.via === '' ? '' : `${head.via}, `}${head.minor > 1 ? '2.0' : `1.${head.minor}`} ${pseudonym}\r\n`
  if (forward.requestId)
    fields += `X-Request-Id: ${isTrusted && head.requestId !== '' ? head.requestId : randomUUID()}\r\n`
  if (forward.traceparent)
    fields += `traceparent: ${trace === null ? nextTraceparent(head.traceparent) : trace.traceparent()}\r\n`
  return fields
}

/** RFC 9110 §7.6.3: a request that carries our own name in Via has been here before. */
export function isLoop(via: string, pseudonym: string): boolean {
  return via !== '' && via.split(',').some(hop => hop.trim().split(/\s+/)[1] === pseudonym)
}

/** The trace that a traceparent names (W3C trace-context §3.2); null when it is none that may be continued. */
export function traceOf(
  traceparent: string,
): {readonly id: string; readonly span: string; readonly flags: string} | null {
  const [, id = '', span = '', flags = ''] = /^00-([0-9a-f]{32})-([0-9a-f]{16})-([0-9a-f]{2})$/.exec(traceparent) ?? []
  return id === '' || /^0+$/.test(id) || /^0+$/.test(span) ? null : {id, span, flags}
}

// ---

// RFC 7239 §6: an IPv6 address stands in brackets and quotes.
function node(address: string): string {
  return address.includes(':') ? `"[${address}]"` : address
}

// A new span of the client's trace, or the first of a new one when its field is not valid.
function nextTraceparent(given: string): string {
  const span = newSpanId()
  const trace = traceOf(given)
  return trace === null ? `00-${newTraceId()}-${span}-00` : `00-${trace.id}-${span}-${trace.flags}`
}
