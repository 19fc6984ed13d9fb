// sticky of a service, in numbers.

import {parseDuration} from '../../base/units.ts'
import type {Sticky} from '../../snapshot/snapshot.ts'
import type {Service} from '../config/types.ts'
import {asciiPath} from './ascii.ts'

/** null: every request is balanced. */
export function compileSticky(written: Service['sticky']): Sticky | null {
  if (!written || written === 'off') return null
  const {cookie, ttl = '0s', domain = '', path = '/'} = written
  const ttlMs = parseDuration(ttl)
  if (ttlMs === null) throw new Error(`not a duration: ${ttl}`)
  // RFC 6265 §4.1.1: a ';' would end the path and begin another attribute.
  return {cookie, ttlMs, domain, path: asciiPath(path).replaceAll(';', '%3B')}
}
