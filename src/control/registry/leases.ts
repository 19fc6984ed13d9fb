// Instances that registered themselves. Each is a lease: it lasts for the ttl, is renewed by registering again and by a
// health check that passes, and expires otherwise. Leases survive a restart for what is left of their ttl.
//
// Age is counted by looking at the clock every second and believing no more than two at a time: a clock that is set, a
// machine that slept or a process that was stopped must not let everything expire before anybody could have renewed.

import type {Clock} from '../../base/clock.ts'
import type {LeaseFile} from './lease-file.ts'
import {RegistryRefusal} from './refusal.ts'
import type {Place, Registration} from './registration.ts'

export type Lease = Registration & {
  /** As operators call the instance: 'orders@10.0.0.1:8080'. */
  readonly id: string
  readonly slug: string
  /** When it was last renewed, by the clock on the wall. */
  readonly heartbeatMs: number
}

export type Leases = {
  /** Takes up what the last run has left. */
  load(): Promise<void>
  /** A new lease, or the same one renewed when the service has one for that place. Throws RegistryRefusal at a bound. */
  put(slug: string, registration: Registration): Lease
  /** False when there is none. */
  remove(id: string): boolean
  /** An instance was found well, by its key in the snapshot: renews what is registered there. */
  renew(instance: string): void
  of(slug: string): readonly Lease[]
  get(id: string): Lease | undefined
  /** Writes what has not been written yet. */
  /** Of what is registered or renewed from now on. */
  setTtl(ttlMs: number): void
  close(): Promise<void>
}

export type LeasesParts = {
  readonly clock: Clock
  readonly ttlMs: number
  readonly file: LeaseFile
  /** The instances of a service are others than before. */
  readonly onChange: (slug: string) => void
}

const SWEEP_MS = 1_000
/** Of one service, and of all. */
const PER_SLUG_MAX = 1_000
const ALL_MAX = 10_000
/** How long a change may wait to be written; a mere renewal may wait longer, but not for most of a lease. */
const WRITE_CHANGE_MS = 200
const WRITE_RENEWAL_MS = 5_000
const WRITE_RENEWAL_SHARE = 0.25

type Held = {lease: Lease; expiresMs: number}

export function createLeases({clock, file, onChange, ...parts}: LeasesParts): Leases {
  let {ttlMs} = parts
  const held = new Map<string, Held>()
  const byInstance = new Map<string, Set<string>>()
  const renewalMs = () => Math.min(WRITE_RENEWAL_MS, ttlMs * WRITE_RENEWAL_SHARE)
  let ageMs = 0
  let seenMs = clock.now()
  let cancelSweep = clock.after(SWEEP_MS, sweep)

  /** Time that has been counted; runs with the clock but for its jumps. */
  function countedMs(): number {
    const nowMs = clock.now()
    ageMs += Math.min(Math.max(nowMs - seenMs, 0), 2 * SWEEP_MS)
    seenMs = nowMs
    return ageMs
  }

  function sweep(): void {
    const nowMs = countedMs()
    const slugs = new Set<string>()
    for (const [id, {lease, expiresMs}] of held) {
      if (expiresMs > nowMs) continue
      forget(id)
      slugs.add(lease.slug)
    }
    for (const slug of slugs) changed(slug)
    cancelSweep = clock.after(SWEEP_MS, sweep)
  }

  function hold(lease: Lease, leftMs: number): void {
    forget(lease.id)
    held.set(lease.id, {lease, expiresMs: countedMs() + leftMs})
    const key = originOf(lease.place)
    byInstance.set(key, (byInstance.get(key) ?? new Set()).add(lease.id))
  }

  function forget(id: string): void {
    const before = held.get(id)
    if (!before) return
    held.delete(id)
    const key = originOf(before.lease.place)
    const ids = byInstance.get(key)
    ids?.delete(id)
    if (ids?.size === 0) byInstance.delete(key)
  }

  function changed(slug: string): void {
    file.write(list, WRITE_CHANGE_MS)
    onChange(slug)
  }

  function list(): Lease[] {
    return [...held.values()].map(({lease}) => lease)
  }

  function of(slug: string): Lease[] {
    return list().filter(lease => lease.slug === slug)
  }

  return {
    async load() {
      for (const lease of (await file.read()).slice(0, ALL_MAX)) {
        // A heartbeat that is yet to come was written by a clock that went wrong.
        const leftMs = ttlMs - Math.max(0, clock.now() - lease.heartbeatMs)
        if (leftMs > 0) hold(lease, leftMs)
      }
    },
    put(slug, registration) {
      const id = idOf(slug, registration.place)
      const before = held.get(id)?.lease
      if (!before && held.size >= ALL_MAX) throw full(`${ALL_MAX} instances are registered`)
      if (!before && of(slug).length >= PER_SLUG_MAX) throw full(`${slug} has ${PER_SLUG_MAX} registered instances`)
      const lease: Lease = {...registration, id, slug, heartbeatMs: clock.now()}
      hold(lease, ttlMs)
      if (before?.place.url === lease.place.url) file.write(list, renewalMs())
      else changed(slug)
      return lease
    },
    remove(id) {
      const before = held.get(id)
      if (!before) return false
      forget(id)
      changed(before.lease.slug)
      return true
    },
    renew(instance) {
      for (const id of byInstance.get(instance.replace(/#.*$/, '')) ?? []) {
        const found = held.get(id)
        if (!found) continue
        found.lease = {...found.lease, heartbeatMs: clock.now()}
        found.expiresMs = countedMs() + ttlMs
        file.write(list, renewalMs())
      }
    },
    of,
    get: id => held.get(id)?.lease,
    setTtl(next) {
      ttlMs = next
    },
    async close() {
      cancelSweep()
      await file.close()
    },
  }
}

// ---

function idOf(slug: string, {url}: Place): string {
  return `${slug}@${url.replace(/^.*:\/\//, '')}`
}

function originOf({url, path}: Place): string {
  return url.slice(0, url.length - path.length)
}

function full(why: string): RegistryRefusal {
  return new RegistryRefusal(409, 'too-many-instances', `${why}, which is as many as may be`)
}
