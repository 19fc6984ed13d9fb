// What a change of URL space means, in words.

import type {Pool, Route} from '../snapshot/snapshot.ts'
import {destinationOf} from './destination.ts'
import type {Owned} from './diff.ts'
import {displayOrigin, policiesOf} from './explain.ts'
import {type PoolIndex, poolsOf} from './route-content.ts'

/** Policies and instances that are told; beyond, they are counted. */
const DETAILS_MAX = 6

/** A sentence without its end; '' never. `isShadowed`: the route from before is still there. */
export function describeChange(a: Owned, b: Owned, old: PoolIndex, now: PoolIndex, isShadowed: boolean): string {
  if (a.route === null)
    return a.pattern === null ? 'nobody took this host: 404' : `no prefix of ${a.pattern} covered it: 404`
  if (b.route === null) return lostWords(a.route, b.pattern, isShadowed)
  const details = bounded(detailsOf(a.route, b.route, old, now))
  if (a.route.id === b.route.id) return details
  const taken = `taken by ${b.route.id}, no longer by ${a.route.id}`
  const why = isShadowed ? `, which is still there: ${whyHidden(a.route, b.route)}` : ''
  return taken + why + (details === '' ? '' : `; ${details}`)
}

/** What became of the pools that both name, paired by what people call them: the key of a target also says how its TLS is checked. */
export function poolWords(a: object, b: object, old: PoolIndex, now: PoolIndex): string[] {
  const before = new Map(poolsOf(a).map(key => [old.pools.get(key)?.name, key]))
  const pairs = [...new Set(poolsOf(b))].map(key => [before.get(now.pools.get(key)?.name), key] as const)
  return pairs.flatMap(([was, is]) => {
    const [pool, other] = [old.pools.get(was ?? ''), now.pools.get(is)]
    if (!pool || !other || old.contents.get(pool.key) === now.contents.get(other.key)) return []
    return [`${other.name.includes('://') ? 'target' : 'service'} ${other.name}: ${poolChange(pool, other)}`]
  })
}

// ---

function lostWords(route: Route, pattern: string | null, isShadowed: boolean): string {
  if (pattern === null) return 'no route takes this host any more: 404'
  if (!isShadowed) return `no prefix of ${pattern} covers it: 404`
  return `404: ${pattern} is the more specific host, none of its prefixes covers this, and it does not fall back to ${route.id}`
}

function whyHidden(a: Route, b: Route): string {
  return a.host === b.host ? `${b.prefix} is longer` : `${b.host} is the more specific host`
}

function detailsOf(a: Route, b: Route, old: PoolIndex, now: PoolIndex): string[] {
  const policies = differences(policiesOf(a, old.pools), policiesOf(b, now.pools))
  const told = (key: string) => policies.some(({name}) => name === key || name.startsWith(`${key}.`))
  const others = Object.keys({...a, ...b})
    .filter(key => !NOT_A_POLICY.has(key) && !told(key))
    .filter(key => JSON.stringify(a[key as keyof Route]) !== JSON.stringify(b[key as keyof Route]))
  const [was, is] = [destinationOf(a.action).destination, destinationOf(b.action).destination]
  const moved = a.id === b.id && was !== is ? [`${was} → ${is}`] : []
  const words = [
    ...moved,
    ...policies.map(({text}) => text),
    ...others,
    ...actionWords(a, b),
    ...poolWords(a, b, old, now),
  ]
  return words.length === 0 && a.id === b.id ? ['what it refers to'] : words
}

/** Told otherwise, or no news when the route is another one. */
const NOT_A_POLICY: ReadonlySet<string> = new Set(['id', 'host', 'prefix', 'source', 'action', 'head', 'timeouts'])

type Named = {readonly name: string; readonly value: string}

function differences(a: readonly Named[], b: readonly Named[]): {name: string; text: string}[] {
  const [was, is] = [new Map(a.map(entries)), new Map(b.map(entries))]
  return [...new Set([...was.keys(), ...is.keys()])]
    .filter(name => was.get(name) !== is.get(name))
    .map(name => ({name, text: `${name} ${was.get(name) ?? 'none'} → ${is.get(name) ?? 'none'}`}))
}

function entries({name, value}: Named): [string, string] {
  return [name, value]
}

function actionWords({action: a}: Route, {action: b}: Route): string[] {
  if (a.kind === 'forward' || a.kind !== b.kind || JSON.stringify(a) === JSON.stringify(b)) return []
  return [a.kind]
}

function poolChange(was: Pool, is: Pool): string {
  const [lost, won] = [originsOf(was), originsOf(is)]
  const gone = [...lost].filter(origin => !won.has(origin)).map(origin => `-${origin}`)
  const come = [...won].filter(origin => !lost.has(origin)).map(origin => `+${origin}`)
  const keys = Object.keys({...was, ...is}) as (keyof Pool)[]
  const settings = keys.filter(key => !DERIVED.has(key) && JSON.stringify(was[key]) !== JSON.stringify(is[key]))
  return [...gone, ...come, ...settings].join(' ') || 'how its instances are used'
}

const DERIVED: ReadonlySet<string> = new Set(['key', 'members', 'rotation'])

function originsOf(pool: Pool): Set<string> {
  return new Set(pool.members.map(({instance, basePath}) => displayOrigin(instance) + basePath))
}

function bounded(details: readonly string[]): string {
  const rest = details.length - DETAILS_MAX
  return details.slice(0, DETAILS_MAX).join(', ') + (rest > 0 ? ` and ${rest} more` : '')
}
