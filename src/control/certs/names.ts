// Which names are whose: those that mean something in this place only are no authority's business but our own.

import {isIP} from 'node:net'
import {createAddressSet} from '../../base/cidr.ts'

/** The name of a host as a certificate has it: an IP address without brackets, in its shortest form. */
export function certificateName(host: string): string {
  const bare = host.replace(/^\[(.*)\]$/, '$1')
  return isIP(bare) === 6 ? new URL(`http://[${bare}]`).hostname.slice(1, -1) : bare
}

/** localhost, names below it, IP addresses and single labels; of all others a public authority can say whose they are. */
export function isLocalName(name: string): boolean {
  if (isIP(name) !== 0) return true
  return !name.includes('.') || name === 'localhost' || name.endsWith('.localhost')
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
  return isIP(name) === 0 ? name === 'localhost' || name.endsWith('.localhost') : isPrivateAddress(name)
}

/** Whether a certificate for `names` is good for `name`: by itself, or by a wildcard for exactly one label. */
export function isCoveredBy(name: string, names: readonly string[] | ReadonlySet<string>): boolean {
  const has = (one: string) => ('has' in names ? names.has(one) : names.includes(one))
  if (has(name)) return true
  const dot = name.indexOf('.')
  return dot > 0 && isIP(name) === 0 && !name.startsWith('*') && has(`*${name.slice(dot)}`)
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

const isPrivateAddress = createAddressSet(PRIVATE.subnets)
