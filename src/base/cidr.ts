// Sets of addresses as people write them: 10.0.0.0/8, ::1, 169.254.0.0/16.

import {BlockList, isIP} from 'node:net'

/** Is the address in the set? IPv4 written as IPv6 ('::ffff:169.254.0.1') counts as IPv4; a text that is no address is in none. */
export type AddressSet = (address: string) => boolean

/** An IP address or CIDR range in its parts, or null when it is none. */
export function parseCidr(text: string): {address: string; bits: number; family: 'ipv4' | 'ipv6'} | null {
  const slash = text.indexOf('/')
  const address = slash < 0 ? text : text.slice(0, slash)
  const version = isIP(address)
  if (version === 0) return null
  const width = version === 4 ? 32 : 128
  const bits = slash < 0 ? width : Number(text.slice(slash + 1))
  if (!/^\d+$/.test(text.slice(slash + 1)) && slash >= 0) return null
  return bits <= width ? {address, bits, family: version === 4 ? 'ipv4' : 'ipv6'} : null
}

/** The set of the ranges; throws on one that `parseCidr` refuses. */
export function createAddressSet(ranges: readonly string[]): AddressSet {
  const list = new BlockList()
  for (const range of ranges) {
    const cidr = parseCidr(range)
    if (!cidr) throw new Error(`not an address range: ${range}`)
    list.addSubnet(cidr.address, cidr.bits, cidr.family)
  }
  return address => {
    // A scope ('fe80::1%eth0') is no part of the address.
    const plain = address.split('%', 1)[0] ?? ''
    const version = isIP(plain)
    return version !== 0 && list.check(plain, version === 4 ? 'ipv4' : 'ipv6')
  }
}
