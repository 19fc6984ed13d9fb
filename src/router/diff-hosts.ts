// What `hosts:` says of a name holds for all of its URLs: who is let in, and how they are sent to https. A change of it is one
// of every piece of that name's space, whatever its routes do.

import {formatDuration} from '../base/units.ts'
import type {Host} from '../snapshot/snapshot.ts'
import {parentOf} from './host.ts'
import {createHostIndex} from './host-index.ts'

export type HostChange = {
  readonly flags: readonly ('access-lost' | 'access-gained')[]
  readonly words: readonly string[]
}

/** Patterns of which the one says something else than the other, or alone says something. */
export function otherHosts(before: readonly Host[], after: readonly Host[]): string[] {
  const [old, now] = [contentsOf(before), contentsOf(after)]
  return [...new Set([...old.keys(), ...now.keys()])].filter(pattern => old.get(pattern) !== now.get(pattern))
}

/** Is the pattern one for this host, or for hosts that this pattern stands for? */
export function covers(pattern: string, host: string): boolean {
  if (pattern === '*' || pattern === host) return true
  return pattern.startsWith('*.') && parentOf(host) === pattern.slice(2)
}

/** What becomes of the hosts that a pattern stands for and no more specific one of either set does. */
export function compareHosts(before: readonly Host[], after: readonly Host[]): (pattern: string) => HostChange {
  const [old, now] = [before, after].map(hosts => {
    const index = createHostIndex<Host>()
    for (const host of hosts) index.set(host.pattern, host)
    return index
  })
  // No name has a tilde: what the wildcard stands for is looked up, and nothing that is named.
  return pattern =>
    changeOf(old?.find(pattern.replace('*', '~')) ?? UNSAID, now?.find(pattern.replace('*', '~')) ?? UNSAID)
}

// ---

type Rules = Omit<Host, 'pattern'>

/** Of hosts that nothing is said of. */
const UNSAID: Rules = {redirect: true, hstsMs: 0, clientAuth: null, ownCertificate: null}

function contentsOf(hosts: readonly Host[]): Map<string, string> {
  return new Map(hosts.map(host => [host.pattern, JSON.stringify(host)]))
}

function changeOf(a: Rules, b: Rules): HostChange {
  const words: string[] = []
  const tell = (name: string, was: string, is: string) => {
    if (was !== is) words.push(`tls.${name} ${was} → ${is}`)
  }
  tell('clientAuth', authOf(a), authOf(b))
  if (authOf(a) === authOf(b) && a.clientAuth !== b.clientAuth) words.push('tls.clientAuth: other authorities')
  tell('redirect', String(a.redirect), String(b.redirect))
  tell('hsts', a.hstsMs === 0 ? 'none' : formatDuration(a.hstsMs), b.hstsMs === 0 ? 'none' : formatDuration(b.hstsMs))
  if (a.ownCertificate !== b.ownCertificate) words.push('tls.certificate')
  if (authOf(a) === authOf(b)) return {flags: [], words}
  return {flags: [a.clientAuth === null ? 'access-gained' : 'access-lost'], words}
}

function authOf({clientAuth}: Rules): string {
  return clientAuth === null ? 'none' : 'required'
}
