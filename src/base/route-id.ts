// Route ids in normal form, so that two ways to write one thing are one thing: host in lower case and punycode without a
// trailing dot, prefix without a trailing slash. What cannot be matched byte by byte with a request is refused here,
// because a route that never matches is worse than an error.

import {isIPv6} from 'node:net'
import {domainToASCII} from 'node:url'

export type NormalId = {
  /** 'shop.example.com', '*.example.com' or '*'. */
  readonly host: string
  /** '' for the whole host, else '/app' or '/app/admin'. */
  readonly prefix: string
}

/** Why a text is refused, as a sentence without its end, and what to write instead. */
export type Refusal = {readonly problem: string; readonly hint: string | null}

/** The host and prefix of a route id, or why it is none. */
export function normalizeId(id: string): NormalId | Refusal {
  // In normal form already, as nearly all are.
  if (NORMAL.test(id) && id.length <= NORMAL_CHARS_MAX) {
    const slash = id.indexOf('/')
    return slash < 0 ? {host: id, prefix: ''} : {host: id.slice(0, slash), prefix: id.slice(slash)}
  }
  const scheme = /^([A-Za-z][A-Za-z0-9+.-]*):\/\//.exec(id)
  if (scheme) {
    return refuse(
      'an id must not have a scheme',
      `Write ${JSON.stringify(id.slice(scheme[0].length))}: a route takes http and https alike.`,
    )
  }
  if (id.startsWith('/'))
    return refuse('an id must begin with a host', `Write ${JSON.stringify(`*${id}`)} to take any host.`)
  const slash = id.indexOf('/')
  const host = normalizeHost(slash < 0 ? id : id.slice(0, slash), slash < 0 ? '' : id.slice(slash))
  if ('problem' in host) return host
  const prefix = normalizePrefix(slash < 0 ? '' : id.slice(slash), host.host)
  return 'problem' in prefix ? prefix : {host: host.host, prefix: prefix.prefix}
}

/** Labels of letters, digits and inner hyphens, a prefix of segments that do not begin with a dot. */
const NORMAL =
  /^(?:[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?)(?:\.[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?)*(?:\/[A-Za-z0-9_~-][A-Za-z0-9._~-]*)*$/
/** Below the length at which a host is refused, whatever part of the id it is. */
const NORMAL_CHARS_MAX = 253

/** A host pattern in normal form, or why it is none. `rest` only completes the hint. */
export function normalizeHost(text: string, rest = ''): {readonly host: string} | Refusal {
  if (text === '*') return {host: '*'}
  if (text.startsWith('[')) return normalizeIpv6(text, rest)
  const at = text.indexOf('@')
  if (at >= 0) return refuse('a host must not have a user name', `Write ${JSON.stringify(text.slice(at + 1) + rest)}.`)
  const port = /:(\d*)$/.exec(text)
  if (port) {
    return refuse(
      'a host must not have a port here',
      `Write ${JSON.stringify(text.slice(0, port.index) + rest)}: a route takes every port that routesd listens on.`,
    )
  }
  const wildcard = text.startsWith('*.')
  const name = (wildcard ? text.slice(2) : text).replace(/\.$/, '')
  if (name.includes('*')) {
    return refuse(
      `${JSON.stringify(text)} has a "*" in the wrong place`,
      'A host is exact, "*.example.com" (one label) or "*" (anything).',
    )
  }
  // Pure ASCII is only lower-cased: domainToASCII would also turn '127.1' into '127.0.0.1', which no Host header says.
  const ascii = /^[\x00-\x7f]*$/.test(name) ? name.toLowerCase() : domainToASCII(name)
  const labels = ascii.split('.')
  const good = ascii.length <= 253 && labels.every(label => /^(?!-)[a-z0-9_-]{1,63}(?<!-)$/.test(label))
  if (!good) {
    return refuse(
      `${JSON.stringify(text)} is not a host name`,
      'Labels have letters, digits and "-", at most 63 characters each.',
    )
  }
  return {host: wildcard ? `*.${ascii}` : ascii}
}

/** The refusal of a text in one line; the text itself is left out where it holds a password. */
export function wordRefusal({problem}: Refusal, text: string): string {
  const quoted = JSON.stringify(text)
  return problem.includes(quoted) || problem.includes('password') ? problem : `${problem}: ${quoted}`
}

// ---

function refuse(problem: string, hint: string | null): Refusal {
  return {problem, hint}
}

function normalizeIpv6(text: string, rest: string): {readonly host: string} | Refusal {
  const match = /^\[([^\]]*)\](.*)$/.exec(text)
  if (!match || !isIPv6(match[1] ?? ''))
    return refuse(`${JSON.stringify(text)} is not an IPv6 address in brackets`, null)
  if (match[2] !== '')
    return refuse('a host must not have a port here', `Write ${JSON.stringify(`[${match[1]}]${rest}`)}.`)
  // The URL parser knows the one way to write an address (RFC 5952), and so do the clients that use it.
  return {host: new URL(`http://[${match[1]}]/`).hostname}
}

function normalizePrefix(path: string, host: string): {readonly prefix: string} | Refusal {
  const prefix = path.replace(/\/$/, '')
  const cut = (end: number) => JSON.stringify(host + prefix.slice(0, end).replace(/\/$/, ''))
  const mark = /[?#]/.exec(prefix)
  if (mark) {
    const what = mark[0] === '?' ? 'query' : 'fragment'
    return refuse(`an id must not have a ${what}`, `Write ${cut(mark.index)}. Routes are chosen by host and path only.`)
  }
  if (prefix.includes('*')) {
    return refuse(
      'a path prefix must not have a "*"',
      `Write ${cut(prefix.indexOf('*'))}: it takes everything below, too.`,
    )
  }
  if (prefix.includes('%')) {
    return refuse(
      'a path prefix must not have percent-escapes',
      'Requests are matched as they were sent; use a prefix without escaped characters.',
    )
  }
  if (prefix.includes('\\')) return refuse('a path prefix must not have a "\\"', 'Separate the segments with "/".')
  const odd = /[^A-Za-z0-9._~!$&'()+,;=:@/-]/u.exec(prefix)
  if (odd) {
    return refuse(
      `a path prefix cannot have ${JSON.stringify(odd[0])}`,
      "A client sends this character escaped, so the prefix would never match; use letters, digits and -._~!$&'()+,;=:@",
    )
  }
  const segments = prefix.split('/').slice(1)
  if (segments.includes('')) return refuse('a path prefix has an empty segment ("//")', 'Remove one of the slashes.')
  const dots = segments.find(segment => /^\.{1,2}(;|$)/.test(segment))
  if (dots !== undefined) {
    return refuse(
      `a path prefix must not have a ${JSON.stringify(dots)} segment`,
      'Write the path that it leads to: requests are matched after "." and ".." are removed.',
    )
  }
  return {prefix}
}
