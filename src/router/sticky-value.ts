// The value of the cookie that keeps a client at a member: made of what operators call the member, so that every worker, the
// next snapshot and the next daemon know it; it says nothing to anybody else.

import {createHash} from 'node:crypto'

/** Hex digits: 64 bits tell the members of a pool from each other. */
const VALUE_CHARS = 16

export function stickyValue(id: string): string {
  return createHash('sha256').update(id).digest('hex').slice(0, VALUE_CHARS)
}
