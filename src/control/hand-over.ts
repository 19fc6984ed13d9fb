// A set that may be served takes the place of another, everywhere: names resolved, certificates there, instances joined,
// health known, and then the data plane. What fails before the last of it leaves the old one whole.

import {isIP} from 'node:net'
import {messageOf} from '../base/errors.ts'
import type {DataPlane} from '../snapshot/data-plane.ts'
import type {Snapshot} from '../snapshot/snapshot.ts'
import type {Conditions} from './conditions.ts'
import type {Health} from './health/health.ts'
import type {Joining} from './joining.ts'
import type {Resolver} from './registry/resolve.ts'
import type {ServableSet} from './verdict.ts'

export type HandOverParts = {
  readonly plane: Pick<DataPlane, 'apply'>
  readonly resolver: Pick<Resolver, 'watch'>
  readonly health: Pick<Health, 'prepare' | 'watch'>
  /** Adds the instances that are not written in routes.d. */
  readonly joining?: Pick<Joining, 'prepare' | 'join' | 'snapshot'>
  /** Without it nobody has to have a certificate. */
  readonly certificates?: {prepare(next: ServableSet): Promise<void>; watch(now: ServableSet): Promise<void>}
}

export type HandOver = {
  /**
   * Serves `next` in place of `served`; rejects with what went wrong, and then `served` is served as before. `onServed` is
   * called the moment `next` is what every worker serves.
   */
  apply(next: ServableSet, served: ServableSet | null, onServed: () => void): Promise<void>
  /** What is served stays; the settings that it is served with are others. */
  renew(served: ServableSet): Promise<void>
}

export function createHandOver(parts: HandOverParts, conditions: Conditions): HandOver {
  const {plane, resolver, health, joining, certificates} = parts
  return {
    async apply(next, served, onServed) {
      const hosts = hostsOf(next.snapshot)
      // The names of both worlds are resolved until the new one is everywhere.
      await resolver.watch([...hosts, ...(served === null ? [] : hostsOf(served.snapshot))])
      await certificates?.prepare(next)
      await joining?.prepare(next)
      // Joined and handed over in one turn, so that nobody joins between.
      const world = joining?.join(next) ?? next.snapshot
      health.prepare(world)
      try {
        await plane.apply(world)
      } catch (error) {
        if (served !== null) {
          health.watch(served.snapshot)
          await certificates?.watch(served)
        }
        conditions.put('ApplyFailed', {reason: 'Thrown', message: messageOf(error), revision: next.snapshot.revision})
        throw error
      }
      conditions.put('ApplyFailed', null)
      onServed()
      health.watch(joining?.snapshot() ?? next.snapshot)
      await certificates?.watch(next)
      await resolver.watch(hosts)
    },
    async renew(served) {
      await certificates?.watch(served)
    },
  }
}

// ---

/** Of snapshots that are looked at more than once. */
const hostsKnown = new WeakMap<Snapshot, readonly string[]>()

// Names only: an address is its own answer.
function hostsOf(snapshot: Snapshot): readonly string[] {
  let hosts = hostsKnown.get(snapshot)
  if (hosts === undefined) {
    hosts = [...new Set(snapshot.instances.flatMap(({host}) => (isIP(host) === 0 ? [host] : [])))]
    hostsKnown.set(snapshot, hosts)
  }
  return hosts
}
