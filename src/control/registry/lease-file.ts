// Leases on disk, so that a restart does not lose the instances that registered. Written whole, some time after a change,
// so that a thousand registrations are a few writes.

import type {Clock} from '../../base/clock.ts'
import {messageOf} from '../../base/errors.ts'
import {readTextIfExists, writeAtomic} from '../../base/files.ts'
import type {Log} from '../../base/log.ts'
import type {Lease} from './leases.ts'
import {type ReadPlace, readRegistration} from './registration.ts'

export type LeaseFile = {
  /** What was written last; nothing of what cannot be read any more. */
  read(): Promise<Lease[]>
  /** Writes what `list` returns then, within `withinMs`. Never throws: what cannot be written is said, and tried again. */
  write(list: () => readonly Lease[], withinMs: number): void
  /** Writes what is due at once. */
  close(): Promise<void>
}

const AGAIN_MS = 10_000

export function createLeaseFile(path: string, clock: Clock, log: Log, readPlace: ReadPlace): LeaseFile {
  let due: {readonly atMs: number; readonly cancel: () => void} | null = null
  let latest: (() => readonly Lease[]) | null = null
  let writing: Promise<void> = Promise.resolve()
  let hasFailed = false
  let isClosed = false

  function schedule(withinMs: number): void {
    const atMs = clock.now() + withinMs
    if (isClosed || (due !== null && due.atMs <= atMs)) return
    due?.cancel()
    due = {atMs, cancel: clock.after(withinMs, flush)}
  }

  function flush(): void {
    due?.cancel()
    due = null
    writing = writing.then(writeLatest)
  }

  async function writeLatest(): Promise<void> {
    if (latest === null) return
    const list = latest
    latest = null
    try {
      await writeAtomic(path, `${JSON.stringify({leases: list().map(written)})}\n`)
      hasFailed = false
    } catch (error) {
      if (!hasFailed) log.error('the registered instances cannot be written', {path, why: messageOf(error)})
      hasFailed = true
      latest ??= list
      schedule(AGAIN_MS)
    }
  }

  return {
    async read() {
      try {
        const text = await readTextIfExists(path)
        return text === null ? [] : leasesIn(JSON.parse(text), readPlace)
      } catch (error) {
        log.warn('the registered instances of the last run cannot be read', {path, why: messageOf(error)})
        return []
      }
    },
    write(list, withinMs) {
      latest = list
      schedule(withinMs)
    },
    async close() {
      isClosed = true
      flush()
      await writing
    },
  }
}

// ---

function written({id, slug, place, tags, deploymentId, heartbeatMs}: Lease): unknown {
  return {id, slug, heartbeatMs, registration: {url: place.url, tags, deploymentId}}
}

// As if they were registered anew: what may be registered may have changed since.
function leasesIn(document: unknown, readPlace: ReadPlace): Lease[] {
  const {leases} = Object(document) as {leases?: unknown}
  if (!Array.isArray(leases)) throw new Error('it has no list of leases')
  return leases.flatMap((entry: unknown): Lease[] => {
    const {id, slug, heartbeatMs, registration} = Object(entry) as Readonly<Record<string, unknown>>
    if (typeof id !== 'string' || typeof slug !== 'string' || typeof heartbeatMs !== 'number') return []
    try {
      return [{id, slug, heartbeatMs, ...readRegistration(registration, readPlace)}]
    } catch {
      // It is no longer allowed to be there; it will be told when it registers again.
      return []
    }
  })
}
