// Target URLs: where requests go. Read strictly, because the workers dial exactly what stands here.

import {isIPv4, isIPv6} from 'node:net'
import {domainToASCII} from 'node:url'
import type {Refusal} from '../../base/route-id.ts'
import {nearest} from './suggest.ts'

export type Target = {
  readonly scheme: 'http' | 'https'
  /** A name in lower case, or an IP address without brackets. */
  readonly host: string
  readonly port: number
  /** '' or '/base', without a trailing slash. */
  readonly basePath: string
}

const SCHEMES = ['http', 'https'] as const
const DEFAULT_PORT = {http: 80, https: 443} as const

/** The parts of a target URL, or why it is none. */
export function parseTarget(text: string): Target | Refusal {
  // Neighbours often have the same target, and it is asked for more than once for each.
  if (text !== lastText) {
    lastResult = parse(text)
    lastText = text
  }
  return lastResult
}

// ---

let lastText = ''
let lastResult: Target | Refusal = {problem: 'a target needs a scheme', hint: null}

function parse(text: string): Target | Refusal {
  const match = /^([A-Za-z][A-Za-z0-9+.-]*):\/\/([^/?#]*)([^?#]*)(.*)$/s.exec(text)
  if (!match) return withoutScheme(text)
  const [, schemeText = '', authority = '', path = '', extra = ''] = match
  const scheme = SCHEMES.find(word => word === schemeText.toLowerCase())
  if (!scheme) return unknownScheme(schemeText, text)
  const at = authority.lastIndexOf('@')
  if (at >= 0) {
    return refuse(
      'a target must not have a user name or password',
      `Write ${quote(text.replace(authority.slice(0, at + 1), ''))} and set a header instead.`,
    )
  }
  if (extra !== '') {
    const what = extra.startsWith('?') ? 'query' : 'fragment'
    return refuse(
      `a target must not have a ${what}`,
      `Write ${quote(text.slice(0, text.length - extra.length))}: the request brings its own.`,
    )
  }
  const parts = /^(\[[^\]]*\]|[^:]*)(?::(.*))?$/.exec(authority)
  const hostText = parts?.[1] ?? ''
  if (!parts || hostText === '') return refuse('a target needs a host', `For example "${scheme}://10.0.0.1:8080".`)
  const port = parts[2] === undefined ? DEFAULT_PORT[scheme] : parsePort(parts[2])
  if (port === null) return refuse(`${quote(parts[2] ?? '')} is not a port`, 'A port is a number from 1 to 65535.')
  const host = parseHost(hostText)
  if (typeof host !== 'string') return host
  const basePath = parsePath(path)
  return typeof basePath === 'string' ? {scheme, host, port, basePath} : basePath
}

function refuse(problem: string, hint: string | null): Refusal {
  return {problem, hint}
}

function quote(text: string): string {
  return JSON.stringify(text)
}

function withoutScheme(text: string): Refusal {
  const missingSlashes = /^(https?):\/?([^/].*)$/i.exec(text)
  if (missingSlashes)
    return refuse('a scheme ends in "://"', `Write ${quote(`${missingSlashes[1]}://${missingSlashes[2]}`)}.`)
  const bare = text.trim().replace(/^\/+/, '')
  const usable = /^[^\s/?#@]+/.test(bare)
  return refuse(
    'a target needs a scheme',
    usable ? `Write ${quote(`http://${bare}`)}.` : 'For example "http://10.0.0.1:8080".',
  )
}

function unknownScheme(scheme: string, text: string): Refusal {
  const rest = text.slice(scheme.length)
  const word = scheme.toLowerCase()
  if (word === 'ws' || word === 'wss') {
    const plain = word === 'ws' ? 'http' : 'https'
    return refuse(`a target cannot be a ${word}:// URL`, `Write ${quote(plain + rest)}: WebSockets go through it, too.`)
  }
  if (word === 'h2c' || word === 'grpc') {
    return refuse(`a target cannot be a ${word}:// URL`, `Write ${quote(`http${rest}`)} and "protocol: h2c".`)
  }
  const meant = nearest(word, SCHEMES)
  return refuse(
    `unknown scheme ${quote(scheme)}`,
    meant ? `Did you mean ${quote(meant + rest)}?` : 'A target begins with http:// or https://.',
  )
}

function parsePort(text: string): number | null {
  if (!/^\d{1,5}$/.test(text)) return null
  const port = Number(text)
  return port >= 1 && port <= 65535 ? port : null
}

function parseHost(text: string): string | Refusal {
  const bracketed = /^\[(.*)\]$/.exec(text)
  if (bracketed) {
    const address = bracketed[1] ?? ''
    if (!isIPv6(address) || address.includes('%'))
      return refuse(`${quote(text)} is not an IPv6 address in brackets`, null)
    return address.toLowerCase()
  }
  const host = text.toLowerCase().replace(/\.$/, '')
  if (isIPv4(host)) return host
  // '0x7f.1' and '2130706433' are 127.0.0.1 to the C library: a deny list must see what will be dialled.
  const canonical = URL.canParse(`http://${host}/`) ? new URL(`http://${host}/`).hostname : ''
  if (isIPv4(canonical))
    return refuse(`${quote(text)} is an unusual way to write an IP address`, `Write "${canonical}".`)
  const ascii = /^[\x00-\x7f]*$/.test(host) ? host : domainToASCII(host)
  const good = ascii.length <= 253 && ascii.split('.').every(label => /^[a-z0-9_-]{1,63}$/.test(label))
  return good
    ? ascii
    : refuse(`${quote(text)} is not a host name`, 'Use a name, an IPv4 address, or an IPv6 address in brackets.')
}

function parsePath(path: string): string | Refusal {
  const odd = /[^\x21-\x7e]|\\/u.exec(path)
  if (odd) return refuse(`the path of a target cannot have ${quote(odd[0])}`, 'Write the character percent-escaped.')
  if (/%(?![0-9A-Fa-f]{2})/.test(path)) return refuse('the path of a target has a bad percent-escape', null)
  const dots = path.split('/').some(segment => /^(\.|%2e){1,2}(;|$)/i.test(segment))
  if (dots) return refuse('the path of a target must not have "." or ".." segments', 'Write the path that it leads to.')
  return path.replace(/\/+$/, '')
}
