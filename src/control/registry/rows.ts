// Instances as the registry tells them: everybody in the pool of a service, whoever put them there.

import {isIP} from 'node:net'
import type {MemberState} from '../../snapshot/data-plane.ts'
import type {Instance, Member, Snapshot} from '../../snapshot/snapshot.ts'
import type {InstanceRow} from './api.ts'
import type {Leases} from './leases.ts'

export type RowParts = {
  readonly leases: Pick<Leases, 'get'>
  readonly memberState: (member: string) => MemberState
  readonly addressesOf: (host: string) => readonly string[]
}

/** The instances of all services; `declared` is what git says, `joined` what is served. */
export function instanceRows(declared: Snapshot | null, joined: Snapshot | null, parts: RowParts): InstanceRow[] {
  if (declared === null || joined === null) return []
  const written = new Set(declared.pools.flatMap(({members}) => members.map(({key}) => key)))
  const pools = new Map(joined.pools.map(pool => [pool.key, pool]))
  const instances = new Map(joined.instances.map(instance => [instance.key, instance]))
  return declared.services.flatMap(({slug, pool}) =>
    (pools.get(pool)?.members ?? []).flatMap(member => {
      const instance = instances.get(member.instance)
      return instance ? [rowOf(slug, member, instance, written.has(member.key), parts)] : []
    }),
  )
}

// ---

function rowOf(slug: string, member: Member, instance: Instance, isDeclared: boolean, parts: RowParts): InstanceRow {
  const {key, scheme, host, port} = instance
  const lease = isDeclared ? undefined : parts.leases.get(member.id)
  const addresses = isIP(host) === 0 ? parts.addressesOf(host) : [host]
  return {
    id: member.id,
    url: key.replace(/#.*$/, '') + member.basePath,
    scheme,
    host,
    ip: addresses[0] ?? '',
    port,
    path: member.basePath,
    slug,
    tags: lease?.tags ?? [],
    status: statusOf(member, addresses, parts.memberState(member.key)),
    lastHeartbeat: lease ? new Date(lease.heartbeatMs).toISOString() : '',
    deploymentId: lease?.deploymentId ?? '',
    source: isDeclared ? 'declared' : lease ? 'registered' : 'discovered',
  }
}

function statusOf({isDown}: Member, addresses: readonly string[], state: MemberState): InstanceRow['status'] {
  if (isDown || state.isDrained) return 'Draining'
  return state.isDown || state.isEjected || addresses.length === 0 ? 'Unreachable' : 'Healthy'
}
