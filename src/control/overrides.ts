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
  const drains = shelfOf<Lease>('drains', 'a drain')
  const weights = shelfOf<WeightLease>('weights', 'another weight')
  let writing: Promise<unknown> = Promise.resolve()
  let cancelExpiry = () => {}
  let closed = false

  // One change after the other, so that the file is never older than what holds.
  function inTurn<T>(work: () => Promise<T>): Promise<T> {
    const mine = writing.then(work)
    writing = mine.catch(() => {})
    return mine
  }

  async function save<L extends Lease>({kind}: Shelf<L>, next: ReadonlyMap<string, L>): Promise<void> {
    const [drained, weighed] = [[...drains.held.values()], [...weights.held.values()]]
    await writeAtomic(path, writeLeases({drains: drained, weights: weighed, [kind]: [...next.values()]}))
  }

  function hold<L extends Lease>(shelf: Shelf<L>, leases: ReadonlyMap<string, L>): void {
    shelf.held = leases
    if (closed) return
    schedule()
    onChange()
  }

  function schedule(): void {
    cancelExpiry()
    const ends = [...drains.held.values(), ...weights.held.values()].map(({until}) => Date.parse(until))
    if (ends.length === 0) return
    const waitMs = ends.reduce((least, end) => Math.min(least, end)) - clock.now()
    cancelExpiry = clock.after(Math.min(TIMER_MAX_MS, Math.max(0, waitMs)), expire)
  }

  // What has ended stays in the file until the next change: whoever reads it looks at the time.
  function expire(): void {
    schedule()
    for (const shelf of [drains, weights]) {
      const ended = [...shelf.held.values()].filter(lease => !isInForce(lease))
      if (ended.length === 0) continue
      for (const {id, who, why} of ended) log.info(`${shelf.name} has ended`, {instance: id, who, why})
      hold(shelf, new Map([...shelf.held].filter(([, lease]) => isInForce(lease))))
    }
  }

  function isInForce({until}: Lease): boolean {
    return Date.parse(until) > clock.now()
  }

  function restore<L extends Lease>(shelf: Shelf<L>, leases: readonly L[]): void {
    const valid = leases.filter(isInForce).slice(0, LEASES_MAX)
    if (valid.length === 0) return
    hold(shelf, new Map(valid.map(lease => [lease.id, lease])))
    for (const {id, until, who, why} of valid) log.info(`${shelf.name} goes on`, {instance: id, until, who, why})
  }

  function begin(id: string, {forMs, who, why}: LeaseWish): Lease {
    const nowMs = clock.now()
    return {id, since: rfc3339(nowMs), until: rfc3339(nowMs + Math.min(forMs, LEASE_MAX_MS)), who, why}
  }

  const put = <L extends Lease>(shelf: Shelf<L>, make: () => L) =>
    inTurn(async () => {
      const lease = make()
      const next = new Map(shelf.held).set(lease.id, lease)
      await save(shelf, next)
      hold(shelf, next)
      const {id, ...said} = lease
      log.info(`${shelf.name} begins`, {instance: id, ...said})
      return lease
    })

  const lift = <L extends Lease>(shelf: Shelf<L>, id: string) =>
    inTurn(async () => {
      const lease = shelf.held.get(id)
      if (lease === undefined) return null
      const next = new Map(shelf.held)
      next.delete(id)
      hold(shelf, next)
      log.info(`${shelf.name} is lifted`, {instance: id})
      await save(shelf, next)
      return lease
    })

  const find = <L extends Lease>(shelf: Shelf<L>, id: string): L | null => {
    const lease = shelf.held.get(id)
    return lease !== undefined && isInForce(lease) ? lease : null
  }

  return {
    async load() {
      try {
        const text = await readTextIfExists(path)
        if (text === null) return
        const read = readLeases(text, clock.now())
        restore(drains, read.drains)
        restore(weights, read.weights)
      } catch (error) {
        log.error('what operators ordered in an earlier run cannot be read and holds no longer', {
          file: path,
          why: messageOf(error),
        })
      }
    },
    drains: () => [...drains.held.values()].filter(isInForce),
    drainOf: id => find(drains, id),
    drain: (id, wish) => put(drains, () => begin(id, wish)),
    undrain: id => lift(drains, id),
    weights: () => [...weights.held.values()].filter(isInForce),
    weightOf: id => find(weights, id),
    weigh: (id, weight, wish) => put(weights, () => ({...begin(id, wish), weight})),
    unweigh: id => lift(weights, id),
    async close() {
      closed = true
      cancelExpiry()
      await writing
    },
  }
}

// ---

/** Leases of one kind, by the id of their instance. */
type Shelf<L extends Lease> = {readonly kind: keyof Leases; readonly name: string; held: ReadonlyMap<string, L>}

function shelfOf<L extends Lease>(kind: keyof Leases, name: string): Shelf<L> {
  return {kind, name, held: new Map()}
}

function rfc3339(ms: number): string {
  return new Date(ms).toISOString()
}
