// Which services change in service mode, where the first segment of the path names them.

import type {ServiceRoute, Snapshot} from '../snapshot/snapshot.ts'
import {destinationOf} from './destination.ts'
import type {Change, Side} from './diff.ts'
import {poolWords} from './diff-note.ts'
import {isSameRoute, type PoolIndex} from './route-content.ts'

/** One change for each service that came, went or is served otherwise, by slug; its space is 'service:<slug>'. */
export function diffServices(before: Snapshot, after: Snapshot, old: PoolIndex, now: PoolIndex): Change[] {
  const [was, is] = [bySlug(before), bySlug(after)]
  return [...new Set([...was.keys(), ...is.keys()])].sort().flatMap(slug => {
    const [a, b] = [was.get(slug) ?? null, is.get(slug) ?? null]
    if (a && b && isSameRoute(a, b, old, now)) return []
    const kind = a === null ? 'added' : b === null ? 'removed' : 'changed'
    return [{kind, space: spaceOf(slug), before: sideOf(a), after: sideOf(b), flags: [], note: noteOf(a, b, old, now)}]
  })
}

// ---

function bySlug({services}: Snapshot): Map<string, ServiceRoute> {
  return new Map(services.map(service => [service.slug, service]))
}

// No host has a ':'.
function spaceOf(slug: string): string {
  return `service:${slug}`
}

function sideOf(service: ServiceRoute | null): Side | null {
  if (service === null) return null
  const {destination} = destinationOf({kind: 'forward', pool: service.pool})
  return {id: spaceOf(service.slug), destination, ...service.source}
}

function noteOf(a: ServiceRoute | null, b: ServiceRoute | null, old: PoolIndex, now: PoolIndex): string {
  if (a === null) return 'service mode knew no such slug: 404'
  if (b === null) return 'service mode knows no such slug any more: 404'
  const keys = Object.keys({...a, ...b}) as (keyof ServiceRoute)[]
  const others = keys.filter(key => key !== 'source' && JSON.stringify(a[key]) !== JSON.stringify(b[key]))
  return [...others, ...poolWords(a, b, old, now)].join(', ')
}
