// Which names are whose: those that mean something in this place only are no authority's business but our own.

import {isIP} from 'node:net'
import {createAddressSet} from '../../base/cidr.ts'

/** The name of a host as a certificate has it: an IP address without brackets, in its shortest form. */
export function certificateName(host: string): string {
  const bare = host.replace(/^\[(.*)\]$/, '$1')
  return bare.includes(':') && isIP(bare) === 6 ? new URL(`http://[${bare}]`).hostname.slice(1, -1) : bare
}

/** localhost, names below it, IP addresses and single labels; of all others a public authority can say whose they are. */
export function isLocalName(name: string): boolean {
  return name.endsWith('.localhost') || !name.includes('.') || isIP(name) !== 0
}

/** localhost and what only ever leads to this machine or this network (RFC 6761, 1918, 6598, 3927, 4193, 4291). */
export const PRIVATE = {
  domains: ['localhost'],
  subnets: [
    '127.0.0.0/8',
    '10.0.0.0/8',
    '172.16.0.0/12',
    '192.168.0.0/16',
    '100.64.0.0/10',
    '169.254.0.0/16',
    '::1/128',
    'fc00::/7',
    'fe80::/10',
  ],
} as const

export function isPrivateName(name: string): boolean {
  return name === 'localhost' || name.endsWith('.localhost') || (isIP(name) !== 0 && isPrivateAddress(name))
}

/** Whether a certificate for `names` is good for `name`: by itself, or by a wildcard for exactly one label. */
export function isCoveredBy(name: string, names: readonly string[] | ReadonlySet<string>): boolean {
  const has = (one: string) => ('has' in names ? names.has(one) : names.includes(one))
  if (has(name)) return true
  const wildcard = wildcardOf(name)
  return wildcard !== null && has(wildcard)
}

/** Whether a certificate for some names is good for any of `wanted`: `isCoveredBy` for a question that is asked often. */
export function createNeed(wanted: readonly string[]): (names: readonly string[]) => boolean {
  const needed = new Set(wanted.flatMap(name => [name, wildcardOf(name) ?? name]))
  return names => names.some(name => needed.has(name))
}

/** 4 or 16 bytes. */
export function bytesOfIp(address: string): Buffer {
  if (isIP(address) === 4) return Buffer.from(address.split('.').map(Number))
  // A URL writes an IPv4 address at the end in hex too.
  const [head = '', tail] = certificateName(address).split('::')
  const groupsOf = (text: string) => (text === '' ? [] : text.split(':').map(group => Number.parseInt(group, 16)))
  const [front, back] = [groupsOf(head), groupsOf(tail ?? '')]
  const zeros = new Array<number>(8 - front.length - back.length).fill(0)
  return Buffer.from([...front, ...zeros, ...back].flatMap(group => [group >> 8, group & 255]))
}

// ---

// The one wildcard that a name is covered by.
function wildcardOf(name: string): string | null {
  const dot = name.indexOf('.')
  return dot > 0 && !name.startsWith('*') && isIP(name) === 0 ? `*${name.slice(dot)}` : null
}

const isPrivateAddress = createAddressSet(PRIVATE.subnets)
