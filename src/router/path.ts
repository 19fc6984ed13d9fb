// The path of a request, decided once: the string that is routed is the string that is forwarded. Proxy and instance that
// normalise differently are how access rules are walked around (Traefik CVE-2025-32431, Envoy CVE-2026-73511), so dot
// segments are removed here, before matching, and whatever two servers may read in two ways is refused.

/** Does a path need more than to be taken as it is? False for almost every path; kept in step with `decidePath`. */
export const UNDECIDED = /[%\\;]|\/\./

/**
 * Removes dot segments, also written %2e (RFC 3986 §5.2.4), and leaves every other byte as the client sent it: '%2F'
 * stays '%2F', '//' stays '//'. null when the path is to be refused with 400: '\', '%5c', '%00', encoded CR or LF, an
 * escape that is none, an overlong UTF-8 lead (%c0, %c1), a segment '..;x', or one '..' too many.
 * `path` begins with '/' and carries no query.
 */
export function decidePath(path: string): string | null {
  if (!UNDECIDED.test(path)) return path
  if (REFUSED.test(path)) return null
  if (!DOT_SEGMENT.test(path)) return path
  return removeDotSegments(path)
}

/** Where the query of an origin-form target begins, or its length. */
export function queryStart(target: string): number {
  const mark = target.indexOf('?')
  return mark < 0 ? target.length : mark
}

// ---

const REFUSED = /\\|%(?:5c|00|0a|0d|c0|c1)|%(?![0-9a-f]{2})|\/(?:\.|%2e){2};/i
const DOT_SEGMENT = /\/(?:\.|%2e){1,2}(?:\/|$)/i

function removeDotSegments(path: string): string | null {
  const kept: string[] = []
  const segments = path.slice(1).split('/')
  for (const [index, segment] of segments.entries()) {
    const isLast = index === segments.length - 1
    const dots = dotsOf(segment)
    if (dots === 0) kept.push(segment)
    if (dots === 2 && kept.pop() === undefined) return null
    if (dots > 0 && isLast) kept.push('')
  }
  return `/${kept.join('/')}`
}

function dotsOf(segment: string): number {
  if (/^(?:\.|%2e)$/i.test(segment)) return 1
  return /^(?:\.|%2e){2}$/i.test(segment) ? 2 : 0
}
