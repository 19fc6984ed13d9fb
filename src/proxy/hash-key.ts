// What a hash balancer hashes: the text that tells one client, or one thing that is asked for, from another.

import type {HashBy} from '../snapshot/snapshot.ts'
import type {Downstream} from './exchange.ts'
import {fieldValue} from './http1/field.ts'
import type {RequestHead} from './http1/request-head.ts'

/** The key of a request; one that does not carry the field or cookie is told by its client's address. */
export function hashKey(by: HashBy, client: Downstream, head: RequestHead, target: string): string {
  switch (by.kind) {
    case 'client':
      return addressOf(client, head)
    case 'uri':
      return target
    case 'header':
      return fieldValue(head.fields, by.name) || addressOf(client, head)
    case 'cookie':
      return cookieValue(fieldValue(head.fields, 'cookie'), by.name) || addressOf(client, head)
  }
}

/** The address that a client is known by: its connection's, or what a trusted peer says. */
export function addressOf(client: Downstream, head: RequestHead): string {
  return client.isTrusted ? client.thread.trust.clientOf(head.forwardedFor, client.address) : client.address
}

/** RFC 6265 §4.2.1: 'a=1; b=2'. Of two cookies of one name the first one counts, as servers take it; '' for none. */
export function cookieValue(cookies: string, name: string): string {
  for (const pair of cookies.split(';')) {
    const equals = pair.indexOf('=')
    if (equals > 0 && pair.slice(0, equals).trim() === name) return pair.slice(equals + 1).trim()
  }
  return ''
}
