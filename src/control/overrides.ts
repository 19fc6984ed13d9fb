// What operators have changed by hand, each change a lease: it carries who, why and until when, survives a restart, and
// ends by itself. Known by the id of the instance, so that it holds of an instance that a reload brings back. Kept in
// <state>/overrides.json.

import {join} from 'node:path'
import type {Lease, WeightLease} from '../admin/protocol.ts'
import type {Clock} from '../base/clock.ts'
import {messageOf} from '../base/errors.ts'
import {readTextIfExists, writeAtomic} from '../base/files.ts'
import type {Log} from '../base/log.ts'
import {LEASE_MAX_MS, type Leases, readLeases, writeLeases} from './overrides-file.ts'

export type Overrides = {
  /** Reads what an earlier run has left. Never throws: what cannot be read is said and holds no longer. */
  load(): Promise<void>
  /** Those that hold now, oldest first. */
  drains(): readonly Lease[]
  drainOf(id: string): Lease | null
  /** Resolves when the drain is on the disk and holds; throws what the file system throws, and then it does not hold. */
  drain(id: string, wish: LeaseWish): Promise<Lease>
  /** Resolves with the lease that was lifted, null when there was none; throws like `drain`, but it is lifted all the same. */
  undrain(id: string): Promise<Lease | null>
  /** As for drains. */
  weights(): readonly WeightLease[]
  weightOf(id: string): WeightLease | null
  weigh(id: string, weight: number, wish: LeaseWish): Promise<WeightLease>
  unweigh(id: string): Promise<WeightLease | null>
  /** Resolves when nothing is being written any more. */
  close(): Promise<void>
}

export type LeaseWish = {readonly forMs: number; readonly who: string; readonly why: string}

export type OverridesParts = {
  readonly state: string
  readonly clock: Clock
  readonly log: Log
  /** Called when a lease begins, ends or is lifted. */
  readonly onChange: () => void
}

/** Drains at one time, and weights. */
export const LEASES_MAX = 1000

/** A timer of Node takes 2^31 ms at the most. */
const TIMER_MAX_MS = 86_400_000

export function createOverrides({state, clock, log, onChange}: OverridesParts): Overrides {
  const path = join(state, 'overrides.json')
  let held: Held = {drains: new Map(), weights: new Map()}
  /** Asked for while the file was being written; no more than the admin socket has connections. */
  let due: Order[] = []
  let writing: Promise<void> | null = null
  let cancelExpiry = () => {}
  let closed = false

  function write(change: Change, isHeld: boolean): Promise<void> {
    const {promise, resolve, reject} = Promise.withResolvers<void>()
    due.push({change, isHeld, resolve, reject})
    writing ??= writeDue()
    return promise
  }

  // What is asked for during a write goes with the next one: twenty orders at once are two writes, and two changes.
  async function writeDue(): Promise<void> {
    while (due.length > 0) {
      const orders = due
      due = []
      try {
        const {drains, weights} = changed(orders)
        await writeAtomic(path, writeLeases({drains: [...drains.values()], weights: [...weights.values()]}))
        // Made anew, because one may have ended or been lifted meanwhile.
        if (orders.some(({isHeld}) => !isHeld)) hold(changed(orders))
        for (const {resolve} of orders) resolve()
      } catch (error) {
        for (const {reject} of orders) reject(error)
      }
    }
    writing = null
  }

  function changed(orders: readonly {readonly change: Change}[]): Held {
    const draft: Draft = {drains: new Map(held.drains), weights: new Map(held.weights)}
    for (const {change} of orders) change(draft)
    return draft
  }

  function hold(next: Held): void {
    held = next
    if (closed) return
    schedule()
    onChange()
  }

  function schedule(): void {
    cancelExpiry()
    const ends = [...held.drains.values(), ...held.weights.values()].map(({until}) => Date.parse(until))
    if (ends.length === 0) return
    const waitMs = ends.reduce((least, end) => Math.min(least, end)) - clock.now()
    cancelExpiry = clock.after(Math.min(TIMER_MAX_MS, Math.max(0, waitMs)), expire)
  }

  // What has ended stays in the file until the next change: whoever reads it looks at the time.
  function expire(): void {
    schedule()
    const next = {drains: inForce(held.drains), weights: inForce(held.weights)}
    for (const kind of KINDS) {
      for (const {id, who, why} of held[kind].values()) {
        if (!next[kind].has(id)) log.info(`${NAMES[kind]} has ended`, {instance: id, who, why})
      }
    }
    if (next.drains.size < held.drains.size || next.weights.size < held.weights.size) hold(next)
  }

  function inForce<L extends Lease>(leases: ReadonlyMap<string, L>): ReadonlyMap<string, L> {
    return new Map([...leases].filter(([, lease]) => isInForce(lease)))
  }

  function isInForce({until}: Lease): boolean {
    return Date.parse(until) > clock.now()
  }

  function restore<K extends Kind>(kind: K, leases: readonly LeaseOf<K>[]): void {
    const valid = leases.filter(isInForce).slice(0, LEASES_MAX)
    if (valid.length === 0) return
    hold(changed([{change: draft => void valid.forEach(lease => void draft[kind].set(lease.id, lease))}]))
    for (const {id, until, who, why} of valid) log.info(`${NAMES[kind]} goes on`, {instance: id, until, who, why})
  }

  function begin(id: string, {forMs, who, why}: LeaseWish): Lease {
    const nowMs = clock.now()
    return {id, since: rfc3339(nowMs), until: rfc3339(nowMs + Math.min(forMs, LEASE_MAX_MS)), who, why}
  }

  async function put<K extends Kind>(kind: K, lease: LeaseOf<K>): Promise<LeaseOf<K>> {
    await write(draft => draft[kind].set(lease.id, lease), false)
    const {id, ...said} = lease
    log.info(`${NAMES[kind]} begins`, {instance: id, ...said})
    return lease
  }

  // Whoever lifts does not wait for the disk; one that is still being written is lifted behind that.
  async function lift<K extends Kind>(kind: K, id: string): Promise<LeaseOf<K> | null> {
    let lifted: LeaseOf<K> | null = held[kind].get(id) ?? null
    if (lifted === null && writing === null) return null
    const change = (draft: Draft) => {
      lifted ??= draft[kind].get(id) ?? null
      draft[kind].delete(id)
    }
    const tell = () => log.info(`${NAMES[kind]} is lifted`, {instance: id})
    const isHeld = lifted !== null
    if (isHeld) {
      hold(changed([{change}]))
      tell()
    }
    await write(change, isHeld)
    if (!isHeld && lifted !== null) tell()
    return lifted
  }

  function find<K extends Kind>(kind: K, id: string): LeaseOf<K> | null {
    const lease = held[kind].get(id)
    return lease !== undefined && isInForce(lease) ? lease : null
  }

  return {
    async load() {
      try {
        const text = await readTextIfExists(path)
        if (text === null) return
        const read = readLeases(text, clock.now())
        restore('drains', read.drains)
        restore('weights', read.weights)
      } catch (error) {
        log.error('what operators ordered in an earlier run cannot be read and holds no longer', {
          file: path,
          why: messageOf(error),
        })
      }
    },
    drains: () => [...inForce(held.drains).values()],
    drainOf: id => find('drains', id),
    drain: (id, wish) => put('drains', begin(id, wish)),
    undrain: id => lift('drains', id),
    weights: () => [...inForce(held.weights).values()],
    weightOf: id => find('weights', id),
    weigh: (id, weight, wish) => put('weights', {...begin(id, wish), weight}),
    unweigh: id => lift('weights', id),
    async close() {
      closed = true
      cancelExpiry()
      await writing
    },
  }
}

// ---

type Kind = keyof Leases
type LeaseOf<K extends Kind> = Leases[K][number]

/** By the ids of their instances. */
type Held = {readonly [K in Kind]: ReadonlyMap<string, LeaseOf<K>>}
type Draft = {readonly [K in Kind]: Map<string, LeaseOf<K>>}

type Change = (draft: Draft) => void

/** `isHeld`: it has taken effect, and only the file has to follow. */
type Order = {
  readonly change: Change
  readonly isHeld: boolean
  readonly resolve: () => void
  readonly reject: (error: unknown) => void
}

const KINDS: readonly Kind[] = ['drains', 'weights']
const NAMES = {drains: 'a drain', weights: 'another weight'} as const

function rfc3339(ms: number): string {
  return new Date(ms).toISOString()
}
