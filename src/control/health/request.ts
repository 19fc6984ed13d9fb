// A check and its instance → the bytes that are sent and how the connection is secured.

import {isIP} from 'node:net'
import {type ConnectionOptions, createSecureContext, type SecureContext} from 'node:tls'
import type {Check, Instance, UpstreamTls} from '../../snapshot/snapshot.ts'

/** The request of a check as latin1; '' for a bare connection. */
export function requestOf({probe}: Check, instance: Instance, userAgent: string): string {
  if (probe.kind === 'tcp') return ''
  const agent = /^user-agent:/im.test(probe.fields) ? '' : `User-Agent: ${userAgent}\r\n`
  const host = probe.host === '' ? authorityOf(instance) : probe.host
  return `GET ${probe.path} HTTP/1.1\r\nHost: ${host}\r\n${agent}${probe.fields}Connection: close\r\n\r\n`
}

/**
 * How the connections to an https instance are secured, as those of the data plane are; null for http and for bare
 * connections. Throws when its certificates or keys cannot be read.
 */
export function tlsOf(
  {probe}: Check,
  {host, tls, protocol}: Instance,
  contexts: Map<string, SecureContext>,
): ConnectionOptions | null {
  if (probe.kind === 'tcp' || tls === null) return null
  return {
    secureContext: contextOf(tls, contexts),
    // Without a name to check (an address, RFC 9110 §4.3.4) the certificate must name the address itself.
    host: tls.serverName === '' ? host : tls.serverName,
    servername: tls.serverName,
    rejectUnauthorized: !tls.insecure,
    ALPNProtocols: [protocol === 'http2' ? 'h2' : 'http/1.1'],
  }
}

// ---

/** Without the port that is the scheme's own. */
function authorityOf({scheme, host, port}: Instance): string {
  const bare = isIP(host) === 6 ? `[${host}]` : host
  return port === (scheme === 'https' ? 443 : 80) ? bare : `${bare}:${port}`
}

// One for all instances with the same rules: a context holds its own copy of the authorities.
function contextOf({ca, cert, key}: UpstreamTls, contexts: Map<string, SecureContext>): SecureContext {
  const rules = JSON.stringify([ca, cert, key])
  let context = contexts.get(rules)
  if (!context) {
    context = createSecureContext({...(ca === '' ? {} : {ca}), ...(cert === '' ? {} : {cert, key})})
    contexts.set(rules, context)
  }
  return context
}
