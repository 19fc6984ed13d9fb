// 'http://app:3000/base' → the origin that is dialled and the path that stands before every request's.

import {createHash} from 'node:crypto'
import {isIP} from 'node:net'
import type {Instance, Keepalive, UpstreamTls} from '../../snapshot/snapshot.ts'

/** Instances close idle connections after 60 s or later, unless they say otherwise. */
const KEEPALIVE: Keepalive = {idle: 64, timeoutMs: 60_000}
const PORTS: Readonly<Record<string, number>> = {'http:': 80, 'https:': 443}

/** The parts of a target that the checks have accepted; throws on any other text, which would be a bug in them. */
export function readTarget(target: string, tls: Partial<UpstreamTls>): {instance: Instance; basePath: string} {
  const url = new URL(target)
  const port = url.port === '' ? (PORTS[url.protocol] ?? 0) : Number(url.port)
  // A dot at the end of a name is the root of DNS; certificates are never made out with it.
  const name = url.hostname.replace(/\.$/, '')
  const host = name.replace(/^\[|\]$/g, '')
  const basePath = url.pathname.replace(/\/+$/, '')
  const key = `${url.protocol}//${name}:${port}`
  if (url.protocol === 'http:')
    return {instance: {key, scheme: 'http', host, port, tls: null, keepalive: KEEPALIVE}, basePath}
  const whole: UpstreamTls = {serverName: isIP(host) ? '' : host, ca: '', cert: '', key: '', insecure: false, ...tls}
  return {instance: {key: key + markOf(tls), scheme: 'https', host, port, tls: whole, keepalive: KEEPALIVE}, basePath}
}

// ---

// A connection that was checked by other rules is another connection.
function markOf(tls: Partial<UpstreamTls>): string {
  if (Object.keys(tls).length === 0) return ''
  return `#${createHash('sha256').update(JSON.stringify(tls)).digest('hex').slice(0, 8)}`
}
