// Which variant of a route takes a request: the first one of which every condition holds. Over the plain texts that the data
// plane has at hand, so that workers, `explain` and the tests of a configuration decide alike.
//
// Names of headers are compared in any case, all else exactly. Of several lines of one header, and of several parameters of
// one name, any may have the value. Of several cookies of one name the first one counts, as servers take it. The query is
// read as forms are written (WHATWG URL §5.1): '+' is a space, escapes are decoded, one that is none stands for itself.

import type {Condition, Variant} from '../snapshot/snapshot.ts'

/** What of a condition a request does not meet. */
export type Unmet = keyof Condition

/**
 * Index of the variant that takes the request, or -1 when none does and the route itself has it. `fields` are the field
 * lines of its head, each with its CRLF; `query` comes with its '?', or is ''.
 */
export function chooseVariant(variants: readonly Variant[], method: string, fields: string, query: string): number {
  for (let i = 0; i < variants.length; i++) {
    const variant = variants[i]
    if (variant && unmetBy(variant.when, method, fields, query) === null) return i
  }
  return -1
}

/** The first thing that the condition asks for and the request does not have; null when it holds. */
export function unmetBy(when: Condition, method: string, fields: string, query: string): Unmet | null {
  if (when.methods.length > 0 && !when.methods.includes(method)) return 'methods'
  for (const [name, value] of when.headers) if (!hasHeader(fields, name, value)) return 'headers'
  for (const [name, value] of when.cookies) if (!hasCookie(fields, name, value)) return 'cookies'
  return when.query.length > 0 && !hasParameters(query, when.query) ? 'query' : null
}

// ---

function hasHeader(fields: string, name: string, wanted: string): boolean {
  for (let start = 0; start < fields.length; ) {
    const end = fields.indexOf('\r\n', start)
    if (isNamed(fields, start, name)) {
      const value = withoutSpace(fields.slice(start + name.length + 1, end))
      if (wanted === '' || value === wanted) return true
    }
    start = end + 2
  }
  return false
}

// Clients may send their cookies in several lines (RFC 9113 §8.2.3).
function hasCookie(fields: string, name: string, wanted: string): boolean {
  for (let start = 0; start < fields.length; ) {
    const end = fields.indexOf('\r\n', start)
    if (isNamed(fields, start, 'cookie')) {
      const value = cookieValue(fields.slice(start + 'cookie:'.length, end), name)
      if (value !== null) return wanted === '' || value === wanted
    }
    start = end + 2
  }
  return false
}

// RFC 6265 §4.2.1: 'a=1; b=2'.
function cookieValue(cookies: string, name: string): string | null {
  for (const pair of cookies.split(';')) {
    const equals = pair.indexOf('=')
    if (equals > 0 && withoutSpace(pair.slice(0, equals)) === name) return withoutSpace(pair.slice(equals + 1))
  }
  return null
}

function hasParameters(query: string, wanted: Condition['query']): boolean {
  const parameters = new URLSearchParams(query)
  return wanted.every(([name, value]) => (value === '' ? parameters.has(name) : parameters.has(name, value)))
}

// Does the line that begins at `start` have this name, given in lower case?
function isNamed(fields: string, start: number, name: string): boolean {
  const colon = start + name.length
  return fields[colon] === ':' && fields.slice(start, colon).toLowerCase() === name
}

// RFC 9110 §5.5 knows SP and HTAB alone. A loop: /[ \t]+$/ takes the square of a long run of spaces.
function withoutSpace(text: string): string {
  let start = 0
  let end = text.length
  while (start < end && (text[start] === ' ' || text[start] === '\t')) start++
  while (end > start && (text[end - 1] === ' ' || text[end - 1] === '\t')) end--
  return text.slice(start, end)
}
