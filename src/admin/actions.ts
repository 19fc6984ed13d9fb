// What can be asked for with POST: which path does what, and what its body must be.

import {parseDuration} from '../base/units.ts'
import {parseObject} from './body.ts'
import {findCertAction} from './cert-actions.ts'
import type {Operations, Outcome, Refused} from './protocol.ts'

/** Checks the body and does it. */
export type Action = (operations: Operations, body: string) => Promise<Outcome<unknown>>

const DRAIN_MS = {least: 1_000, unlessGiven: 3_600_000, most: 30 * 86_400_000} as const
const TEXT_MAX = 500

/** The action of a path without its query; null when there is none. */
export function findAction(path: string): Action | null {
  const [, encoded = '', verb] = /^\/v1\/instances\/([^/]+)\/(drain|undrain)$/.exec(path) ?? []
  if (verb === undefined) return findCertAction(path)
  const id = decode(encoded)
  if (id === null) return async () => bad(`'${encoded}' is not percent-encoded UTF-8`)
  return verb === 'drain'
    ? async (operations, body) => {
        const wish = readDrainBody(body)
        return 'refused' in wish ? wish : operations.drain(id, wish)
      }
    : operations => operations.undrain(id)
}

// ---

type Wish = {readonly forMs: number; readonly who: string; readonly why: string}

function readDrainBody(text: string): Wish | {refused: Refused} {
  const body = parseObject(text)
  if (body === null) return bad('the body is not a JSON object')
  const {for: duration, why = '', who = '', ...others} = body
  const [unknown] = Object.keys(others)
  if (unknown !== undefined) return bad(`there is no '${unknown}' in the body: it has for, why and who`)
  if (!isText(why)) return bad(`'why' is a text of one line and ${TEXT_MAX} characters at the most`)
  if (!isText(who)) return bad(`'who' is a text of one line and ${TEXT_MAX} characters at the most`)
  const forMs = duration === undefined ? DRAIN_MS.unlessGiven : typeof duration === 'string' && parseDuration(duration)
  if (typeof forMs !== 'number') return bad('\'for\' is a duration such as "10m" or "1h30m"')
  if (forMs < DRAIN_MS.least || forMs > DRAIN_MS.most) return bad("'for' is between 1s and 30d")
  return {forMs, who, why}
}

// What is shown in a terminal must not move its cursor.
function isText(value: unknown): value is string {
  return typeof value === 'string' && value.length <= TEXT_MAX && !/[\x00-\x1f\x7f-\x9f]/.test(value)
}

function decode(text: string): string | null {
  try {
    return decodeURIComponent(text)
  } catch {
    return null
  }
}

function bad(message: string): {refused: Refused} {
  return {refused: {status: 400, code: 'bad-request', message}}
}
