// Pools and their instances, each once, however many routes share them.

import type {Balance, HashBy, Instance, Member, Pool, UpstreamTls} from '../../snapshot/snapshot.ts'
import type {Service, ServiceInstance} from '../config/types.ts'
import {rotationOf} from './rotation.ts'
import {readTarget} from './target.ts'

export type Pools = {
  /** Key of the pool of a target, which has one instance. */
  ofTarget(target: string, tls: Partial<UpstreamTls> | null): string
  /** Key of the pool of a service. */
  ofService(service: Service, tls: Partial<UpstreamTls> | null): string
  list(): Pool[]
  instances(): Instance[]
}

export function createPools(): Pools {
  const pools = new Map<string, Pool>()
  const instances = new Map<string, Instance>()

  function member(url: string, tls: Partial<UpstreamTls> | null, weight: number, isBackup: boolean): Member {
    const {instance, basePath} = readTarget(url, tls ?? {})
    instances.set(instance.key, instance)
    return {instance: instance.key, basePath, weight, isBackup}
  }

  return {
    // Routes with the same target share one pool: a hundred thousand routes to one frontend are one instance. Instances
    // that are checked differently are different ones, even at one address.
    ofTarget(target, tls) {
      if (tls === null && pools.has(target)) return target
      const only = member(target, tls, 1, false)
      const key = tls === null ? target : `${target} ${only.instance}`
      pools.set(key, {key, name: target, members: [only], balance: ROUND_ROBIN, rotation: [0]})
      return key
    },
    // A target is a URL and a slug is none, so their keys cannot meet.
    ofService(service, tls) {
      const key = service.slug
      if (pools.has(key)) return key
      const members = (service.instances ?? [])
        .map(written => (typeof written === 'string' ? {url: written} : written))
        .filter((written: ServiceInstance) => written.down !== true)
        .map(({url, weight = 1, backup = false}: ServiceInstance) => member(url, tls, weight, backup))
      const rotation = rotationOf(members.map(({weight, isBackup}) => (isBackup ? 0 : weight)))
      pools.set(key, {key, name: key, members, balance: balanceOf(service), rotation})
      return key
    },
    list: () => [...pools.values()],
    instances: () => [...instances.values()],
  }
}

// ---

const ROUND_ROBIN: Balance = {kind: 'round-robin'}

function balanceOf({balance = 'round-robin', hashBy = 'client'}: Service): Balance {
  return balance === 'hash' ? {kind: 'hash', by: hashByOf(hashBy)} : {kind: balance}
}

function hashByOf(text: string): HashBy {
  const [kind = '', name = ''] = text.split(/:(.*)/s)
  if (kind === 'header') return {kind, name: name.toLowerCase()}
  if (kind === 'cookie') return {kind, name}
  return {kind: kind === 'uri' ? 'uri' : 'client'}
}
