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
 * Where a redirect leads: its place, and behind it what the path has behind the prefix, and the query. A query of the
 * place stands before that of the client, a fragment at the end.
 * '//evil.example' as a path must not become another host: RFC 3986 §4.2 reads two slashes as an authority.
 */
export function redirectLocation(
  {to, isExact}: {readonly to: string; readonly isExact: boolean},
  prefix: string,
  path: string,
  query: string,
): string {
  if (isExact) return to
  const mark = to.search(/[?#]/)
  const place = mark < 0 ? to : to.slice(0, mark)
  const joined = place + path.slice(prefix.length)
  const safe = joined.startsWith('/') ? joined.replace(/^\/+/, '/') : joined || '/'
  return mark < 0 ? safe + query : safe + withQuery(to.slice(mark), query)
}

// ---

// '?a=1#top' and '?b=2' → '?a=1&b=2#top'.
function withQuery(rest: string, query: string): string {
  const hash = rest.indexOf('#')
  const own = hash < 0 ? rest : rest.slice(0, hash)
  const joined = own === '' || query === '' ? own + query : `${own}&${query.slice(1)}`
  return hash < 0 ? joined : joined + rest.slice(hash)
}
