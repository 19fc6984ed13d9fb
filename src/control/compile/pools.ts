// Pools and their instances, each once, however many routes share them.

import type {Balance, Check, HashBy, Instance, Keepalive, Member, Pool, UpstreamTls} from '../../snapshot/snapshot.ts'
import type {Health, Route, Service, ServiceInstance} from '../config/types.ts'
import {createChecks} from './checks.ts'
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
    guarded?: Pick<Route, 'passive' | 'circuit' | 'maxConnections' | 'queue'>,
  ): string
  /** Key of the pool of a service. */
  ofService(service: Service, tls: Partial<UpstreamTls> | null): string
  list(): Pool[]
  instances(): Instance[]
  checks(): Check[]
}

export function createPools(): Pools {
  const pools = new Map<string, Pool>()
  const instances = new Map<string, Instance>()
  const checks = createChecks()

  function member(
    pool: string,
    written: ServiceInstance,
    tls: Partial<UpstreamTls> | null,
    keepalive: Keepalive,
    health: Health | 'off' | false | undefined,
  ): Member {
    const {url, weight = 1, backup = false, down = false} = written
    const {instance, basePath} = readTarget(url, tls ?? {}, keepalive)
    instances.set(instance.key, instance)
    return {
      key: `${pool} ${instance.key}${basePath}`,
      id: `${pool}@${addressIn(pool, instance.key)}${basePath}`,
      instance: instance.key,
      basePath,
      // What is marked as down gets no requests, whatever it answers.
      check: down ? null : checks.of(instance, health),
      weight,
      isBackup: backup,
      isDown: down,
    }
  }

  return {
    // Routes with the same target share one pool: a hundred thousand routes to one frontend are one instance. Instances
    // that are checked or kept differently are different ones, even at one address, and so are pools whose health is
    // asked for, or that are guarded differently.
    ofTarget(target, tls, keepalive, health, guarded = {}) {
      const {guards, mark} = compileGuards(guarded)
      const isPlain = tls === null && keepalive === DEFAULT_KEEPALIVE
      if (isPlain && !health && mark === '' && pools.has(target)) return target
      const only = member(target, {url: target}, tls, keepalive, health)
      const plain = isPlain ? target : `${target} ${only.instance}`
      const unguarded = only.check === null ? plain : `${target} ${only.check}`
      const key = mark === '' ? unguarded : `${unguarded} ${mark}`
      // Routes that do not ask must not see the verdict of those that do.
      const members = [only.check === null && mark === '' ? only : {...only, key}]
      pools.set(key, {...PLAIN, ...guards, key, name: target, members, rotation: [0]})
      return key
    },
    // A target is a URL and a slug is none, so their keys cannot meet.
    ofService(service, tls) {
      const key = service.slug
      if (pools.has(key)) return key
      const members = (service.instances ?? [])
        .map(written => (typeof written === 'string' ? {url: written} : written))
        .map(written => member(key, written, tls, compileKeepalive(service.keepalive), service.health))
      const rotation = rotationOf(members.map(({weight, isBackup, isDown}) => (isBackup || isDown ? 0 : weight)))
      const {guards} = compileGuards(service)
      pools.set(key, {
        ...PLAIN,
        ...guards,
        key,
        name: key,
        members,
        balance: balanceOf(service),
        rotation,
        sticky: compileSticky(service.sticky),
      })
      return key
    },
    list: () => [...pools.values()],
    instances: () => [...instances.values()],
    checks: () => checks.list(),
  }
}

// ---

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

function balanceOf({balance = 'round-robin', hashBy = 'client'}: Service): Balance {
  return balance === 'hash' ? {kind: 'hash', by: hashByOf(hashBy)} : {kind: balance}
}

function hashByOf(text: string): HashBy {
  const [kind = '', name = ''] = text.split(/:(.*)/s)
  if (kind === 'header') return {kind, name: name.toLowerCase()}
  if (kind === 'cookie') return {kind, name}
  return {kind: kind === 'uri' ? 'uri' : 'client'}
}
