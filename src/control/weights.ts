// Pools in which an operator's weights stand in place of those that are written.

import type {Instance, Member, Pool} from '../snapshot/snapshot.ts'
import {rotationOf} from './compile/rotation.ts'

/** The weight that an operator has given to an instance; null: none. */
export type WeightOf = (id: string) => {readonly weight: number} | null

/** The world as it is served: the very same pools where nobody has changed anything. */
export function reweigh<World extends {readonly pools: readonly Pool[]}>(world: World, weightOf: WeightOf): World {
  const pools = world.pools.map(pool => reweighPool(pool, weightOf))
  return pools.some((pool, index) => pool !== world.pools[index]) ? {...world, pools} : world
}

export function reweighPool(pool: Pool, weightOf: WeightOf): Pool {
  if (!pool.members.some(({id}) => weightOf(id) !== null)) return pool
  const seen = new Set<string>()
  const members = pool.members.map((member): Member => {
    const order = weightOf(member.id)
    // One that is written twice is one instance, and gets what was said once.
    const weight = order === null ? member.weight : seen.has(member.key) ? 0 : order.weight
    seen.add(member.key)
    return {...member, weight}
  })
  return {...pool, members, rotation: rotationOfMembers(members)}
}

/** The instances of a pool. */
export function instancesOf(pool: Pool, instances: readonly Instance[]): Instance[] {
  const named = new Set(pool.members.map(({instance}) => instance))
  return instances.filter(({key}) => named.has(key))
}

// ---

// As compile/pools.ts does it. Who is alone is asked whatever its weight.
function rotationOfMembers(members: readonly Member[]): number[] {
  if (members.length === 1) return [0]
  return rotationOf(members.map(({weight, isBackup, isDown}) => (isBackup || isDown ? 0 : weight)))
}
