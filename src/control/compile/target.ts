// 'http://app:3000/base' → the origin that is dialled and the path that stands before every request's.

import {createHash} from 'node:crypto'
import {isIP} from 'node:net'
import type {Instance, Keepalive, Protocol, UpstreamTls} from '../../snapshot/snapshot.ts'
import {DEFAULT_KEEPALIVE} from './keepalive.ts'

const PORTS: Readonly<Record<string, number>> = {'http:': 80, 'https:': 443}

/** The parts of a target that the checks have accepted; throws on any other text, which would be a bug in them. */
export function readTarget(
  target: string,
  tls: Partial<UpstreamTls>,
  keepalive: Keepalive = DEFAULT_KEEPALIVE,
  protocol: Protocol = 'http1',
): {instance: Instance; basePath: string} {
  const url = new URL(target)
  const port = url.port === '' ? (PORTS[url.protocol] ?? 0) : Number(url.port)
  // A dot at the end of a name is the root of DNS; certificates are never made out with it.
  const name = url.hostname.replace(/\.$/, '')
  const host = name.replace(/^\[|\]$/g, '')
  const basePath = url.pathname.replace(/\/+$/, '')
  const origin = `${url.protocol}//${name}:${port}`
  const kept = (keepalive === DEFAULT_KEEPALIVE ? '' : markOf(keepalive)) + (protocol === 'http1' ? '' : `#${protocol}`)
  if (url.protocol === 'http:')
    return {instance: {key: origin + kept, scheme: 'http', host, port, protocol, tls: null, keepalive}, basePath}
  const whole: UpstreamTls = {serverName: isIP(host) ? '' : host, ca: '', cert: '', key: '', insecure: false, ...tls}
  const key = origin + markOf(tls) + kept
  return {instance: {key, scheme: 'https', host, port, protocol, tls: whole, keepalive}, basePath}
}

// ---

// A connection that was checked by other rules, or is kept by others, is another connection, as one that speaks otherwise is.
function markOf(rules: Partial<UpstreamTls> | Keepalive): string {
  if (Object.keys(rules).length === 0) return ''
  return `#${createHash('sha256').update(JSON.stringify(rules)).digest('hex').slice(0, 8)}`
}
