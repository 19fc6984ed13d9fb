// What a request says beyond its method and URL, put together from headers as people write them.

import type {Said} from './explain.ts'

export type Header = {readonly name: string; readonly value: string}

/**
 * The URL that is asked for, and what is said with it. Of the headers Host alone decides which route takes the request; it
 * stands over the one in the URL, as with curl. The others decide between a route and its variants.
 */
export function sayRequest(
  url: string,
  headers: readonly Header[],
  clientIp: string | null,
): {readonly url: string; readonly said: Said} {
  const host = headers.findLast(isHost)?.value
  const place = host === undefined ? url : url.replace(AUTHORITY, (_, scheme: string) => scheme + host)
  const own = {name: 'Host', value: authorityOf(place)}
  const lines = [own, ...headers.filter(header => !isHost(header))].map(({name, value}) => `${name}: ${value}\r\n`)
  // A head holds bytes as latin1.
  return {url: place, said: {fields: Buffer.from(lines.join(''), 'utf8').toString('latin1'), clientIp}}
}

/** Host and port of a URL as they stand there. */
export function authorityOf(url: string): string {
  return AUTHORITY.exec(url)?.[2] ?? ''
}

// ---

function isHost({name}: Header): boolean {
  return name.toLowerCase() === 'host'
}

const AUTHORITY = /^((?:https?:\/\/)?)([^/?#]*)/i
