// Who takes a URL, and why the others do not. Pure: the same index and the same rules as the data plane.

import {formatDuration} from '../base/units.ts'
import type {Action, FieldEdits, Member, Pool, Retry, Route, Snapshot} from '../snapshot/snapshot.ts'
import {parseRequest, type RoutedRequest} from './request.ts'
import {redirectLocation, rewritePath} from './rewrite.ts'
import {addRoute, createRouting, findHost, matchPrefix, type Routing} from './routing.ts'

export type Explanation = {
  readonly method: string
  readonly url: string
  readonly revision: string
  readonly route: {readonly id: string; readonly file: string; readonly line: number} | null
  readonly variant: string | null
  /** The winner first, then the routes of this host from the longest prefix down, then those of other patterns. */
  readonly candidates: readonly Candidate[]
  readonly upstream: {readonly service: string; readonly url: string} | null
  readonly forward: string | null
  /** What routesd answers by itself, e.g. 404 when no route matches. */
  readonly answer: {readonly status: number; readonly why: string; readonly location: string | null} | null
  readonly policies: readonly {readonly name: string; readonly value: string}[]
}

export type Candidate = {readonly id: string; readonly outcome: 'won' | 'lost'; readonly why: string}

/** How many losers are told: a host may have thousands of prefixes. */
const CANDIDATES_MAX = 50

export type Explainer = (method: string, url: string) => Explanation

/** Indexes the snapshot once; the returned function answers any number of requests. */
export function createExplainer(snapshot: Snapshot): Explainer {
  const routing = createRouting<Route>()
  for (const route of snapshot.routes) addRoute(routing, route.host, route.prefix, route)
  const pools = new Map(snapshot.pools.map(pool => [pool.key, pool]))
  return (method, url) => {
    const request = parseRequest(method, url)
    if (typeof request === 'string') return refused(snapshot, method, url, request)
    return explainRequest(snapshot, routing, pools, request)
  }
}

// ---

function explainRequest(
  snapshot: Snapshot,
  routing: Routing<Route>,
  pools: ReadonlyMap<string, Pool>,
  request: RoutedRequest,
): Explanation {
  const owner = findHost(routing, request.host)
  const route = owner ? matchPrefix(owner, request.path) : null
  const base = {
    method: request.method,
    url: request.url,
    revision: snapshot.revision,
    variant: null,
    candidates: candidates(snapshot, request, owner?.pattern ?? null, route),
  }
  if (!route) {
    const why = owner ? `no prefix of ${owner.pattern} covers ${request.path}` : `no route has the host ${request.host}`
    return {
      ...base,
      route: null,
      upstream: null,
      forward: null,
      answer: {status: 404, why, location: null},
      policies: [],
    }
  }
  const taken = {
    ...base,
    route: {id: route.id, file: route.source.file, line: route.source.line},
    policies: policiesOf(route),
  }
  if (route.action.kind !== 'forward') {
    return {...taken, upstream: null, forward: null, answer: answerOf(route, route.action, request)}
  }
  const pool = pools.get(route.action.pool)
  const member = pool?.members[0]
  return {
    ...taken,
    upstream: pool && member ? {service: pool.name, url: displayOrigin(member.instance) + member.basePath} : null,
    forward: member ? forwardUrl(route, member, request) : null,
    answer: null,
  }
}

function answerOf(
  route: Route,
  action: Exclude<Action, {kind: 'forward'}>,
  {path, query}: RoutedRequest,
): NonNullable<Explanation['answer']> {
  if (action.kind === 'respond') return {status: action.status, why: 'a fixed response', location: null}
  const location = redirectLocation(action, route.prefix, path, query)
  return {status: action.status, why: `a redirect to ${location}`, location}
}

function candidates(
  snapshot: Snapshot,
  request: RoutedRequest,
  pattern: string | null,
  winner: Route | null,
): Candidate[] {
  const own = snapshot.routes.filter(route => route.host === pattern)
  const others = snapshot.routes.filter(route => route.host !== pattern && hostMatches(route.host, request.host))
  own.sort((a, b) => b.prefix.length - a.prefix.length)
  const lost = [...own.filter(route => route !== winner), ...others].slice(0, CANDIDATES_MAX)
  const losers = lost.map(
    (route): Candidate => ({id: route.id, outcome: 'lost', why: whyLost(route, request, pattern, winner)}),
  )
  if (!winner) return losers
  const why =
    winner.prefix === '' ? `it takes every path of ${winner.host}` : `longest prefix that covers ${request.path}`
  return [{id: winner.id, outcome: 'won', why}, ...losers]
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

function forwardUrl(route: Route, member: Member, {path, query}: RoutedRequest): string {
  return displayOrigin(member.instance) + member.basePath + rewritePath(path, route.head?.rewrite ?? null) + query
}

// Keys carry the port always, and a mark of how TLS is checked; people write the port where it is not the scheme's own.
function displayOrigin(key: string): string {
  return key
    .replace(/#.*$/, '')
    .replace(/^(http:.*):80$/, '$1')
    .replace(/^(https:.*):443$/, '$1')
}

function policiesOf({head, retry, timeouts}: Route): {name: string; value: string}[] {
  const policies = Object.entries(timeouts).map(([name, ms]) => ({
    name: `timeouts.${name.replace(/Ms$/, '')}`,
    value: formatDuration(ms),
  }))
  if (retry) policies.push({name: 'retry', value: retryOf(retry)})
  if (head === null) return policies
  const {host, request, response, rewrite} = head
  if (rewrite)
    policies.push({name: 'rewrite', value: rewrite.put === '' ? 'the prefix is stripped' : `prefix ${rewrite.put}`})
  if (host.kind !== 'preserve')
    policies.push({name: 'hostHeader', value: host.kind === 'literal' ? host.value : host.kind})
  for (const [side, edits] of Object.entries({request, response})) policies.push(...editsOf(side, edits))
  return policies
}

function retryOf({times, connect, timeout, statuses, budget, unsafe}: Retry): string {
  const reasons = [...(connect ? ['connect'] : []), ...(timeout ? ['timeout'] : []), ...statuses].join(', ')
  const share = `${Number((budget * 100).toFixed(2))}%`
  return `${times} more for ${reasons}; at most ${share} of the requests${unsafe ? '; also what may not be done twice' : ''}`
}

// What is set was removed first, which is no news.
function editsOf(side: string, {drop, append, ifMissing}: FieldEdits): {name: string; value: string}[] {
  const lines = [append, ...ifMissing.map(([, line]) => line)].join('').split('\r\n').slice(0, -1)
  const written = new Set(lines.map(line => line.slice(0, line.indexOf(':')).toLowerCase()))
  const removed = drop.filter(name => !written.has(name))
  // Lines hold bytes as latin1; people wrote UTF-8.
  const values = {remove: removed.join(', '), set: Buffer.from(lines.join(', '), 'latin1').toString('utf8')}
  return Object.entries(values).flatMap(([what, value]) =>
    value === '' ? [] : [{name: `headers.${side}.${what}`, value}],
  )
}

function refused(snapshot: Snapshot, method: string, url: string, why: string): Explanation {
  return {
    method,
    url,
    revision: snapshot.revision,
    route: null,
    variant: null,
    candidates: [],
    upstream: null,
    forward: null,
    answer: {status: 400, why, location: null},
    policies: [],
  }
}
