// Who could have taken a request, and why the others did not.

import type {Route, Variant} from '../snapshot/snapshot.ts'
import type {RoutedRequest} from './request.ts'
import {unmetBy} from './variants.ts'

export type Candidate = {
  readonly id: string
  /** Of the route of this id; absent for the route itself. */
  readonly variant?: string
  readonly outcome: 'won' | 'lost'
  readonly why: string
}

/** How many losers are told: a host may have thousands of prefixes. */
const CANDIDATES_MAX = 50

/** What was found: the host pattern that owns the request, the route that takes it, and its variant if one does. */
export type Taken = {readonly pattern: string | null; readonly route: Route | null; readonly variant: Variant | null}

/** The winner first, then what else its route has, then the other routes of its host by prefix, then those of other hosts. */
export function candidatesFor(
  routes: readonly Route[],
  request: RoutedRequest,
  fields: string,
  taken: Taken,
): Candidate[] {
  const {pattern, route: winner} = taken
  const own = routes.filter(route => route.host === pattern)
  const others = routes.filter(route => route.host !== pattern && hostMatches(route.host, request.host))
  own.sort((a, b) => b.prefix.length - a.prefix.length)
  const lost = [...own.filter(route => route !== winner), ...others].slice(0, CANDIDATES_MAX)
  const losers = lost.map(
    (route): Candidate => ({id: route.id, outcome: 'lost', why: whyLost(route, request, pattern, winner)}),
  )
  return winner ? [...withinRoute(winner, taken.variant, request, fields), ...losers] : losers
}

// ---

function withinRoute(route: Route, variant: Variant | null, request: RoutedRequest, fields: string): Candidate[] {
  const losers = route.variants
    .filter(other => other !== variant)
    .map((other): Candidate => {
      return {id: route.id, variant: other.name, outcome: 'lost', why: whyVariantLost(other, variant, request, fields)}
    })
  if (variant === null) return [{id: route.id, outcome: 'won', why: whyWon(route, request)}, ...losers]
  const itself: Candidate = {id: route.id, outcome: 'lost', why: `its variant ${variant.name} takes the request`}
  return [{id: route.id, variant: variant.name, outcome: 'won', why: whyVariantWon(variant)}, itself, ...losers]
}

function whyWon({host, prefix}: Route, {path}: RoutedRequest): string {
  return prefix === '' ? `it takes every path of ${host}` : `longest prefix that covers ${path}`
}

function whyVariantWon({when}: Variant): string {
  const asked = KINDS.flatMap(kind => wordsOf(when, kind))
  return asked.length === 0 ? 'it takes every request' : `the request has ${asked.join(', ')}`
}

const KINDS = ['methods', 'headers', 'cookies', 'query'] as const

function whyVariantLost(
  {when}: Variant,
  taken: Variant | null,
  {method, query}: RoutedRequest,
  fields: string,
): string {
  const unmet = unmetBy(when, method, fields, query)
  return unmet === null ? `${taken?.name} stands before it` : `it needs ${wordsOf(when, unmet).join(', ')}`
}

function wordsOf(when: Variant['when'], kind: keyof Variant['when']): string[] {
  if (kind === 'methods') return when.methods.length === 0 ? [] : [`the method ${when.methods.join(' or ')}`]
  const noun = {headers: 'header', cookies: 'cookie', query: 'parameter'}[kind]
  return when[kind].map(([name, value]) => `the ${noun} ${name}${value === '' ? '' : `=${readable(kind, value)}`}`)
}

// Conditions on a head hold bytes as latin1.
function readable(kind: 'headers' | 'cookies' | 'query', value: string): string {
  return kind === 'query' ? value : Buffer.from(value, 'latin1').toString('utf8')
}

function whyLost(route: Route, request: RoutedRequest, pattern: string | null, winner: Route | null): string {
  if (route.host !== pattern) return `${pattern} is the more specific host`
  if (!covers(route.prefix, request.path)) {
    return request.path.startsWith(route.prefix)
      ? `${route.prefix} ends inside a segment of ${request.path}`
      : `${route.prefix} does not cover ${request.path}`
  }
  return `${winner?.prefix ?? ''} is longer`
}

// '/api' covers '/api' and '/api/users' but not '/apiary'.
function covers(prefix: string, path: string): boolean {
  return path === prefix || path.startsWith(`${prefix}/`)
}

function hostMatches(pattern: string, host: string): boolean {
  if (pattern === '*' || pattern === host) return true
  return (
    pattern.startsWith('*.') && host.endsWith(pattern.slice(1)) && !host.slice(0, -pattern.length + 1).includes('.')
  )
}
