// Routes as they were compiled last, so that a reload compiles what is written anew and nothing else. What has not changed
// is known by its place in the Config, which the loader keeps for files that say the same.

import {hash} from 'node:crypto'
import type {Route} from '../../snapshot/snapshot.ts'
import type {Placed} from '../config/config.ts'
import type {Route as Written} from '../config/types.ts'
import type {PoolPart} from './pools.ts'

/** A route with the pools that it names, in the order in which it does. */
export type Unit = {
  readonly route: Route
  readonly pools: readonly PoolPart[]
  /** Stands for what the route does, wherever it is written. */
  readonly digest: string
}

export type Units = {
  /** The routes in the order of their ids; those that it did not have the last time are compiled. */
  update(
    written: readonly Placed<Written>[],
    compileOne: (placed: Placed<Written>) => Omit<Unit, 'digest'>,
  ): readonly Unit[]
}

export function createUnits(): Units {
  const known = new Map<Placed<Written>, Kept>()
  let sorted: readonly Kept[] = []
  let round = 0
  return {
    update(written, compileOne) {
      round++
      const added: Kept[] = []
      for (const placed of written) {
        const before = known.get(placed)
        if (before && !hasReferences(placed.value)) {
          before.round = round
          continue
        }
        const one = compileOne(placed)
        const kept = {...one, digest: digestOf(one.route), placed, round}
        known.set(placed, kept)
        added.push(kept)
      }
      sorted = merged(
        sorted.filter(kept => kept.round === round && known.get(kept.placed) === kept),
        added.sort(byId),
      )
      if (known.size > sorted.length) {
        for (const [placed, kept] of known) if (kept.round !== round) known.delete(placed)
      }
      return sorted
    },
  }
}

// ---

type Kept = Unit & {readonly placed: Placed<Written>; round: number}

// What stands behind a reference may be another text than before.
function hasReferences({upstreamTls = {}}: Written): boolean {
  return upstreamTls.ca !== undefined || upstreamTls.cert !== undefined || upstreamTls.key !== undefined
}

// Where a route stands does not change what it does: a new comment is not a new configuration. Pools of targets are known by
// keys that say all of them.
function digestOf({source: _, ...route}: Route): string {
  return hash('sha256', JSON.stringify(route), 'latin1')
}

function byId({route: a}: Unit, {route: b}: Unit): number {
  return a.id < b.id ? -1 : a.id > b.id ? 1 : 0
}

function merged(kept: readonly Kept[], added: readonly Kept[]): readonly Kept[] {
  if (added.length === 0) return kept
  if (kept.length === 0) return added
  const all: Kept[] = []
  let from = 0
  for (const one of added) {
    while (from < kept.length) {
      const next = kept[from]
      if (next === undefined || byId(next, one) > 0) break
      all.push(next)
      from++
    }
    all.push(one)
  }
  while (from < kept.length) {
    const next = kept[from++]
    if (next) all.push(next)
  }
  return all
}
