// A request as the router sees it: method, host and path decided by the rules that the data plane applies to bytes.

import {normalizeHost} from './host.ts'
import {decidePath, queryStart} from './path.ts'

export type RoutedRequest = {
  readonly method: string
  readonly url: string
  readonly host: string
  readonly path: string
  /** With its '?', or ''. */
  readonly query: string
}

/** 'https://x.localhost/app?a=1' → its parts as the data plane would decide them; a text says what is wrong with it. */
export function parseRequest(method: string, url: string): RoutedRequest | string {
  const match = /^(?:https?:\/\/)?([^/?#]*)([^?#]*)(\?[^#]*)?(#.*)?$/i.exec(url)
  if (!match) return `'${url}' is not a URL`
  const [, authority = '', rawPath = '', query = ''] = match
  const host = normalizeHost(authority)
  if (host === '') return `'${authority}' is not a host; write the URL as https://host/path`
  if (/[^\x21-\x7e]/.test(rawPath + query)) return 'the URL holds a character that must be percent-encoded'
  const path = decidePath(rawPath === '' ? '/' : rawPath)
  if (path === null) return `the path '${rawPath}' is refused with 400: two servers may read it in two ways`
  return {method: method.toUpperCase(), url, host, path, query}
}

/** Splits an origin-form target that was decided already. */
export function splitTarget(target: string): {path: string; query: string} {
  const mark = queryStart(target)
  return {path: target.slice(0, mark), query: target.slice(mark)}
}
