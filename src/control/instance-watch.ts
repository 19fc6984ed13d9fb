// Notices when instances change their state. Workers write states into shared memory and tell nobody, so they are looked at:
// all of a small configuration at every turn, a part of a large one, so that looking costs 1 to 2 % of a core at the most.

import type {InstanceState} from '../admin/protocol.ts'
import type {Clock} from '../base/clock.ts'
import {listChanges} from '../base/list-changes.ts'
import {type ListedMember, membersOf} from '../router/member-list.ts'
import type {Instance, Pool, Snapshot} from '../snapshot/snapshot.ts'
import type {Observed} from './instance-state.ts'

export type Change = readonly [ListedMember, Observed]

export type InstanceWatch = {
  /** What is looked at from now on. */
  serve(snapshot: Pick<Snapshot, 'pools' | 'instances'>): void
  /** Every instance, as it is now. */
  observeAll(): Change[]
  /** Those of one pool. */
  observePool(key: string): Change[]
  /** RFC 3339; null when it was up from the first look on. */
  lastChangeOf(member: string): string | null
  /** Pools without a usable instance, by key. Of a large configuration as of the last look. */
  unusable(): readonly Pool[]
  close(): void
}

export type InstanceWatchParts = {
  readonly clock: Clock
  readonly observe: (listed: ListedMember) => Observed
  /** What has changed since it was called last, at most once in LOOK_MS; `unusable` may be another then, too. */
  readonly onChange: (changes: readonly Change[]) => void
}

const LOOK_MS = 250
/** Instances that are looked at in one turn: 2 to 4 ms. */
const LOOK_AT = 2000

export function createInstanceWatch({clock, observe, onChange}: InstanceWatchParts): InstanceWatch {
  let pools: readonly Pool[] = []
  let served: readonly Instance[] = []
  const instances = new Map<string, Instance>()
  let isSmall = true
  let turn = 0
  // Most are up and have always been: nothing is kept of them.
  const noted = new Map<string, {readonly state: InstanceState; readonly sinceMs: number}>()
  const without = new Map<string, Pool>()
  let changes = new Map<string, Change>()
  let wasWithout = ''
  let cancel = clock.after(LOOK_MS, look)

  function look(): void {
    const {length} = pools
    for (let seen = 0, count = 0; seen < LOOK_AT && count < length; count++) {
      turn = (turn + 1) % length
      const pool = pools[turn]
      if (pool) seen += observePool(pool).length
    }
    tell()
    cancel = clock.after(LOOK_MS, look)
  }

  function tell(): void {
    const nowWithout = [...without.keys()].join()
    if (changes.size === 0 && nowWithout === wasWithout) return
    const told = [...changes.values()]
    changes = new Map()
    wasWithout = nowWithout
    onChange(told)
  }

  function observePool(pool: Pool): Change[] {
    const seen = membersOf(pool, instances).map((listed): Change => [listed, observe(listed)])
    seen.forEach(note)
    if (seen.some(([, {isUsable}]) => isUsable)) without.delete(pool.key)
    else without.set(pool.key, pool)
    return seen
  }

  function note(change: Change): void {
    const [{member}, {state}] = change
    if (state === (noted.get(member.key)?.state ?? 'up')) return
    noted.set(member.key, {state, sinceMs: clock.now()})
    changes.set(member.key, change)
  }

  return {
    serve(snapshot) {
      pools = snapshot.pools
      const {gone, come} = listChanges(served, snapshot.instances, ({key}) => key, Object.is)
      for (const {key} of gone) instances.delete(key)
      for (const instance of come) instances.set(instance.key, instance)
      served = snapshot.instances
      isSmall = pools.reduce((count, pool) => count + pool.members.length, 0) <= LOOK_AT
      forgetOthers(noted, () => pools.flatMap(pool => pool.members))
      forgetOthers(without, () => pools)
    },
    observeAll: () => pools.flatMap(observePool),
    observePool: key => pools.filter(pool => pool.key === key).flatMap(observePool),
    lastChangeOf(member) {
      const since = noted.get(member)
      return since === undefined ? null : new Date(since.sinceMs).toISOString()
    },
    unusable() {
      if (isSmall) pools.forEach(observePool)
      return [...without.values()]
    },
    close: () => cancel(),
  }
}

// ---

function forgetOthers(kept: Map<string, unknown>, named: () => readonly {readonly key: string}[]): void {
  if (kept.size === 0) return
  const keys = new Set(named().map(({key}) => key))
  for (const key of kept.keys()) if (!keys.has(key)) kept.delete(key)
}
