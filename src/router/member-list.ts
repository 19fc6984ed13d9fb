// The members of pools in words for lists: what is written of them, the same for a daemon and without one.

import type {Instance, Member, Pool, Snapshot} from '../snapshot/snapshot.ts'

/** A member with the pool and the instance it is made of. */
export type ListedMember = {readonly pool: Pool; readonly member: Member; readonly instance: Instance}

/** Every member once, in the order of the pools; one that is written twice is one instance. */
export function listMembers({pools, instances}: Pick<Snapshot, 'pools' | 'instances'>): ListedMember[] {
  const byKey = new Map(instances.map(instance => [instance.key, instance]))
  return pools.flatMap(pool => membersOf(pool, byKey))
}

/** The members of one pool, each once. */
export function membersOf(pool: Pool, instances: ReadonlyMap<string, Instance>): ListedMember[] {
  const seen = new Set<string>()
  const listed: ListedMember[] = []
  for (const member of pool.members) {
    const instance = instances.get(member.instance)
    if (!instance || seen.has(member.key)) continue
    seen.add(member.key)
    listed.push({pool, member, instance})
  }
  return listed
}

/** A target is a URL and a slug is none. */
export function isService(pool: Pool): boolean {
  return !pool.key.includes('://')
}

/** What is written of a member: the columns of a list that need no daemon. */
export function describeMember({pool, member}: ListedMember) {
  const {id, weight, basePath, instance} = member
  return {id, service: pool.name, url: instance.replace(/#.*$/, '') + basePath, weight}
}
