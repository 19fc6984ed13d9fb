// Instances as operators see and steer them: what the data plane knows of each, and the drains and weights that they have
// ordered. What is served here is what is written; the data plane and the rows have the weights of operators in it.

import type {
  Condition,
  DrainAnswer,
  EventBody,
  InstanceRow,
  Lease,
  Outcome,
  Refused,
  ServiceRow,
  Status,
  UndrainAnswer,
  UnweighAnswer,
  WeighAnswer,
} from '../admin/protocol.ts'
import type {Clock} from '../base/clock.ts'
import {messageOf} from '../base/errors.ts'
import type {Log} from '../base/log.ts'
import {describeMember, isService, type ListedMember, listMembers} from '../router/member-list.ts'
import {withPool} from '../router/with-pool.ts'
import type {DataPlane} from '../snapshot/data-plane.ts'
import type {Instance, Member, Pool, Snapshot} from '../snapshot/snapshot.ts'
import {nearest} from './config/suggest.ts'
import {addCondition, describeDrains, describeUnusable, describeWeights} from './instance-conditions.ts'
import {type CheckVerdict, observe} from './instance-state.ts'
import {type Change, createInstanceWatch} from './instance-watch.ts'
import {createOverrides, LEASES_MAX, type LeaseWish} from './overrides.ts'
import {instancesOf, reweigh, reweighPool} from './weights.ts'

export type Instances = {
  /** Reads the leases of an earlier run; before the first `apply`. */
  load(): Promise<void>
  /** Hands a snapshot to the data plane; what is drained or weighed differently is so from its first moment on. */
  apply(snapshot: Snapshot): Promise<void>
  /** Gives one pool other members, as DataPlane.setPool does. */
  setPool(pool: Pool, instances: readonly Instance[]): Promise<void>
  services(): ServiceRow[]
  instances(): InstanceRow[]
  /** The members of one pool, by their keys. */
  inPool(pool: string): ReadonlyMap<string, PoolMember>
  drain(id: string, wish: LeaseWish): Promise<Outcome<DrainAnswer>>
  undrain(id: string): Promise<Outcome<UndrainAnswer>>
  /** Resolves when every worker goes by the weight. */
  weigh(id: string, weight: number, wish: LeaseWish): Promise<Outcome<WeighAnswer>>
  unweigh(id: string): Promise<Outcome<UnweighAnswer>>
  /** Degraded while a service has no usable instance. */
  health(): Status['health']
  /** What operators have changed, and that it is not what the configuration says; null for nothing. */
  drift(): Condition | null
  close(): Promise<void>
}

export type PoolMember = {
  readonly row: InstanceRow
  /** Would it be picked for a request? */
  readonly isUsable: boolean
  /** Its drain; null: none. */
  readonly lease: Lease | null
}

export type InstancesParts = {
  readonly state: string
  readonly clock: Clock
  readonly log: Log
  readonly plane: Pick<
    DataPlane,
    'apply' | 'setPool' | 'setDrained' | 'memberState' | 'addressesOf' | 'instanceStats' | 'latencyOf'
  >
  /** What active health has found. */
  readonly verdictOf: (check: string) => CheckVerdict | null
  /** Gets the changes of instances, and is called without one when only health or drift are others. */
  readonly onChange: (event: EventBody | null) => void
}

/** Rows in one event. */
const EVENT_ROWS = 100

type Served = Pick<Snapshot, 'pools' | 'instances'>

export function createInstances({state, clock, log, plane, verdictOf, onChange}: InstancesParts): Instances {
  let served: Served = {pools: [], instances: []}
  /** What workers may have: what is served, after what is not yet replaced everywhere. All of it takes requests. */
  let effective: readonly Served[] = [served]
  /** Members that the data plane was told are drained. */
  let gated: ReadonlySet<string> = new Set()
  let degraded = ''
  /** Weights that the data plane was told, by id. */
  let weighed: ReadonlyMap<string, number> = new Map()
  let weighing: Promise<void> = Promise.resolve()
  const overrides = createOverrides({state, clock, log, onChange: () => followLeases()})
  const {weightOf} = overrides
  const reads = {plane, verdictOf, drainOf: overrides.drainOf, weightOf}
  const watch = createInstanceWatch({clock, observe: listed => observe(listed, reads), onChange: tell})

  // Gates are closed before the first request can come, and opened when the last one has.
  async function handOver(next: Served, send: () => Promise<void>): Promise<void> {
    const before = effective
    effective = [...before, next]
    setGates()
    try {
      await send()
      effective = effective.filter(world => !before.includes(world))
    } catch (error) {
      effective = effective.filter(world => world !== next)
      throw error
    } finally {
      served = effective.at(-1) ?? served
      setGates()
      watch.serve(asOrdered(served))
    }
  }

  function followLeases(): void {
    setGates()
    weighing = weighing
      .then(followWeights)
      .catch(error => log.error('weights could not be changed', {why: messageOf(error)}))
    onChange(null)
  }

  // Nothing is looked through while nobody has ordered anything.
  function asOrdered<World extends {readonly pools: readonly Pool[]}>(world: World): World {
    return overrides.weights().length === 0 ? world : reweigh(world, weightOf)
  }

  // Pools whose weights are others; a snapshot that comes meanwhile has them already.
  async function followWeights(): Promise<void> {
    const now = new Map(overrides.weights().map(({id, weight}) => [id, weight]))
    const before = weighed
    if (now.size === 0 && before.size === 0) return
    weighed = now
    const isOther = ({id}: Member) => now.get(id) !== before.get(id)
    const world = effective.at(-1) ?? served
    const pools = world.pools.filter(({members}) => members.some(isOther))
    await Promise.all(pools.map(pool => plane.setPool(reweighPool(pool, weightOf), instancesOf(pool, world.instances))))
    watch.serve(asOrdered(served))
  }

  // A member that is gone is forgotten, so that it does not come back drained when its lease has ended meanwhile.
  function setGates(): void {
    if (overrides.drains().length === 0 && gated.size === 0) return
    const members = effective.flatMap(({pools}) => pools.flatMap(pool => pool.members))
    const drained = new Set(members.filter(({id}) => overrides.drainOf(id) !== null).map(({key}) => key))
    for (const key of drained) if (!gated.has(key)) plane.setDrained(key, true)
    for (const key of gated) if (!drained.has(key)) plane.setDrained(key, false)
    gated = drained
  }

  function tell(changes: readonly Change[]): void {
    const unusable = describeUnusable(watch.unusable())
    const isOther = unusable !== degraded
    degraded = unusable
    if (isOther && unusable === '') log.info('every service has a usable instance again')
    else if (isOther) log.warn('requests cannot be answered', {why: unusable})
    if (changes.length > 0) {
      const changed = changes.slice(0, EVENT_ROWS).map(rowOf)
      onChange({type: 'instances', changed, more: changes.length - changed.length})
    }
    if (isOther) onChange(null)
  }

  function rowOf([listed, {state, reason}]: Change): InstanceRow {
    const {inFlight, requests, errors} = plane.instanceStats(listed.instance.key)
    const {meanMs} = plane.latencyOf(listed.instance.key)
    const latencyMs = meanMs === null ? null : Math.round(meanMs * 1000) / 1000
    const lastChange = watch.lastChangeOf(listed.member.key)
    const configuredWeight = writtenWeightOf(listed)
    return {
      ...describeMember(listed),
      configuredWeight,
      state,
      inFlight,
      requests,
      errors,
      latencyMs,
      lastChange,
      reason,
    }
  }

  function writtenWeightOf({pool, member}: ListedMember): number {
    if (weightOf(member.id) === null) return member.weight
    const written = served.pools.find(({key}) => key === pool.key)?.members.find(({key}) => key === member.key)
    return written?.weight ?? member.weight
  }

  function usableOf(service: string): number {
    return watch.observeAll().filter(([{pool}, {isUsable}]) => isUsable && pool.name === service).length
  }

  return {
    load: () => overrides.load(),
    apply: snapshot => handOver(snapshot, () => plane.apply(asOrdered(snapshot))),
    setPool: (pool, instances) =>
      handOver(withPool(effective.at(-1) ?? served, pool, instances), () =>
        plane.setPool(reweighPool(pool, weightOf), instances),
      ),
    services() {
      const observed = Map.groupBy(watch.observeAll(), ([{pool}]) => pool)
      return served.pools.filter(isService).map(pool => {
        const members = observed.get(pool) ?? []
        const usable = members.filter(([, {isUsable}]) => isUsable).length
        return {slug: pool.name, balance: pool.balance.kind, instances: members.length, usable}
      })
    },
    instances: () => watch.observeAll().map(rowOf),
    inPool(key) {
      const members = new Map<string, PoolMember>()
      for (const change of watch.observePool(key)) {
        const [{member}, {isUsable}] = change
        members.set(member.key, {row: rowOf(change), isUsable, lease: overrides.drainOf(member.id)})
      }
      return members
    },
    async drain(id, wish) {
      const all = listMembers(served)
      const listed = all.find(({member}) => member.id === id)
      if (listed === undefined) return unknown(id, all.map(idOf))
      if (overrides.drainOf(id) === null && overrides.drains().length >= LEASES_MAX) {
        return tooMany(`${LEASES_MAX} instances are drained already; undrain others first`)
      }
      try {
        const lease = await overrides.drain(id, wish)
        const service = listed.pool.name
        return {answer: {...lease, service, usable: usableOf(service)}}
      } catch (error) {
        return unwritable(`'${id}' is not drained, because a restart would forget it`, error)
      }
    },
    async undrain(id) {
      const known = [...listMembers(served).map(idOf), ...overrides.drains().map(lease => lease.id)]
      if (!known.includes(id)) return unknown(id, known)
      try {
        return {answer: {id, lifted: await overrides.undrain(id)}}
      } catch (error) {
        return unwritable(`'${id}' is not drained any more, but would be after a restart`, error)
      }
    },
    async weigh(id, weight, wish) {
      const all = listMembers(served)
      const listed = all.find(({member}) => member.id === id)
      if (listed === undefined) return unknown(id, all.map(idOf))
      if (weightOf(id) === null && overrides.weights().length >= LEASES_MAX) {
        return tooMany(`${LEASES_MAX} instances have another weight already; unweigh others first`)
      }
      try {
        const lease = await overrides.weigh(id, weight, wish)
        await weighing
        const service = listed.pool.name
        return {answer: {...lease, configuredWeight: listed.member.weight, service, usable: usableOf(service)}}
      } catch (error) {
        return unwritable(`'${id}' has its weight, because a restart would forget another`, error)
      }
    },
    async unweigh(id) {
      const known = [...listMembers(served).map(idOf), ...overrides.weights().map(lease => lease.id)]
      if (!known.includes(id)) return unknown(id, known)
      try {
        const lifted = await overrides.unweigh(id)
        await weighing
        return {answer: {id, lifted}}
      } catch (error) {
        return unwritable(`'${id}' has its own weight again, but would not after a restart`, error)
      }
    },
    health() {
      const message = describeUnusable(watch.unusable())
      return {state: message === '' ? 'Healthy' : 'Degraded', message}
    },
    drift() {
      const [drains, weights] = [overrides.drains(), overrides.weights()]
      if (drains.length + weights.length === 0) return null
      const ids = new Set(listMembers(served).map(idOf))
      const isThere = (id: string) => ids.has(id)
      const drained = drains.length === 0 ? [] : [describeDrains(drains, isThere)]
      return addCondition(drained, weights.length === 0 ? null : describeWeights(weights, isThere))[0] ?? null
    },
    async close() {
      watch.close()
      await overrides.close()
      await weighing
    },
  }
}

// ---

function idOf({member}: ListedMember): string {
  return member.id
}

function unknown(id: string, known: readonly string[]): {refused: Refused} {
  return {refused: {status: 404, code: 'not-found', message: `there is no instance '${id}'${hintFor(id, known)}`}}
}

function tooMany(message: string): {refused: Refused} {
  return {refused: {status: 409, code: 'too-many', message}}
}

function unwritable(what: string, error: unknown): {refused: Refused} {
  return {refused: {status: 503, code: 'state-unwritable', message: `${what}: ${messageOf(error)}`}}
}

// Only a whole id names an instance: an address may be that of several services.
function hintFor(id: string, known: readonly string[]): string {
  const there = known.filter(other => other.endsWith(`@${id}`))
  if (there.length > 1) return `; ${there.join(' and ')} are there: name one of them`
  const guess = there[0] ?? nearest(id, known)
  return guess ? `; did you mean ${guess}?` : ''
}
