// Answers that we give ourselves: short, plain, and saying in Proxy-Status (RFC 9209) when it was us and why.

import {redirectLocation} from '../router/rewrite.ts'
import type {Action} from '../snapshot/snapshot.ts'
import type {RouteEntry} from './entries.ts'
import type {Exchange} from './exchange.ts'
import {FAILURES, type Failure, type FailureCode} from './failure.ts'
import {editFields, withHsts} from './head-policy.ts'
import {hasField} from './http1/field.ts'

/** Methods that a listener takes at all; routes may take fewer. */
const ALLOW = 'Allow: GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS\r\n'
const REASONS: Readonly<Record<number, string>> = {
  301: 'Moved Permanently',
  302: 'Found',
  303: 'See Other',
  307: 'Temporary Redirect',
  308: 'Permanent Redirect',
}

/** The bytes of an answer to a request that failed. `closes` when the connection does not outlive it; `text` for the body. */
export function failureAnswer(
  code: FailureCode,
  dateField: string,
  isHead: boolean,
  closes: boolean,
  retryAfterS = 5,
  text: string = FAILURES[code].text,
): string {
  const failure: Failure = FAILURES[code]
  const body = `${failure.status} ${failure.reason}: ${text}\n`
  return (
    `HTTP/1.1 ${failure.status} ${failure.reason}\r\n` +
    `Proxy-Status: routesd; error=${failure.error}\r\n` +
    (failure.status === 405 ? ALLOW : '') +
    (failure.status === 503 ? `Retry-After: ${retryAfterS}\r\n` : '') +
    'Content-Type: text/plain; charset=utf-8\r\nX-Content-Type-Options: nosniff\r\nCache-Control: no-store\r\n' +
    `Content-Length: ${body.length}\r\n${dateField}` +
    `${closes ? 'Connection: close\r\n' : ''}\r\n${isHead ? '' : body}`
  )
}

/** RFC 9110 §9.3.7: OPTIONS * asks about the server, which is us. */
export function optionsAnswer(dateField: string, closes: boolean): string {
  return `HTTP/1.1 204 No Content\r\n${ALLOW}${dateField}${closes ? 'Connection: close\r\n' : ''}\r\n`
}

/** A route's redirect: to its place, with what the path has behind the prefix, and the query. */
export function redirectAnswer(
  exchange: Exchange,
  entry: RouteEntry,
  action: Action & {kind: 'redirect'},
  path: string,
  query: string,
): string {
  const {status} = action
  const location = redirectLocation(action, entry.prefix, path, query)
  const head = `HTTP/1.1 ${status} ${REASONS[status] ?? 'Redirect'}\r\n`
  return finishAnswer(exchange, entry, head, `Location: ${location}\r\nContent-Length: 0\r\n`, '', status)
}

/** Sends the client to another URL for good, with the same method and body. */
export function elsewhereAnswer(exchange: Exchange, location: string): string {
  exchange.status = 308
  exchange.isPersistent &&= exchange.isRequestDone
  const head = `HTTP/1.1 308 ${REASONS[308]}\r\nLocation: ${location}\r\nContent-Length: 0\r\n`
  return `${head}${exchange.client.thread.ticks.dateField}${connectionField(exchange)}\r\n`
}

/** The answer to an http-01 challenge (RFC 8555 §8.3). */
export function challengeAnswer(exchange: Exchange, body: string): string {
  exchange.status = 200
  exchange.isPersistent &&= exchange.isRequestDone
  const head = `HTTP/1.1 200 OK\r\nContent-Type: application/octet-stream\r\nContent-Length: ${body.length}\r\n`
  const end = `${exchange.client.thread.ticks.dateField}${connectionField(exchange)}\r\n`
  return head + end + (exchange.method === 'HEAD' ? '' : body)
}

/** A route's fixed response. */
export function respondAnswer(exchange: Exchange, entry: RouteEntry, action: Action & {kind: 'respond'}): string {
  const lineEnd = action.head.indexOf('\r\n') + 2
  return finishAnswer(
    exchange,
    entry,
    action.head.slice(0, lineEnd),
    action.head.slice(lineEnd),
    action.body,
    action.status,
  )
}

// ---

function finishAnswer(
  exchange: Exchange,
  entry: RouteEntry,
  line: string,
  own: string,
  body: string,
  status: number,
): string {
  exchange.status = status
  // What is left of the request body cannot be told from a next request without reading it: the connection ends.
  exchange.isPersistent &&= exchange.isRequestDone
  const fields = entry.head === null ? own : editFields(own, entry.head.response)
  const date = hasField(fields, 'date') ? '' : exchange.client.thread.ticks.dateField
  const hsts = exchange.client.hsts
  const told = hsts === '' ? fields : withHsts(fields, hsts)
  return `${line}${told}${date}${connectionField(exchange)}\r\n${exchange.method === 'HEAD' ? '' : body}`
}

// What the client is told of its connection, with its CRLF, or ''.
function connectionField({isPersistent, minor}: Exchange): string {
  if (!isPersistent) return 'Connection: close\r\n'
  return minor === 0 ? 'Connection: keep-alive\r\n' : ''
}
