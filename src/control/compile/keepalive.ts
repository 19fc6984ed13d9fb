// keepalive of a service or a target: how many connections wait for the next request, and for how long.

import {isDeepStrictEqual} from 'node:util'
import {parseDuration} from '../../base/units.ts'
import type {Keepalive} from '../../snapshot/snapshot.ts'
import type {Keepalive as Written} from '../config/types.ts'

// The `default`s of schemas/defs.schema.json; a test holds the two together. Instances close idle connections after 60 s or
// later, unless they say otherwise.
export const DEFAULT_WORDS = {idle: 64, timeout: '60s'} as const

/** What holds where nothing is written. */
export const DEFAULT_KEEPALIVE: Keepalive = inNumbers({})

/** With defaults for what is left out; DEFAULT_KEEPALIVE itself where nothing else is asked for. */
export function compileKeepalive(written: Written | undefined): Keepalive {
  const keepalive = written === undefined ? DEFAULT_KEEPALIVE : inNumbers(written)
  return isDeepStrictEqual(keepalive, DEFAULT_KEEPALIVE) ? DEFAULT_KEEPALIVE : keepalive
}

// ---

function inNumbers(written: Written): Keepalive {
  const {idle, timeout} = {...DEFAULT_WORDS, ...written}
  const timeoutMs = parseDuration(timeout)
  if (timeoutMs === null) throw new Error(`not a duration: ${timeout}`)
  return {idle, timeoutMs}
}
