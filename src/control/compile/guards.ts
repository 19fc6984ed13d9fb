// What keeps a pool from instances that fail or are full: the keys that a service and a route with a target share.

import {createHash} from 'node:crypto'
import {parseDuration, parseShare} from '../../base/units.ts'
import type {Pool} from '../../snapshot/snapshot.ts'
import type {Circuit, Passive, Queue, Service} from '../config/types.ts'

export type Guards = Pick<Pool, 'slowStartMs' | 'passive' | 'circuit' | 'maxInFlight' | 'queue'>

type Written = Pick<Service, 'slowStart' | 'passive' | 'circuit' | 'maxConnections' | 'queue'>

// The `default`s of schemas/defs.schema.json; a test holds the two together.
export const DEFAULT_PASSIVE = {maxFails: 3, window: '30s', eject: '30s'} as const
export const DEFAULT_CIRCUIT = {errorRate: '50%', minRequests: 20, window: '10s', open: '15s'} as const
export const DEFAULT_QUEUE = {size: 100, timeout: '5s'} as const

/** The guards of what is written; `mark` is '' when there are none, else unlike that of others. */
export function compileGuards(written: Written): {readonly guards: Guards; readonly mark: string} {
  const guards: Guards = {
    slowStartMs: written.slowStart ? toMs(written.slowStart) : 0,
    passive: isOn(written.passive) ? compilePassive(written.passive) : null,
    circuit: isOn(written.circuit) ? compileCircuit(written.circuit) : null,
    maxInFlight: isOn(written.maxConnections) ? written.maxConnections : 0,
    queue: isOn(written.queue) ? compileQueue(written.queue) : null,
  }
  const isPlain = Object.values(guards).every(guard => guard === null || guard === 0)
  return {guards, mark: isPlain ? '' : createHash('sha256').update(JSON.stringify(guards)).digest('hex').slice(0, 8)}
}

// ---

function isOn<T>(written: T | 'off' | false | undefined): written is T {
  return written !== undefined && written !== 'off' && written !== false
}

function compilePassive(written: Passive): Guards['passive'] {
  const {maxFails, window, eject} = {...DEFAULT_PASSIVE, ...written}
  return {maxFails, windowMs: toMs(window), ejectMs: toMs(eject)}
}

function compileCircuit(written: Circuit): Guards['circuit'] {
  const {errorRate, minRequests, window, open} = {...DEFAULT_CIRCUIT, ...written}
  const share = parseShare(errorRate)
  if (share === null) throw new Error(`not a share: ${errorRate}`)
  return {errorRate: share, minRequests, windowMs: toMs(window), openMs: toMs(open)}
}

function compileQueue(written: Queue): Guards['queue'] {
  const {size, timeout} = {...DEFAULT_QUEUE, ...written}
  return {size, timeoutMs: toMs(timeout)}
}

function toMs(text: string): number {
  if (text === 'off') return 0
  const ms = parseDuration(text)
  if (ms === null) throw new Error(`not a duration: ${text}`)
  return ms
}
