// Config → Snapshot: everything that can be decided before a request comes is decided here. Pure and synchronous: no
// clock, no files, no network. The Config is known to be valid, so nothing can fail but a bug.

import {createHash} from 'node:crypto'
import {normalizeId} from '../../base/route-id.ts'
import type {Action, ForwardHeaders, Route, Snapshot} from '../../snapshot/snapshot.ts'
import type {Config, Placed} from '../config/config.ts'
import type {References} from '../config/references.ts'
import type {Service, Route as Written} from '../config/types.ts'
import {compileRedirect, compileRespond} from './answer.ts'
import {compileHead} from './head.ts'
import {compileKeepalive} from './keepalive.ts'
import {createPools, type Pools} from './pools.ts'
import {compileRetry} from './retry.ts'
import {createTimeouts} from './timeouts.ts'
import {compileUpstreamTls} from './upstream-tls.ts'

export type CompileOptions = {
  readonly revision: string
  readonly forward: ForwardHeaders
  /** Texts of the certificates and keys that the configuration refers to. */
  readonly references: References
}

/** The snapshot of a valid configuration; routes in the order of their ids, so that the same set compiles to the same bytes. */
export function compile(config: Config, options: CompileOptions): Snapshot {
  const pools = createPools()
  const services = new Map(config.services.map(placed => [placed.value.slug, placed]))
  const timeouts = createTimeouts()
  const named = config.routes.map(nameRoute).sort((a, b) => (a.id < b.id ? -1 : a.id > b.id ? 1 : 0))
  const routes = named.map(({id, host, prefix, value, file, line}): Route => {
    return {
      id,
      host,
      prefix,
      variants: [],
      action: compileAction(value, file, options.references, pools, services),
      mirror: null,
      retry: compileRetry(value.retry),
      head: compileHead(value, prefix),
      timeouts: timeouts(value.timeouts),
      source: {file, line},
    }
  })
  const parts = {
    routes,
    pools: pools.list(),
    instances: pools.instances(),
    checks: pools.checks(),
    services: [],
    forward: options.forward,
  }
  return {revision: options.revision, content: contentOf(parts), ...parts}
}

// ---

// Before anything is compiled, so that pools and instances stand in the order of their routes, not of the files.
function nameRoute(placed: Placed<Written>): Placed<Written> & {id: string; host: string; prefix: string} {
  const name = normalizeId(placed.value.id)
  if ('problem' in name) throw new Error(`not a route id: ${placed.value.id}`)
  return {...placed, id: name.host + name.prefix, host: name.host, prefix: name.prefix}
}

function compileAction(
  route: Written,
  file: string,
  references: References,
  pools: Pools,
  services: ReadonlyMap<string, Placed<Service>>,
): Action {
  if (route.redirect) return compileRedirect(route.redirect)
  if (route.respond) return compileRespond(route.respond)
  if (route.target !== undefined) {
    return {
      kind: 'forward',
      pool: pools.ofTarget(
        route.target,
        compileUpstreamTls(route.upstreamTls, file, references),
        compileKeepalive(route.keepalive),
        route.health,
      ),
    }
  }
  const service = services.get(route.service ?? '')
  if (!service) throw new Error(`route ${route.id} names no service that there is`)
  const tls = compileUpstreamTls(service.value.upstreamTls, service.file, references)
  return {kind: 'forward', pool: pools.ofService(service.value, tls)}
}

/** One text of all routes would be as large as the configuration. */
const HASHED_AT_ONCE = 1000

// Where an entry stands does not change what it does, so `source` is left out: a new comment is not a new configuration.
function contentOf(parts: Omit<Snapshot, 'revision' | 'content'>): string {
  const hash = createHash('sha256')
  const {routes} = parts
  for (let from = 0; from < routes.length; from += HASHED_AT_ONCE) {
    hash.update(JSON.stringify(routes.slice(from, from + HASHED_AT_ONCE).map(({source: _, ...route}) => route)))
  }
  const services = parts.services.map(({source: _, ...service}) => service)
  hash.update(JSON.stringify([parts.pools, parts.instances, parts.checks, services, parts.forward]))
  return hash.digest('hex')
}
