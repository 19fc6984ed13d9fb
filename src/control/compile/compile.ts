// Config → Snapshot: everything that can be decided before a request comes is decided here. Pure and synchronous: no
// clock, no files, no network. The Config is known to be valid, so nothing can fail but a bug.

import {createHash} from 'node:crypto'
import {isDeepStrictEqual} from 'node:util'
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
import {createPools, type PoolPart, type Pools} from './pools.ts'
import {compileRetry} from './retry.ts'
import {type RouteDefaults, withDefaults} from './route-defaults.ts'
import {compileServices} from './services.ts'
import {compileSplit} from './split.ts'
import {createTimeouts} from './timeouts.ts'
import {createUnits, type Unit} from './units.ts'
import {compileUpstreamTls} from './upstream-tls.ts'
import {compileCondition} from './variants.ts'

export type CompileOptions = {
  readonly revision: string
  readonly forward: ForwardHeaders
  /** What every route does that does not say otherwise; left out: what the schema says. */
  readonly defaults?: RouteDefaults
  /** Texts of the certificates and keys that the configuration refers to. */
  readonly references: References
}

/** The snapshot of a valid configuration; routes in the order of their ids, so that the same set compiles to the same bytes. */
export function compile(config: Config, options: CompileOptions): Snapshot {
  return createCompiler()(config, options)
}

/** Compiles like `compile`, but of what it has compiled the last time only what is written anew: the rest is the same objects. */
export function createCompiler(): (config: Config, options: CompileOptions) => Snapshot {
  const pools = createPools()
  const timeouts = createTimeouts()
  let units = createUnits()
  let known: RouteDefaults = {}
  return (config, options) => {
    const {references, defaults = {}} = options
    // They are in every route that was compiled.
    if (!isDeepStrictEqual(defaults, known)) units = createUnits()
    known = defaults
    const services = new Map(config.services.map(placed => [placed.value.slug, placed]))
    // Services first, so that routes find the pools of these and not those of the last time.
    const slugs = compileServices(config.services, references, pools, timeouts(defaults.timeouts))
    const compiled = units.update(config.routes, placed => {
      const used: PoolPart[] = []
      const route = compileRoute(nameRoute(placed), defaults, timeouts, to => {
        const key = compilePool(to, placed.file, references, pools, services)
        used.push(pools.partOf(key))
        return key
      })
      return {route, pools: used}
    })
    const ofServices = slugs.map(({pool}) => pools.partOf(pool))
    const parts = {
      routes: compiled.map(({route}) => route),
      ...pools.assemble(namedBy(compiled, ofServices)),
      services: slugs,
      hosts: compileHosts(config.hosts, references),
      forward: options.forward,
    }
    return {revision: options.revision, content: contentOf(compiled, ofServices, parts), ...parts}
  }
}

// ---

function compileRoute(
  named: Named,
  defaults: RouteDefaults,
  timeouts: CompileTimeouts,
  poolOf: (to: Target) => string,
): Route {
  const {id, host, prefix, value, file, line} = named
  const completed = withDefaults(value, defaults)
  return {
    id,
    host,
    prefix,
    variants: (value.variants ?? []).map(({name, when = {}, ...destination}) => {
      return {name, when: compileCondition(when), action: compileAction(destination, poolOf)}
    }),
    action: compileAction(value, poolOf),
    mirror: compileMirror(value.mirror, poolOf),
    retry: compileRetry(completed.retry),
    head: compileHead(value, prefix),
    timeouts: timeouts(completed.timeouts),
    source: {file, line},
  }
}

type Named = Placed<Written> & {readonly id: string; readonly host: string; readonly prefix: string}
type CompileTimeouts = ReturnType<typeof createTimeouts>

function nameRoute(placed: Placed<Written>): Named {
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

// In the order of the routes, not of the files; then what only service mode reaches.
function* namedBy(units: readonly Unit[], services: readonly PoolPart[]): Generator<PoolPart> {
  for (const {pools} of units) yield* pools
  yield* services
}

// A route says by its keys which targets it has; the pool of a service is known by a slug that says nothing of it.
function contentOf(units: readonly Unit[], pools: readonly PoolPart[], {services, hosts, forward}: Parts): string {
  const served = pools.map(({value, instances, checks}) => [value, instances.map(plain), checks.map(plain)])
  const slugs = services.map(({source: _, ...service}) => service)
  return createHash('sha256')
    .update(units.map(({digest}) => digest).join(''), 'latin1')
    .update(JSON.stringify([served, slugs, hosts, forward]))
    .digest('hex')
}

type Parts = Pick<Snapshot, 'services' | 'hosts' | 'forward'>

function plain<T>({value}: {readonly value: T}): T {
  return value
}
