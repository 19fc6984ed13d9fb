// What a host asks of the connections to it, for the worker: compiled to a line, a text and a flag.

import type {Host} from '../../snapshot/snapshot.ts'
import type {Requester} from '../exchange.ts'
import type {FailureCode} from '../failure.ts'

export type HostRules = {
  /** Plain http is sent to https, when the host is served there. */
  readonly redirect: boolean
  /** Strict-Transport-Security with its CRLF, or ''. */
  readonly hsts: string
  /** PEM of who signs certificates of clients; '' lets in everybody. */
  readonly clientCa: string
}

export function rulesOf({redirect, hstsMs, clientAuth}: Host): HostRules {
  const hsts = hstsMs === 0 ? '' : `Strict-Transport-Security: max-age=${Math.round(hstsMs / 1000)}\r\n`
  return {redirect, hsts, clientCa: clientAuth ?? ''}
}

/** Takes what holds for requests of this client to `client.host`, which was just decided. */
export function takeRules(client: Requester): void {
  const {host, isService, secured, thread} = client
  client.hsts = ''
  client.refusal = null
  client.isRedirected = false
  if (isService) return
  const name = host.startsWith('[') ? host.slice(1, -1) : host
  const rules = thread.table.hosts.find(name) ?? DEFAULT_RULES
  if (secured === null) {
    const isServed = thread.httpsPort > 0 && thread.certificates.find(name) !== null
    client.isRedirected = isServed && rules.redirect
    // On plain http nobody can show a certificate.
    if (rules.clientCa !== '' && !client.isRedirected) client.refusal = 'client-certificate-required'
    return
  }
  // RFC 6797 §8.1.1: an address is no HSTS host.
  if (!IS_ADDRESS.test(host)) client.hsts = rules.hsts
  client.refusal = refusalOf(client, name, rules)
}

/** The https URL of what a client has asked for by plain http. */
export function secureLocation(client: Requester, target: string): string {
  const port = client.thread.httpsPort === 443 ? '' : `:${client.thread.httpsPort}`
  return `https://${client.host}${port}${target}`
}

// ---

/** Of hosts that `hosts:` does not name. */
const DEFAULT_RULES: HostRules = {redirect: true, hsts: '', clientCa: ''}
const IS_ADDRESS = /^\[|^[\d.]+$/

// RFC 9110 §7.4: a request may come on a connection that was made for another name as long as the certificate covers both.
// A host with rules of its own about clients is reached by its own name alone (nginx CVE-2025-23419).
function refusalOf({secured, host}: Requester, name: string, {clientCa}: HostRules): FailureCode | null {
  if (secured === null) return null
  if (secured.clientCa !== clientCa) return 'misdirected'
  if (secured.name !== null && secured.name !== host && !isCovered(secured.certificate.names, name))
    return 'misdirected'
  return clientCa !== '' && !secured.hasClientCertificate ? 'client-certificate-required' : null
}

function isCovered(names: readonly string[], host: string): boolean {
  const dot = host.indexOf('.')
  return names.includes(host) || (dot > 0 && names.includes(`*${host.slice(dot)}`))
}
