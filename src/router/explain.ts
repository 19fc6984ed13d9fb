// Who takes a URL, and why the others do not. Pure: the same index and the same rules as the data plane.

import {formatDuration, formatShare} from '../base/units.ts'
import type {
  Action,
  FieldEdits,
  Member,
  Pool,
  Retry,
  Route,
  Snapshot,
  SplitPart,
  Variant,
} from '../snapshot/snapshot.ts'
import {type Candidate, candidatesFor} from './candidates.ts'
import {parseRequest, type RoutedRequest} from './request.ts'
import {redirectLocation, rewritePath} from './rewrite.ts'
import {addRoute, createRouting, findHost, matchPrefix, type Routing, routesFor} from './routing.ts'
import {choosePart} from './split.ts'
import {chooseVariant} from './variants.ts'

export type Explanation = {
  readonly method: string
  readonly url: string
  readonly revision: string
  readonly route: {readonly id: string; readonly file: string; readonly line: number} | null
  readonly variant: string | null
  /** The winner first, then what else its route has, then the routes of this host from the longest prefix down, then those of other patterns. */
  readonly candidates: readonly Candidate[]
  readonly upstream: {readonly service: string; readonly url: string} | null
  readonly forward: string | null
  /** The parts that clients are sent to; `taken` is the one that has the client asked for. null: no split. */
  readonly split: readonly Part[] | null
  /** What routesd answers by itself, e.g. 404 when no route matches. */
  readonly answer: {readonly status: number; readonly why: string; readonly location: string | null} | null
  readonly policies: readonly {readonly name: string; readonly value: string}[]
}

export type Part = {
  readonly service: string
  readonly url: string | null
  readonly share: string
  readonly taken: boolean
}

/** What a request says beyond its URL. */
export type Said = {
  /** Field lines of its head, each with its CRLF. */
  readonly fields: string
  /** Address of its client; null: not known. */
  readonly clientIp: string | null
}

const NOTHING_SAID: Said = {fields: '', clientIp: null}

export type Explainer = (method: string, url: string, said?: Said) => Explanation

/** Indexes the snapshot once; the returned function answers any number of requests. */
export function createExplainer(snapshot: Snapshot): Explainer {
  const routing = createRouting<Route>()
  for (const route of snapshot.routes) addRoute(routing, route.host, route.prefix, route)
  const pools = new Map(snapshot.pools.map(pool => [pool.key, pool]))
  return (method, url, said = NOTHING_SAID) => {
    const request = parseRequest(method, url)
    if (typeof request === 'string') return refused(snapshot, method, url, request)
    return explainRequest(snapshot, routing, pools, request, said)
  }
}

// ---

function explainRequest(
  snapshot: Snapshot,
  routing: Routing<Route>,
  pools: ReadonlyMap<string, Pool>,
  request: RoutedRequest,
  said: Said,
): Explanation {
  const owner = findHost(routing, request.host)
  const route = owner ? matchPrefix(owner, request.path) : null
  const variant = route && variantOf(route, request, said)
  const base = {
    method: request.method,
    url: request.url,
    revision: snapshot.revision,
    variant: variant?.name ?? null,
    candidates: candidatesFor(routesFor(routing, request.host), request, said.fields, {
      pattern: owner?.pattern ?? null,
      route,
      variant,
    }),
    split: null,
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
    policies: policiesOf(route, pools),
  }
  const {action} = variant ?? route
  if (action.kind === 'redirect' || action.kind === 'respond') {
    return {...taken, upstream: null, forward: null, answer: answerOf(route, action, request)}
  }
  const part = action.kind === 'split' ? partOf(action.parts, route, said) : action
  const pool = part && pools.get(part.pool)
  const member = pool?.members[0]
  return {
    ...taken,
    split: action.kind === 'split' ? action.parts.map(each => describePart(each, each === part, pools)) : null,
    upstream: pool && member ? {service: pool.name, url: displayOrigin(member.instance) + member.basePath} : null,
    forward: member ? forwardUrl(route, member, request) : null,
    answer: null,
  }
}

function answerOf(
  route: Route,
  action: Exclude<Action, {kind: 'forward' | 'split'}>,
  {path, query}: RoutedRequest,
): NonNullable<Explanation['answer']> {
  if (action.kind === 'respond') return {status: action.status, why: 'a fixed response', location: null}
  const location = redirectLocation(action, route.prefix, path, query)
  return {status: action.status, why: `a redirect to ${location}`, location}
}

function variantOf(route: Route, {method, query}: RoutedRequest, {fields}: Said): Variant | null {
  return route.variants[chooseVariant(route.variants, method, fields, query)] ?? null
}

function partOf(parts: readonly SplitPart[], route: Route, {clientIp}: Said): SplitPart | null {
  return clientIp === null ? null : (parts[choosePart(parts, route.id, clientIp)] ?? null)
}

function describePart({pool: key, share}: SplitPart, taken: boolean, pools: ReadonlyMap<string, Pool>): Part {
  const pool = pools.get(key)
  const member = pool?.members[0]
  return {
    service: pool?.name ?? key,
    url: member ? displayOrigin(member.instance) + member.basePath : null,
    share: formatShare(share),
    taken,
  }
}

function forwardUrl(route: Route, member: Member, {path, query}: RoutedRequest): string {
  return displayOrigin(member.instance) + member.basePath + rewritePath(path, route.head?.rewrite ?? null) + query
}

/** The key of an instance as people write an origin: without the mark of its TLS, and without the port of the scheme. */
export function displayOrigin(key: string): string {
  return key
    .replace(/#.*$/, '')
    .replace(/^(http:.*):80$/, '$1')
    .replace(/^(https:.*):443$/, '$1')
}

/** What a route does to requests besides choosing where they go, in words. */
export function policiesOf(
  {head, mirror, retry, timeouts}: Route,
  pools: ReadonlyMap<string, Pool>,
): {name: string; value: string}[] {
  const policies = Object.entries(timeouts).map(([name, ms]) => ({
    name: `timeouts.${name.replace(/Ms$/, '')}`,
    value: formatDuration(ms),
  }))
  if (retry) policies.push({name: 'retry', value: retryOf(retry)})
  if (mirror !== null) {
    const to = pools.get(mirror.pool)?.name ?? mirror.pool
    policies.push({name: 'mirror', value: `a copy of ${formatShare(mirror.share)} of the requests to ${to}`})
  }
  if (head === null) return policies
  const {host, request, response, rewrite} = head
  if (rewrite)
    policies.push({name: 'rewrite', value: rewrite.put === '' ? 'the prefix is stripped' : `prefix ${rewrite.put}`})
  if (host.kind !== 'preserve')
    policies.push({name: 'hostHeader', value: host.kind === 'literal' ? host.value : host.kind})
  for (const [side, edits] of Object.entries({request, response})) if (edits) policies.push(...editsOf(side, edits))
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
    split: null,
    answer: {status: 400, why, location: null},
    policies: [],
  }
}
