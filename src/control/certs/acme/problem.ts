// What an authority says when it says no (RFC 7807, RFC 8555 §6.7), and when it may be asked again.

import {codeOf, messageOf} from '../../../base/errors.ts'
import {AcmeError, type Subproblem} from '../issuer.ts'

/** Of what a person is shown. */
const DETAIL_MAX = 500
const PREFIX = 'urn:ietf:params:acme:error:'

/** The problem in an answer, or in a challenge or an order that failed. */
export function problemOf(
  status: number,
  body: unknown,
  {where, retryAfterMs = null}: {readonly where: string; readonly retryAfterMs?: number | null},
): AcmeError {
  const {type, detail, subproblems} = recordOf(body)
  const words = typeof detail === 'string' ? detail : typeof body === 'string' ? tagless(body) : ''
  return new AcmeError({
    status,
    type: typeof type === 'string' ? type : '',
    detail: clean(`${where}: ${words || `HTTP status ${status}`}`),
    subproblems: Array.isArray(subproblems) ? subproblems.slice(0, 100).map(readSubproblem) : [],
    retryAfterMs,
    // Anything else is an answer to what was asked, and would be the same again.
    retryable: status >= 500 || status === 429 || status === 408 || (typeof type === 'string' && isPassing(type)),
  })
}

/** There was no answer, or none that could be read. */
export function failureOf(error: unknown, where: string): AcmeError {
  if (error instanceof AcmeError) return error
  const code = error instanceof Error && error.name === 'TimeoutError' ? 'ETIMEDOUT' : codeOf(error)
  const detail = clean(`${where}: ${messageOf(error)}`)
  return new AcmeError({status: 0, type: code || 'engine', detail, retryAfterMs: null, retryable: true, cause: error})
}

/** Whether the authority cannot be reached or cannot answer anybody, rather than not this order. */
export function isOutage({status, type}: AcmeError): boolean {
  // 'ECONNREFUSED', 'UNABLE_TO_VERIFY_LEAF_SIGNATURE': what the system says is in capitals.
  return status >= 500 || (status === 0 && /^[A-Z]/.test(type))
}

/** 'rateLimited' of its URN. */
export function shortType(type: string): string {
  return type.startsWith(PREFIX) ? type.slice(PREFIX.length) : type
}

// ---

// What may be otherwise when the world is: a name server, a firewall, a clock, the authority's own troubles.
const PASSING = [
  'badNonce',
  'caa',
  'connection',
  'dns',
  'dnssec',
  'incorrectResponse',
  'orderNotReady',
  'rateLimited',
  'serverInternal',
  'tls',
  'unauthorized',
]

function isPassing(type: string): boolean {
  return PASSING.includes(shortType(type))
}

function readSubproblem(value: unknown): Subproblem {
  const {type, detail, identifier} = recordOf(value)
  const {value: name} = recordOf(identifier)
  return {name: clean(String(name ?? '')), type: clean(String(type ?? '')), detail: clean(String(detail ?? ''))}
}

function recordOf(value: unknown): Record<string, unknown> {
  return typeof value === 'object' && value !== null ? {...value} : {}
}

// A page of an overloaded front.
function tagless(text: string): string {
  return text.replace(/<[^>]*>/g, ' ')
}

// It is shown in terminals and logs.
function clean(text: string): string {
  return text
    .replace(/[\x00-\x1f\x7f-\x9f]+/g, ' ')
    .replace(/ {2,}/g, ' ')
    .trim()
    .slice(0, DETAIL_MAX)
}
