// Instances that are not written in git: those that registered and those that DNS names. They join the pool of their service
// beside the declared ones; a reload starts from the declared ones and joins them anew, a change of theirs gives one pool
// other members and touches nothing else.

import {isDeepStrictEqual} from 'node:util'
import type {Clock} from '../base/clock.ts'
import {messageOf} from '../base/errors.ts'
import type {Log} from '../base/log.ts'
import type {DataPlane} from '../snapshot/data-plane.ts'
import type {Discovery, Snapshot} from '../snapshot/snapshot.ts'
import {type Joined, type Joining as JoiningInstance, joinService, urlOf, withJoined} from './compile/services.ts'
import type {Health} from './health/health.ts'
import {readPlace} from './place.ts'
import {createDiscoverer} from './registry/discover.ts'
import type {Leases} from './registry/leases.ts'
import type {Resolver} from './registry/resolve.ts'
import type {ServableSet} from './verdict.ts'

export type Joining = {
  /** Resolver.watch for the declared names; those of the instances that join are kept besides. */
  watch(hosts: readonly string[]): Promise<void>
  /** Before a set is joined: looks up what it discovers and the names of its instances, for some seconds at the most. */
  prepare(set: ServableSet): Promise<void>
  /** What the workers are to serve of a set, from now on. To be handed over in the same turn. */
  join(set: ServableSet): Snapshot
  /** What is served, with everybody who has joined; null before the first set. */
  snapshot(): Snapshot | null
  /** The registered instances of a service are others than before. */
  changed(slug: string): void
  /** Resolves when the workers have what has changed until now, and the addresses of its names. */
  settled(): Promise<void>
  /** CIDRs that nobody may be at from now on. */
  setDenied(denyTargets: readonly string[]): void
  close(): void
}

export type JoiningParts = {
  readonly clock: Clock
  readonly log: Log
  readonly denyTargets: readonly string[]
  readonly plane: Pick<DataPlane, 'setPool'>
  readonly resolver: Pick<Resolver, 'watch'>
  readonly leases: Pick<Leases, 'of'>
  /** DNS servers in place of the system's; for tests. */
  readonly servers?: readonly string[]
  readonly health: Pick<Health, 'prepare' | 'watch'>
}

export function createJoining(parts: JoiningParts): Joining {
  const {clock, log, denyTargets, plane, resolver, leases, health, servers} = parts
  let read = readPlace(denyTargets)
  const discoverer = createDiscoverer({clock, log, denyTargets, onChange, ...(servers ? {servers} : {})})
  let current: ServableSet | null = null
  let joined: Snapshot | null = null
  let declaredHosts: readonly string[] = []
  const due = new Set<string>()
  let settling: Promise<void> = Promise.resolve()
  let naming: Promise<void> = Promise.resolve()

  function onChange(discovery: Discovery): void {
    for (const {slug, discover} of current?.snapshot.services ?? []) {
      if (discover !== null && isDeepStrictEqual(discover, discovery)) changed(slug)
    }
  }

  // Whatever changes in one turn is one change.
  function changed(slug: string): void {
    due.add(slug)
    if (due.size === 1) settling = settling.then(settle)
  }

  async function settle(): Promise<void> {
    const slugs = [...due]
    due.clear()
    try {
      await Promise.all(slugs.map(replace))
    } catch (error) {
      log.error('the instances of a service could not be replaced', {slugs, why: messageOf(error)})
    }
  }

  async function replace(slug: string): Promise<void> {
    const next = current === null ? null : joinedOf(current, slug)
    const before = joined?.pools.find(({key}) => key === next?.pool.key)
    if (joined === null || next === null || isDeepStrictEqual(before, next.pool)) return
    joined = withJoined(joined, [next])
    health.prepare(joined)
    const {pool, instances} = next
    log.info('the instances of a service have changed', {service: slug, instances: pool.members.length})
    // A name that DNS is slow to answer must not keep the next change waiting.
    naming = resolver.watch(hostsOf(current))
    await plane.setPool(pool, instances)
    // Others may have come and gone meanwhile.
    health.watch(joined)
  }

  function joinedOf({config, references, snapshot}: ServableSet, slug: string): Joined | null {
    const service = config.services.find(({value}) => value.slug === slug)
    const route = snapshot.services.find(other => other.slug === slug)
    if (!service || !route) return null
    return joinService(service, references, joiningOf(route))
  }

  function joiningOf({slug, register, discover}: Snapshot['services'][number]): JoiningInstance[] {
    const registered = register ? leases.of(slug).map(({place}) => ({url: place.url, weight: 1, backup: false})) : []
    const discovered =
      discover === null
        ? []
        : discoverer.found(discover).map(({host, port, weight, isBackup}) => ({
            url: urlOf(discover.scheme, host, port),
            weight,
            backup: isBackup,
          }))
    return [...registered, ...discovered].filter(({url}) => !('problem' in read(url)))
  }

  function snapshotOf(set: ServableSet): Snapshot {
    const open = set.snapshot.services.filter(({register, discover}) => register || discover !== null)
    const others = open.flatMap(({slug}) => joinedOf(set, slug) ?? [])
    return withJoined(set.snapshot, others)
  }

  function hostsOf(...sets: readonly (ServableSet | null)[]): string[] {
    const services = sets.flatMap(set => set?.snapshot.services ?? [])
    const joining = services.flatMap(joiningOf).map(({url}) => read(url))
    return [...declaredHosts, ...joining.flatMap(place => ('host' in place ? [place.host] : []))]
  }

  return {
    watch(hosts) {
      declaredHosts = hosts
      return resolver.watch(hostsOf(current))
    },
    async prepare(set) {
      await discoverer.watch([...discoveriesOf(set), ...discoveriesOf(current)])
      await resolver.watch(hostsOf(current, set))
    },
    join(set) {
      current = set
      void discoverer.watch(discoveriesOf(set))
      joined = snapshotOf(set)
      return joined
    },
    snapshot: () => joined,
    changed,
    settled: () => settling.then(() => naming),
    setDenied(next) {
      read = readPlace(next)
      discoverer.setDenied(next)
      for (const {slug} of current?.snapshot.services ?? []) changed(slug)
    },
    close: () => discoverer.close(),
  }
}

// ---

function discoveriesOf(set: ServableSet | null): Discovery[] {
  return (set?.snapshot.services ?? []).flatMap(({discover}) => (discover === null ? [] : [discover]))
}
