// The leases of operators as a file, written by this program, but perhaps by another version of it, or on a machine whose
// clock was wrong.
//
//   {version, drains: [{id, since, until, who, why}], weights: [{…, weight}]}

import type {Lease, WeightLease} from '../admin/protocol.ts'

export type Leases = {readonly drains: readonly Lease[]; readonly weights: readonly WeightLease[]}

/** The longest lease; longer ones are cut. */
export const LEASE_MAX_MS = 30 * 86_400_000

const VERSION = 1

export function writeLeases({drains, weights}: Leases): string {
  return `${JSON.stringify({version: VERSION, drains, weights}, null, 1)}\n`
}

/** Throws an Error that says what is wrong with the text. A file from before there were weights has none. */
export function readLeases(text: string, nowMs: number): Leases {
  const value: unknown = JSON.parse(text)
  if (!isRecord(value) || value['version'] !== VERSION || !Array.isArray(value['drains'])) {
    throw new Error(`it is not of version ${VERSION}`)
  }
  const weights = value['weights'] ?? []
  if (!Array.isArray(weights)) throw new Error('weights is not a list')
  return {
    drains: value['drains'].map(entry => readLease(entry, nowMs)),
    weights: weights.map(entry => readWeight(entry, nowMs)),
  }
}

// ---

function readWeight(value: unknown, nowMs: number): WeightLease {
  const weight = isRecord(value) ? value['weight'] : null
  if (typeof weight !== 'number' || !Number.isInteger(weight) || weight < 0) throw new Error('a weight is not a number')
  return {...readLease(value, nowMs), weight}
}

function readLease(value: unknown, nowMs: number): Lease {
  if (!isRecord(value)) throw new Error('a lease is not an object')
  const {id, since, until, who, why} = value
  const texts = [id, since, until, who, why]
  if (!texts.every(entry => typeof entry === 'string') || Number.isNaN(Date.parse(String(until)))) {
    throw new Error('a lease lacks id, since, until, who or why')
  }
  const untilMs = Math.min(Date.parse(String(until)), nowMs + LEASE_MAX_MS)
  return {
    id: String(id),
    since: String(since),
    until: new Date(untilMs).toISOString(),
    who: String(who),
    why: String(why),
  }
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null
}
