// What an operator has changed by hand, each change a lease: it carries who, why and until when, survives a restart, and
// ends by itself. Known by the id of the instance, so that it holds of an instance that a reload brings back.
//
//   <state>/overrides.json     {version, drains: [{id, since, until, who, why}]}

import {join} from 'node:path'
import type {Lease} from '../admin/protocol.ts'
import type {Clock} from '../base/clock.ts'
import {messageOf} from '../base/errors.ts'
import {readTextIfExists, writeAtomic} from '../base/files.ts'
import type {Log} from '../base/log.ts'

export type Overrides = {
  /** Reads what an earlier run has left. Never throws: what cannot be read is said and holds no longer. */
  load(): Promise<void>
  /** Those that hold now, oldest first. */
  drains(): readonly Lease[]
  drainOf(id: string): Lease | null
  /** Resolves when the drain is on the disk and holds; throws what the file system throws, and then it does not hold. */
  drain(id: string, wish: DrainWish): Promise<Lease>
  /** Resolves with the lease that was lifted, null when there was none; throws like `drain`, but it is lifted all the same. */
  undrain(id: string): Promise<Lease | null>
  /** Resolves when nothing is being written any more. */
  close(): Promise<void>
}

export type DrainWish = {readonly forMs: number; readonly who: string; readonly why: string}

export type OverridesParts = {
  readonly state: string
  readonly clock: Clock
  readonly log: Log
  /** Called when a lease begins, ends or is lifted. */
  readonly onChange: () => void
}

/** Drains at one time. */
export const DRAINS_MAX = 1000
/** The longest lease; longer ones are cut. */
export const DRAIN_MAX_MS = 30 * 86_400_000

const VERSION = 1
/** A timer of Node takes 2^31 ms at the most. */
const TIMER_MAX_MS = 86_400_000

export function createOverrides({state, clock, log, onChange}: OverridesParts): Overrides {
  const path = join(state, 'overrides.json')
  let held: ReadonlyMap<string, Lease> = new Map()
  let writing: Promise<unknown> = Promise.resolve()
  let cancelExpiry = () => {}
  let closed = false

  // One change after the other, so that the file is never older than what holds.
  function inTurn<T>(work: () => Promise<T>): Promise<T> {
    const mine = writing.then(work)
    writing = mine.catch(() => {})
    return mine
  }

  async function save(leases: ReadonlyMap<string, Lease>): Promise<void> {
    await writeAtomic(path, `${JSON.stringify({version: VERSION, drains: [...leases.values()]}, null, 1)}\n`)
  }

  function hold(leases: ReadonlyMap<string, Lease>): void {
    held = leases
    if (closed) return
    schedule()
    onChange()
  }

  function schedule(): void {
    cancelExpiry()
    if (held.size === 0) return
    const nextMs = Math.min(...[...held.values()].map(({until}) => Date.parse(until)))
    cancelExpiry = clock.after(Math.min(TIMER_MAX_MS, Math.max(0, nextMs - clock.now())), expire)
  }

  // What has ended stays in the file until the next change: whoever reads it looks at the time.
  function expire(): void {
    const ended = [...held.values()].filter(lease => !isInForce(lease))
    if (ended.length === 0) {
      schedule()
      return
    }
    for (const {id, who, why} of ended) log.info('a drain has ended', {instance: id, who, why})
    hold(new Map([...held].filter(([, lease]) => isInForce(lease))))
  }

  function isInForce({until}: Lease): boolean {
    return Date.parse(until) > clock.now()
  }

  return {
    async load() {
      try {
        const text = await readTextIfExists(path)
        if (text === null) return
        const leases = readLeases(text, clock.now()).filter(isInForce).slice(0, DRAINS_MAX)
        hold(new Map(leases.map(lease => [lease.id, lease])))
        for (const {id, until, who, why} of leases) log.info('a drain goes on', {instance: id, until, who, why})
      } catch (error) {
        log.error('the drains of an earlier run cannot be read and hold no longer', {file: path, why: messageOf(error)})
      }
    },
    drains: () => [...held.values()].filter(isInForce),
    drainOf(id) {
      const lease = held.get(id)
      return lease !== undefined && isInForce(lease) ? lease : null
    },
    drain: (id, {forMs, who, why}) =>
      inTurn(async () => {
        const nowMs = clock.now()
        const untilMs = nowMs + Math.min(forMs, DRAIN_MAX_MS)
        const lease = {id, since: rfc3339(nowMs), until: rfc3339(untilMs), who, why}
        const next = new Map(held).set(id, lease)
        await save(next)
        hold(next)
        log.info('drained', {instance: id, until: lease.until, who, why})
        return lease
      }),
    undrain: id =>
      inTurn(async () => {
        const lease = held.get(id)
        if (lease === undefined) return null
        const next = new Map(held)
        next.delete(id)
        hold(next)
        log.info('no longer drained', {instance: id})
        await save(next)
        return lease
      }),
    async close() {
      closed = true
      cancelExpiry()
      await writing
    },
  }
}

// ---

function rfc3339(ms: number): string {
  return new Date(ms).toISOString()
}

// Written by this program, but perhaps by another version of it, or on a machine whose clock was wrong.
function readLeases(text: string, nowMs: number): Lease[] {
  const value: unknown = JSON.parse(text)
  if (!isRecord(value) || value['version'] !== VERSION || !Array.isArray(value['drains'])) {
    throw new Error(`it is not of version ${VERSION}`)
  }
  return value['drains'].map(entry => readLease(entry, nowMs))
}

function readLease(value: unknown, nowMs: number): Lease {
  if (!isRecord(value)) throw new Error('a drain is not an object')
  const {id, since, until, who, why} = value
  const texts = [id, since, until, who, why]
  if (!texts.every(entry => typeof entry === 'string') || Number.isNaN(Date.parse(String(until)))) {
    throw new Error('a drain lacks id, since, until, who or why')
  }
  const untilMs = Math.min(Date.parse(String(until)), nowMs + DRAIN_MAX_MS)
  return {id: String(id), since: String(since), until: rfc3339(untilMs), who: String(who), why: String(why)}
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null
}
