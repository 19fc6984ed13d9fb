// What a change does to the routes: counted for the history, and route by route for the soak.

import type {Change} from '../router/diff.ts'
import type {Action, Route, Snapshot} from '../snapshot/snapshot.ts'
import type {DiffCounts} from './gitops/history.ts'
import type {Concerned} from './soak.ts'

/** Pieces of URL space. */
export function countChanges(changes: readonly Change[]): DiffCounts {
  const counts = {added: 0, removed: 0, moved: 0, changed: 0}
  for (const {kind} of changes) counts[kind]++
  return counts
}

/** The routes that have URLs now which a route had before, itself or another one. */
export function concernedBy(changes: readonly Change[], {routes, pools}: Snapshot): Concerned[] {
  const byId = new Map(routes.map(route => [route.id, route]))
  const instances = new Map(pools.map(({key, members}) => [key, members.map(({instance}) => instance)]))
  const concerned = new Map<string, Concerned>()
  for (const {before, after} of changes) {
    const route = after === null ? undefined : byId.get(after.id)
    if (before === null || route === undefined || concerned.has(route.id)) continue
    const used = poolsOf(route).flatMap(key => instances.get(key) ?? [])
    concerned.set(route.id, {id: route.id, was: before.id, instances: [...new Set(used)]})
  }
  return [...concerned.values()]
}

// ---

function poolsOf({action, variants}: Route): string[] {
  return [action, ...variants.map(variant => variant.action)].flatMap(poolsOfAction)
}

function poolsOfAction(action: Action): readonly string[] {
  switch (action.kind) {
    case 'forward':
      return [action.pool]
    case 'split':
      return action.parts.map(({pool}) => pool)
    case 'redirect':
    case 'respond':
      return []
  }
}
