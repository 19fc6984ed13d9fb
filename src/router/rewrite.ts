// The path that an instance is asked for.

import type {HeadPolicy} from '../snapshot/snapshot.ts'

/** The prefix gives way to what stands for it; the path that comes of it is never empty. */
export function rewritePath(path: string, rewrite: HeadPolicy['rewrite']): string {
  if (rewrite === null) return path
  const rest = path.slice(rewrite.cut)
  if (rewrite.put !== '') return rewrite.put + rest
  return rest === '' ? '/' : rest
}

/**
 * Where a redirect leads: its place, and behind it what the path has behind the prefix, and the query.
 * '//evil.example' as a path must not become another host: RFC 3986 §4.2 reads two slashes as an authority.
 */
export function redirectLocation(
  {to, isExact}: {readonly to: string; readonly isExact: boolean},
  prefix: string,
  path: string,
  query: string,
): string {
  if (isExact) return to
  const joined = to + path.slice(prefix.length)
  return (joined.startsWith('/') ? joined.replace(/^\/+/, '/') : joined || '/') + query
}
