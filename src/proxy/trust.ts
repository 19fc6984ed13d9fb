// Whom we believe about who asked. Behind a proxy of ours the connection's address is that proxy's; its fields say the
// rest. Everybody else's are replaced, because any client can write them.

import {isIP} from 'node:net'
import {createAddressSet} from '../base/cidr.ts'

export type Trust = {
  isTrusted(address: string): boolean
  /**
   * The client in 'a, b, c' (X-Forwarded-For) as told by a trusted peer: the last address that is not one of ours, for
   * what stands before it could have been written by that client. The peer itself when all are ours or the list is empty.
   */
  clientOf(list: string, peer: string): string
}

/** Addresses in one X-Forwarded-For that are looked at, from the right. */
const HOPS_MAX = 32

export function createTrust(cidrs: readonly string[]): Trust {
  const isTrusted = cidrs.length === 0 ? () => false : createAddressSet(cidrs)
  return {
    isTrusted,
    clientOf(list, peer) {
      let client = peer
      const hops = list.split(',').slice(-HOPS_MAX)
      for (let i = hops.length - 1; i >= 0; i--) {
        const hop = plainAddress((hops[i] ?? '').trim())
        if (isIP(hop) === 0) return client
        client = hop
        if (!isTrusted(hop)) return client
      }
      return client
    },
  }
}

/** '[::1]:80', '10.0.0.1:80' and '::ffff:10.0.0.1' as bare addresses. */
export function plainAddress(text: string): string {
  const bare = /^\[([^\]]+)\](?::\d+)?$/.exec(text)?.[1] ?? /^([\d.]+):\d+$/.exec(text)?.[1] ?? text
  return bare.startsWith('::ffff:') && bare.includes('.') ? bare.slice(7) : bare
}
