// Keeps a client at its instance with a cookie. It is set when the client did not bring the one of the member that answers.
// Instances get it like every other cookie.

import {stickyValue} from '../router/sticky-value.ts'
import type {Sticky} from '../snapshot/snapshot.ts'
import type {MemberEntry} from './entries.ts'
import type {Exchange} from './exchange.ts'
import {cookieValue} from './hash-key.ts'
import {fieldValue} from './http1/field.ts'
import type {RequestHead} from './http1/request-head.ts'

export type StickyCookie = {
  readonly name: string
  readonly members: readonly MemberEntry[]
  /** Those that may be asked for. */
  readonly byValue: ReadonlyMap<string, MemberEntry>
  readonly values: ReadonlyMap<MemberEntry, string>
  /** What stands behind name and value. */
  readonly attributes: string
}

/** The cookie of a pool with these members. */
export function createStickyCookie(sticky: Sticky, members: readonly MemberEntry[]): StickyCookie {
  const values = new Map(members.map(member => [member, stickyValue(member.id)]))
  const open = [...values].filter(([member]) => !member.isDown)
  const byValue = new Map(open.map(([member, value]) => [value, member]))
  return {name: sticky.cookie, members, byValue, values, attributes: attributesOf(sticky)}
}

/** The member that the client's cookie names, which may be unusable; the exchange remembers what the client brought. */
export function stickTo(cookie: StickyCookie, exchange: Exchange, head: RequestHead): MemberEntry | null {
  exchange.sticky = cookie
  exchange.stuckTo = cookie.byValue.get(cookieValue(fieldValue(head.fields, 'cookie'), cookie.name)) ?? null
  return exchange.stuckTo
}

/** The line that sends the client to the member that answers from now on; '' when it does that already. */
export function stickyField({member, sticky, stuckTo, requestHead}: Exchange): string {
  const value = sticky === null || member === null || member === stuckTo ? undefined : sticky.values.get(member)
  if (value === undefined) return ''
  // What the instance is told of the client's connection is what we know of it.
  const secure = fieldValue(requestHead, 'x-forwarded-proto') === 'https' ? '; Secure' : ''
  return `Set-Cookie: ${sticky?.name}=${value}${sticky?.attributes}${secure}\r\n`
}

// ---

function attributesOf({ttlMs, domain, path}: Sticky): string {
  const age = ttlMs === 0 ? '' : `; Max-Age=${Math.ceil(ttlMs / 1000)}`
  return `; Path=${path}${domain === '' ? '' : `; Domain=${domain}`}${age}; HttpOnly; SameSite=Lax`
}
