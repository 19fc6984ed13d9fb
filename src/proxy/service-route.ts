// A service in service mode is a route like any other, under the prefix of its slug.

import type {ServiceRoute} from '../snapshot/snapshot.ts'
import type {WireRoute, WireService} from './messages.ts'

/** Under which a service's requests in service mode are counted; no route id has a ':'. */
export function serviceRouteId({slug}: Pick<ServiceRoute, 'slug'>): string {
  return `service:${slug}`
}

/** The route that takes /<slug> and what is below it. */
export function routeOf(service: WireService): WireRoute {
  const {slug, pool, stripSlug, timeouts, slot} = service
  const prefix = `/${slug}`
  return {
    id: serviceRouteId(service),
    host: '*',
    prefix,
    variants: [],
    action: {kind: 'forward', pool},
    mirror: null,
    retry: null,
    head: stripSlug
      ? {rewrite: {cut: prefix.length, put: ''}, host: {kind: 'preserve'}, request: null, response: null}
      : null,
    timeouts,
    slot,
  }
}
