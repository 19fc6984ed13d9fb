// Spans as OTLP writes them in JSON (opentelemetry/proto/trace/v1/trace.proto; ids in hex, 64-bit numbers as texts), with the
// stable semantic conventions for HTTP. Queries are left out: they carry tokens. A span is made once, at its end, as ASCII:
// whoever passes it on need not look into it.

import {normalizeHost} from '../../router/host.ts'
import type {MemberEntry} from '../entries.ts'
import type {Exchange} from '../exchange.ts'
import type {Trace} from './trace.ts'

/** Of a text that a client or a configuration has written. */
const TEXT_MAX = 1024

/** The request as its client saw it. */
export function serverSpan(trace: Trace, exchange: Exchange): string {
  const {method, minor, route, client, status} = exchange
  const failure = failureOf(exchange) || (status >= 500 ? String(status) : '')
  return span(trace, {
    id: trace.spanId,
    parentId: trace.parentId,
    isParentRemote: trace.parentId !== '',
    name: nameOf(method, route?.id ?? ''),
    kind: SERVER,
    beganMs: exchange.beganMs,
    endedMs: exchange.endedMs,
    attributes:
      methodAttributes(method) +
      text('url.scheme', trace.scheme) +
      text('url.path', trace.path) +
      text('server.address', normalizeHost(trace.host)) +
      text('http.route', route?.id ?? '') +
      number('http.response.status_code', status) +
      text('error.type', failure) +
      text('client.address', trace.client) +
      text('network.peer.address', client.address) +
      text('network.protocol.version', minor === 2 ? '2' : `1.${minor}`) +
      text('routesd.revision', trace.revision) +
      text('routesd.variant', route?.variant ?? ''),
    // A 4xx is no error of a server.
    isError: status >= 500,
  })
}

/** A try at an instance; `status` is that of its answer, 0 for none. */
export function clientSpan(trace: Trace, exchange: Exchange, member: MemberEntry, status: number): string {
  const {method, attempts, attemptMs, endedMs} = exchange
  const {origin, id, pool} = member
  const code = trace.failure || failureOf(exchange)
  const failure = code || (status >= 400 ? String(status) : '')
  return span(trace, {
    id: trace.attemptId,
    parentId: trace.spanId,
    isParentRemote: false,
    name: nameOf(method, ''),
    kind: CLIENT,
    beganMs: attemptMs,
    endedMs: endedMs === 0 ? performance.now() : endedMs,
    attributes:
      methodAttributes(method) +
      text('url.full', `${origin.scheme}://${origin.authority}${pathOf(exchange.requestHead)}`) +
      text('server.address', origin.host) +
      number('server.port', origin.port) +
      number('http.request.resend_count', attempts - 1) +
      number('http.response.status_code', status) +
      text('error.type', failure) +
      text('network.peer.address', trace.peer || (origin.addresses[0] ?? '')) +
      text('network.protocol.version', origin.http2 === null ? '1.1' : '2') +
      text('routesd.service', pool.name) +
      text('routesd.instance', id) +
      (trace.isCopy ? MIRROR : ''),
    isError: failure !== '',
  })
}

// ---

/** SpanKind */
const SERVER = 2
const CLIENT = 3
/** SpanFlags: it is known whether the parent is of another process, and that it is. */
const HAS_IS_REMOTE = 0x100
const IS_REMOTE = 0x200

const MIRROR = '{"key":"routesd.mirror","value":{"boolValue":true}},'

type Parts = {
  readonly id: string
  readonly parentId: string
  readonly isParentRemote: boolean
  /** As JSON. */
  readonly name: string
  readonly kind: number
  readonly beganMs: number
  readonly endedMs: number
  /** Each with a comma behind it. */
  readonly attributes: string
  readonly isError: boolean
}

function span(trace: Trace, parts: Parts): string {
  const {id, parentId, kind, attributes} = parts
  const flags = Number.parseInt(trace.flags, 16) | HAS_IS_REMOTE | (parts.isParentRemote ? IS_REMOTE : 0)
  return (
    `{"traceId":"${trace.traceId}","spanId":"${id}"${parentId === '' ? '' : `,"parentSpanId":"${parentId}"`},` +
    `"flags":${flags},"name":${parts.name},"kind":${kind},` +
    `"startTimeUnixNano":"${nanoseconds(trace.epochMs + parts.beganMs)}",` +
    `"endTimeUnixNano":"${nanoseconds(trace.epochMs + Math.max(parts.beganMs, parts.endedMs))}",` +
    `"attributes":[${attributes.slice(0, -1)}]${parts.isError ? ',"status":{"code":2}' : ''}}`
  )
}

// Why there is no whole answer. A tunnel has no other end than that somebody goes.
function failureOf({failure, isAbandoned, status}: Exchange): string {
  return failure === '' && isAbandoned && status !== 101 ? 'client-gone' : failure
}

// The names that dashboards group by must be few: what the conventions do not know is '_OTHER'.
const KNOWN_METHODS = new Set(['GET', 'HEAD', 'POST', 'PUT', 'DELETE', 'CONNECT', 'OPTIONS', 'TRACE', 'PATCH'])

function nameOf(method: string, route: string): string {
  const verb = KNOWN_METHODS.has(method) ? method : 'HTTP'
  return quote(route === '' ? verb : `${verb} ${route}`)
}

function methodAttributes(method: string): string {
  if (KNOWN_METHODS.has(method)) return text('http.request.method', method)
  return text('http.request.method', '_OTHER') + text('http.request.method_original', method)
}

function text(key: string, value: string): string {
  return value === '' ? '' : `{"key":"${key}","value":{"stringValue":${quote(value)}}},`
}

function number(key: string, value: number): string {
  return value === 0 ? '' : `{"key":"${key}","value":{"intValue":"${value}"}},`
}

// 'GET /base/path?query HTTP/1.1…' → '/base/path'
function pathOf(requestHead: string): string {
  const [, path = ''] = /^\S+ ([^ ?]*)/.exec(requestHead) ?? []
  return path
}

// Texts of a head have one character for each byte; what is no UTF-8 stays as it is.
function quote(value: string): string {
  const cut = value.length > TEXT_MAX ? value.slice(0, TEXT_MAX) : value
  if (PLAIN.test(cut)) return `"${cut}"`
  const decoded = Buffer.from(cut, 'latin1').toString('utf8')
  return JSON.stringify(decoded.includes('\ufffd') ? cut : decoded).replace(
    /[^\0-\x7f]/g,
    character => `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`,
  )
}

const PLAIN = /^[ !#-[\]-~]*$/

// Microseconds are what a double holds exactly since 1970, and what the clock knows.
function nanoseconds(ms: number): string {
  return `${Math.round(ms * 1000)}000`
}
