// What a request may do beyond its first try. What was provably not sent may go to another instance; a route's `retry` adds
// timeouts and statuses, within its budget. Never once a byte of an answer has gone to the client, and what may not be done
// twice only when the route says so (RFC 9110 §9.2.2).

import type {Retry} from '../snapshot/snapshot.ts'
import type {MemberEntry, PoolEntry} from './entries.ts'
import type {Exchange} from './exchange.ts'
import {FAILURES, type FailureCode} from './failure.ts'
import {readdress} from './http1/readdress.ts'
import {pickAnother} from './pick.ts'

/** Instances that a request which cannot be sent is offered to, whatever the route says of retries. */
const OFFERED_MAX = 3

/** May the request be tried again after this failure? Then it has its next member, and is to be forwarded. */
export function mayTryAgain(exchange: Exchange, code: FailureCode): boolean {
  const {member, route} = exchange
  if (exchange.trace !== null) exchange.trace.failure = code
  if (!member || !route?.pool || !canSendAgain(exchange)) return false
  const {retry: rule, status} = FAILURES[code]
  const isUnsent = rule === 'if-unsent'
  if (isUnsent && (exchange.tried?.length ?? 0) + 1 < OFFERED_MAX) {
    const other = pickAnother(route.pool, triedBy(exchange, member))
    if (other) return turnTo(exchange, member, other)
  }
  const {retry} = route
  if (retry === null || !(reasonFor(retry, code, isUnsent) || retry.statuses.includes(status))) return false
  return takeRetry(exchange, member, route.pool, retry, isUnsent)
}

/** The same for an answer of the instance that the client has not seen. Routes without `retry` need not ask. */
export function mayRetryAnswer(exchange: Exchange, status: number): boolean {
  const {member, route} = exchange
  if (!member || !route?.pool || route.retry === null || !route.retry.statuses.includes(status)) return false
  return canSendAgain(exchange) && takeRetry(exchange, member, route.pool, route.retry, false)
}

/** May a request with this method be done twice? */
export function isIdempotent(method: string): boolean {
  return IDEMPOTENT.has(method)
}

// ---

const IDEMPOTENT = new Set(['GET', 'HEAD', 'PUT', 'DELETE', 'OPTIONS', 'PROPFIND', 'QUERY', 'REPORT', 'SEARCH'])

// A body of which a part has gone is not there any more, unless it was held whole.
function canSendAgain({hasAnswerBegun, isSent, replay}: Exchange): boolean {
  return !hasAnswerBegun && (!isSent || replay !== '')
}

function reasonFor(retry: Retry, code: FailureCode, isUnsent: boolean): boolean {
  return (retry.connect && isUnsent) || (retry.timeout && TIMEOUTS.has(code))
}

const TIMEOUTS: ReadonlySet<FailureCode> = new Set(['connect-timeout', 'send-timeout', 'response-timeout'])

function triedBy(exchange: Exchange, member: MemberEntry): MemberEntry[] {
  exchange.tried ??= []
  if (!exchange.tried.includes(member)) exchange.tried.push(member)
  return exchange.tried
}

function takeRetry(exchange: Exchange, member: MemberEntry, pool: PoolEntry, retry: Retry, isUnsent: boolean): boolean {
  if (exchange.retries >= retry.times || !(isUnsent || retry.unsafe || isIdempotent(exchange.method))) return false
  const next = nextFor(pool, triedBy(exchange, member), member)
  if (!next || !exchange.route?.budget?.take(retry.budget, exchange.client.thread.ticks.nowMs)) return false
  exchange.retries++
  return turnTo(exchange, member, next)
}

// One that has not been tried, else another one, else the same again; backups only when no other is usable.
function nextFor(pool: PoolEntry, tried: readonly MemberEntry[], member: MemberEntry): MemberEntry | null {
  const fresh = pickAnother(pool, tried)
  if (fresh && !fresh.isBackup) return fresh
  const other = pickAnother(pool, [member])
  if (other && !other.isBackup) return other
  const any = pickAnother(pool, [])
  return any?.isBackup ? (fresh ?? other ?? any) : any
}

function turnTo(exchange: Exchange, from: MemberEntry, to: MemberEntry): boolean {
  exchange.tries = 0
  exchange.member = to
  if (to !== from) readdress(exchange, from, to)
  return true
}
