// timeouts of a route, in milliseconds. One object for all routes that say the same: it is what most routes do, and a
// hundred thousand of them have to fit in memory.

import {parseDuration} from '../../base/units.ts'
import type {Timeouts} from '../../snapshot/snapshot.ts'
import type {Timeouts as Written} from '../config/types.ts'

// The `default`s of schemas/defs.schema.json; a test holds the two together.
export const DEFAULT_TIMEOUTS = {connect: '5s', send: '60s', response: '60s', idle: '60s', tunnel: '1h'} as const

/** Different ones that are remembered. */
const KNOWN_MAX = 1000

/** A function that compiles what a route says about time; what it leaves out has the default. */
export function createTimeouts(): (written: Written | undefined) => Timeouts {
  const known = new Map<string, Timeouts>()
  return written => {
    const words = {...DEFAULT_TIMEOUTS, ...written}
    const key = `${words.connect} ${words.send} ${words.response} ${words.idle} ${words.tunnel}`
    let timeouts = known.get(key)
    if (!timeouts) {
      timeouts = {
        connectMs: toMs(words.connect),
        sendMs: toMs(words.send),
        responseMs: toMs(words.response),
        idleMs: toMs(words.idle),
        tunnelMs: toMs(words.tunnel),
      }
      if (known.size >= KNOWN_MAX) known.clear()
      known.set(key, timeouts)
    }
    return timeouts
  }
}

// ---

function toMs(text: string): number {
  const ms = parseDuration(text)
  if (ms === null) throw new Error(`not a duration: ${text}`)
  return ms
}
