// The index that requests are matched against: host pattern → prefixes. The most specific host pattern that matches owns
// the request; when none of its prefixes matches, nobody does. The cost of a match depends on the segments of the path
// and on the deepest prefix of that one host, never on the number of routes.
//
// Generic over what a route is, so that workers index their own records and `explain` indexes the snapshot.

import {TextIndex} from '../base/text-index.ts'
import {parentOf} from './host.ts'

export type Routing<R> = {
  readonly exact: TextIndex<HostRoutes<R>>
  /** By the name behind the star: '*.example.com' is kept as 'example.com'. */
  readonly wildcard: TextIndex<HostRoutes<R>>
  /** The routes of '*'. */
  any: HostRoutes<R> | null
}

export type HostRoutes<R> = {
  readonly pattern: string
  readonly prefixes: TextIndex<R>
  /** The route of the whole host. */
  root: R | null
  /** Segments of the longest prefix, so that a deep path is cut before it is looked up. */
  depth: number
}

export function createRouting<R>(): Routing<R> {
  return {exact: new TextIndex(), wildcard: new TextIndex(), any: null}
}

export function createHostRoutes<R>(pattern: string): HostRoutes<R> {
  return {pattern, prefixes: new TextIndex(), root: null, depth: 0}
}

/** Puts a route under its host and prefix; a second one for the same place replaces the first. */
export function addRoute<R>(routing: Routing<R>, host: string, prefix: string, route: R): void {
  addPrefix(hostRoutes(routing, host), prefix, route)
}

/** Puts a route under its prefix in the routes of one host. */
export function addPrefix<R>(routes: HostRoutes<R>, prefix: string, route: R): void {
  if (prefix === '') {
    routes.root = route
    return
  }
  routes.prefixes.set(prefix, route)
  routes.depth = Math.max(routes.depth, segmentsOf(prefix))
}

/** Takes the route of this host and prefix away, if there is one; a host without routes is one that nobody has named. */
export function removeRoute<R>(routing: Routing<R>, host: string, prefix: string): void {
  const isWildcard = host.startsWith('*.')
  const index = isWildcard ? routing.wildcard : routing.exact
  const key = isWildcard ? host.slice(2) : host
  const routes = host === '*' ? routing.any : index.get(key)
  if (!routes) return
  removePrefix(routes, prefix)
  if (routes.root !== null || routes.prefixes.size > 0) return
  if (host === '*') routing.any = null
  else index.delete(key)
}

/**
 * Takes a prefix away. The depth stays that of the deepest prefix there has been: a path is then cut later than it might
 * be, and finding out would cost a look at all that are left.
 */
export function removePrefix<R>(routes: HostRoutes<R>, prefix: string): void {
  if (prefix === '') routes.root = null
  else routes.prefixes.delete(prefix)
}

/** The routes that own a (normalised) host: exact, then wildcard of one label, then '*'; null when nobody does. */
export function findHost<R>(routing: Routing<R>, host: string): HostRoutes<R> | null {
  return routing.exact.get(host) ?? routing.wildcard.get(parentOf(host)) ?? routing.any
}

/** Every route of every pattern that matches a (normalised) host, those of the most specific pattern first. */
export function routesFor<R>(routing: Routing<R>, host: string): R[] {
  const patterns = [routing.exact.get(host), routing.wildcard.get(parentOf(host)), routing.any]
  return patterns.flatMap(found =>
    found ? [...(found.root === null ? [] : [found.root]), ...found.prefixes.values()] : [],
  )
}

/** The route with the longest prefix that covers the path, on segment boundaries; `path` carries no query. */
export function matchPrefix<R>(routes: HostRoutes<R>, path: string): R | null {
  if (routes.depth === 0) return routes.root
  let end = endOfSegments(path, routes.depth)
  while (end > 0) {
    const route = routes.prefixes.get(path.slice(0, end))
    if (route !== undefined) return route
    end = path.lastIndexOf('/', end - 1)
  }
  return routes.root
}

// ---

function hostRoutes<R>(routing: Routing<R>, pattern: string): HostRoutes<R> {
  if (pattern === '*') {
    routing.any ??= createHostRoutes<R>(pattern)
    return routing.any
  }
  const isWildcard = pattern.startsWith('*.')
  const index = isWildcard ? routing.wildcard : routing.exact
  const key = isWildcard ? pattern.slice(2) : pattern
  let routes = index.get(key)
  if (!routes) {
    routes = createHostRoutes<R>(pattern)
    index.set(key, routes)
  }
  return routes
}

function segmentsOf(prefix: string): number {
  let count = 0
  for (let at = prefix.indexOf('/'); at >= 0; at = prefix.indexOf('/', at + 1)) count++
  return count
}

// '/a/b/c', 2 → index behind '/a/b'.
function endOfSegments(path: string, segments: number): number {
  let end = 0
  for (let i = 0; i < segments; i++) {
    end = path.indexOf('/', end + 1)
    if (end < 0) return path.length
  }
  return end
}
