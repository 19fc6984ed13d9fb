// Pools and their instances, each once, however many routes share them. What was compiled stays, so that the next set has
// the very same objects for what is the same in it.

import {isDeepStrictEqual} from 'node:util'
import type {
  Balance,
  Check,
  HashBy,
  Instance,
  Keepalive,
  Member,
  Pool,
  Protocol,
  Snapshot,
  UpstreamTls,
} from '../../snapshot/snapshot.ts'
import type {Health, Route, Service, ServiceInstance} from '../config/types.ts'
import {compileCheck} from './checks.ts'
import {compileGuards} from './guards.ts'
import {compileKeepalive, DEFAULT_KEEPALIVE} from './keepalive.ts'
import {rotationOf} from './rotation.ts'
import {compileSticky} from './sticky.ts'
import {readTarget} from './target.ts'

export type Pools = {
  /** Key of the pool of a target, which has one instance. */
  ofTarget(
    target: string,
    tls: Partial<UpstreamTls> | null,
    keepalive: Keepalive,
    health?: Health | 'off' | false,
    said?: Pick<Route, 'passive' | 'circuit' | 'maxConnections' | 'queue' | 'protocol'>,
  ): string
  /** Key of the pool of a service. */
  ofService(service: Service, tls: Partial<UpstreamTls> | null): string
  /** A pool by its key. */
  partOf(key: string): PoolPart
  /** The pools of these parts with all that they name, each once, in this order; the others are forgotten. */
  assemble(parts: Iterable<PoolPart>): PartsOfPools
  list(): Pool[]
  instances(): Instance[]
  checks(): Check[]
}

export type PartsOfPools = Pick<Snapshot, 'pools' | 'instances' | 'checks'>

/** One of what snapshots are made of, and the last assembly that it was a part of. */
type Part<T> = {value: T; assembly: number}

/** A pool with what it names. */
export type PoolPart = Part<Pool> & {
  instances: readonly Part<Instance>[]
  checks: readonly Part<Check>[]
  /** What it was compiled from; of a service. */
  written: Written | null
}

type Written = {readonly service: Service; readonly tls: Partial<UpstreamTls> | null}

export function createPools(): Pools {
  const pools = new Map<string, PoolPart>()
  const instances = new Map<string, Part<Instance>>()
  const checks = new Map<string, Part<Check>>()
  let assembly = 0

  function member(
    pool: string,
    written: ServiceInstance,
    tls: Partial<UpstreamTls> | null,
    keepalive: Keepalive,
    health: Health | 'off' | false | undefined,
    protocol: Protocol,
  ): Member {
    const {url, weight = 1, backup = false, down = false} = written
    const {instance, basePath} = readTarget(url, tls ?? {}, keepalive, protocol)
    if (!instances.has(instance.key)) instances.set(instance.key, {value: instance, assembly})
    // What is marked as down gets no requests, whatever it answers.
    const check = down ? null : compileCheck(instance, health)
    if (check !== null && !checks.has(check.key)) checks.set(check.key, {value: check, assembly})
    return {
      key: `${pool} ${instance.key}${basePath}`,
      id: `${pool}@${addressIn(pool, instance.key)}${basePath}`,
      instance: instance.key,
      basePath,
      check: check?.key ?? null,
      weight,
      isBackup: backup,
      isDown: down,
    }
  }

  // A part that is there already keeps its place with those who have it, and its pool when that is the same.
  function put(key: string, pool: Pool, written: Written | null): string {
    const known = pools.get(key)
    const part = known ?? {value: pool, assembly, instances: [], checks: [], written}
    if (known && !isDeepStrictEqual(known.value, pool)) known.value = pool
    part.written = written
    part.instances = pool.members.flatMap(({instance}) => instances.get(instance) ?? [])
    part.checks = pool.members.flatMap(({check}) => (check === null ? [] : (checks.get(check) ?? [])))
    pools.set(key, part)
    return key
  }

  return {
    // Routes with the same target share one pool: a hundred thousand routes to one frontend are one instance. Instances
    // that are checked, kept or spoken to differently are different ones, even at one address, and so are pools whose health is
    // asked for, or that are guarded differently.
    ofTarget(target, tls, keepalive, health, said = {}) {
      const {guards, mark} = compileGuards(said)
      const protocol = protocolOf(said.protocol)
      const isPlain = tls === null && keepalive === DEFAULT_KEEPALIVE && protocol === 'http1'
      if (isPlain && !health && mark === '' && pools.has(target)) return target
      const only = member(target, {url: target}, tls, keepalive, health, protocol)
      const plain = isPlain ? target : `${target} ${only.instance}`
      const unguarded = only.check === null ? plain : `${target} ${only.check}`
      const key = mark === '' ? unguarded : `${unguarded} ${mark}`
      // Routes that do not ask must not see the verdict of those that do.
      const members = [only.check === null && mark === '' ? only : {...only, key}]
      return put(key, {...PLAIN, ...guards, key, name: target, members, protocol, rotation: [0]}, null)
    },
    // A target is a URL and a slug is none, so their keys cannot meet.
    ofService(service, tls) {
      const key = service.slug
      const {written} = pools.get(key) ?? {}
      if (written?.service === service && isDeepStrictEqual(written.tls, tls)) return key
      const keepalive = compileKeepalive(service.keepalive)
      const protocol = protocolOf(service.protocol)
      const members = (service.instances ?? [])
        .map(written => (typeof written === 'string' ? {url: written} : written))
        .map(written => member(key, written, tls, keepalive, service.health, protocol))
      const rotation = rotationOf(members.map(({weight, isBackup, isDown}) => (isBackup || isDown ? 0 : weight)))
      const {guards} = compileGuards(service)
      const balance = balanceOf(service)
      const sticky = compileSticky(service.sticky)
      const pool = {...PLAIN, ...guards, key, name: key, members, protocol, balance, rotation, sticky}
      return put(key, pool, {service, tls})
    },
    partOf(key) {
      const part = pools.get(key)
      if (!part) throw new Error(`there is no pool ${key}`)
      return part
    },
    assemble(parts) {
      assembly++
      const all: PartsOfPools & {pools: Pool[]; instances: Instance[]; checks: Check[]} = {
        pools: [],
        instances: [],
        checks: [],
      }
      const take = <T>(part: Part<T>, values: T[]) => {
        if (part.assembly === assembly) return false
        part.assembly = assembly
        values.push(part.value)
        return true
      }
      for (const part of parts) {
        if (!take(part, all.pools)) continue
        for (const instance of part.instances) take(instance, all.instances)
        for (const check of part.checks) take(check, all.checks)
      }
      for (const store of [pools, instances, checks]) forgetOthers(store, assembly)
      return all
    },
    list: () => [...pools.values()].map(({value}) => value),
    instances: () => [...instances.values()].map(({value}) => value),
    checks: () => [...checks.values()].map(({value}) => value),
  }
}

// ---

function forgetOthers(store: Map<string, Part<unknown>>, assembly: number): void {
  for (const [key, part] of store) if (part.assembly !== assembly) store.delete(key)
}

/** What holds of a pool unless something is written. */
const PLAIN = {
  balance: {kind: 'round-robin'},
  sticky: null,
} as const satisfies Partial<Pool>

// Ids of members differ like their keys do, and are short where nothing is lost: 'orders@10.0.0.1:8080' and
// 'orders@https://10.0.0.1:8443'. A target has its scheme, but not how it is checked.
function addressIn(pool: string, instance: string): string {
  return pool.includes('://') ? instance.replace(/^.*?:\/\//, '') : instance.replace(/^http:\/\/|#.*$/g, '')
}

// h2c or h2: which of them, the scheme of each URL says.
function protocolOf(written: Service['protocol']): Protocol {
  return written === undefined || written === 'http1' ? 'http1' : 'http2'
}

function balanceOf({balance = 'round-robin', hashBy = 'client'}: Service): Balance {
  return balance === 'hash' ? {kind: 'hash', by: hashByOf(hashBy)} : {kind: balance}
}

function hashByOf(text: string): HashBy {
  const [kind = '', name = ''] = text.split(/:(.*)/s)
  if (kind === 'header') return {kind, name: name.toLowerCase()}
  if (kind === 'cookie') return {kind, name}
  return {kind: kind === 'uri' ? 'uri' : 'client'}
}
