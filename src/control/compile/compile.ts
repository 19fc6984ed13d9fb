// Config → Snapshot: everything that can be decided before a request comes is decided here. Pure and synchronous: no
// clock, no files, no network. The Config is known to be valid, so nothing can fail but a bug.

import {createHash} from 'node:crypto'
import {normalizeId} from '../../base/route-id.ts'
import {parseShare} from '../../base/units.ts'
import type {Action, ForwardHeaders, Mirror, Route, Snapshot} from '../../snapshot/snapshot.ts'
import type {Config, Placed} from '../config/config.ts'
import type {References} from '../config/references.ts'
import type {Service, Route as Written} from '../config/types.ts'
import {compileRedirect, compileRespond} from './answer.ts'
import {compileHead} from './head.ts'
import {compileHosts} from './hosts.ts'
import {compileKeepalive} from './keepalive.ts'
import {createPools, type Pools} from './pools.ts'
import {compileRetry} from './retry.ts'
import {compileServices} from './services.ts'
import {compileSplit} from './split.ts'
import {createTimeouts} from './timeouts.ts'
import {compileUpstreamTls} from './upstream-tls.ts'
import {compileCondition} from './variants.ts'

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
    const poolOf = (to: Target) => compilePool(to, file, options.references, pools, services)
    return {
      id,
      host,
      prefix,
      variants: (value.variants ?? []).map(({name, when = {}, ...destination}) => {
        return {name, when: compileCondition(when), action: compileAction(destination, poolOf)}
      }),
      action: compileAction(value, poolOf),
      mirror: compileMirror(value.mirror, poolOf),
      retry: compileRetry(value.retry),
      head: compileHead(value, prefix),
      timeouts: timeouts(value.timeouts),
      source: {file, line},
    }
  })
  // Before the pools are listed: a service that no route names is asked for by its slug.
  const slugs = compileServices(config.services, options.references, pools, timeouts)
  const parts = {
    routes,
    pools: pools.list(),
    instances: pools.instances(),
    checks: pools.checks(),
    services: slugs,
    hosts: compileHosts(config.hosts, options.references),
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

/** What a route, a variant, a part of a split and a mirror name. Only a route says more of its target. */
type Target = Partial<Written>

function compileAction(written: Target, poolOf: (to: Target) => string): Action {
  if (written.redirect) return compileRedirect(written.redirect)
  if (written.respond) return compileRespond(written.respond)
  if (written.split) return compileSplit(written.split, poolOf)
  return {kind: 'forward', pool: poolOf(written)}
}

function compileMirror(written: Written['mirror'], poolOf: (to: Target) => string): Mirror | null {
  if (typeof written !== 'object') return null
  return {pool: poolOf(written), share: parseShare(written.share ?? '100%') ?? 0}
}

function compilePool(
  to: Target,
  file: string,
  references: References,
  pools: Pools,
  services: ReadonlyMap<string, Placed<Service>>,
): string {
  if (to.target !== undefined) {
    const tls = compileUpstreamTls(to.upstreamTls, file, references)
    return pools.ofTarget(to.target, tls, compileKeepalive(to.keepalive), to.health, to)
  }
  const service = services.get(to.service ?? '')
  if (!service) throw new Error(`a route names no service that there is: ${to.service}`)
  return pools.ofService(service.value, compileUpstreamTls(service.value.upstreamTls, service.file, references))
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
  hash.update(JSON.stringify([parts.pools, parts.instances, parts.checks, services, parts.hosts, parts.forward]))
  return hash.digest('hex')
}
