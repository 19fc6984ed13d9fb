// What a schema cannot say about a single entry. Looks at nothing but the entry, so that the answer can be kept with the file.

import {isIP} from 'node:net'
import {parseCidr} from '../../base/cidr.ts'
import {isManaged} from '../../base/managed-fields.ts'
import {normalizeHost, normalizeId, type Refusal, wordRefusal} from '../../base/route-id.ts'
import {parseDuration, parseShare} from '../../base/units.ts'
import type {Entry} from './entries.ts'
import {type Problem, step} from './problem.ts'
import {parseTarget} from './target.ts'
import type {Health, Host, Route, RouteSplitPart, RouteVariant, Service} from './types.ts'

export type Facts = {
  /** What must be unique, in normal form; null when there is none. */
  readonly name: string | null
  /** Addresses written as such, and where they stand. */
  readonly addresses: readonly {readonly address: string; readonly pointer: string}[]
  /** Services that the entry names, and where. */
  readonly mentions: readonly Mention[]
}
type Mention = {readonly slug: string; readonly pointer: string}

/** The key by which entries of a kind are known. */
export const NAMED_BY = {route: 'id', host: 'name', service: 'slug', test: 'name'} as const

/** The text under a key of a value that may be anything; null when there is none. */
export function fieldOf(value: unknown, key: string): string | null {
  const field = typeof value === 'object' && value !== null ? (value as Record<string, unknown>)[key] : null
  return typeof field === 'string' ? field : null
}

/** Problems of a valid entry that are its own. */
export function checkEntry(entry: Entry): Problem[] {
  const check = createCheck(entry)
  switch (entry.kind) {
    case 'route':
      checkRoute(entry.value as Route, check)
      break
    case 'host':
      check.refusal('bad-host', '/name', (entry.value as Host).name, normalizeHost)
      break
    case 'service':
      checkSlug(entry.value as Service, check)
      checkHealth((entry.value as Service).health, check)
      checkQueue(entry.value as Service, check)
      break
    case 'test':
      break
  }
  for (const {url, pointer} of targetsOf(entry)) check.refusal('bad-target', pointer, url, parseTarget)
  checkProtocol(entry, check)
  return check.problems
}

/** What the checks between entries need of this one; kept with the file, because finding it out is most of their work. */
export function factsOf(entry: Entry): Facts {
  return {
    name: nameOf(entry),
    addresses: targetsOf(entry).flatMap(({url, pointer}) => {
      const target = parseTarget(url)
      return 'problem' in target || isIP(target.host) === 0 ? [] : [{address: target.host, pointer}]
    }),
    mentions: mentionsOf(entry),
  }
}

// ---

function nameOf({kind, value}: Entry): string | null {
  const text = fieldOf(value, NAMED_BY[kind])
  if (text === null) return null
  if (kind === 'route') {
    const id = normalizeId(text)
    return 'problem' in id ? null : id.host + id.prefix
  }
  if (kind !== 'host') return text
  const host = normalizeHost(text)
  return 'problem' in host ? null : host.host
}

/** Every target of an entry. */
function targetsOf({kind, value}: Entry): {readonly url: string; readonly pointer: string}[] {
  if (kind === 'service') return instancesOf(value as Service)
  if (kind !== 'route') return []
  return destinationsOf(value as Route).flatMap(({part, pointer}) =>
    part.target === undefined ? [] : [{url: part.target, pointer: `${pointer}/target`}],
  )
}

function mentionsOf({kind, value}: Entry): Mention[] {
  if (kind !== 'route') return []
  return destinationsOf(value as Route).flatMap(({part, pointer}) =>
    part.service === undefined ? [] : [{slug: part.service, pointer: `${pointer}/service`}],
  )
}

type Destination = {readonly part: {readonly target?: string; readonly service?: string}; readonly pointer: string}

function destinationsOf(route: Route): Destination[] {
  const split = (parts: readonly RouteSplitPart[] | undefined, pointer: string): Destination[] =>
    (parts ?? []).map((part, index) => ({part, pointer: step(`${pointer}/split`, index)}))
  const variants = (route.variants ?? []).flatMap((part, index) => {
    const pointer = step('/variants', index)
    return [{part, pointer}, ...split(part.split, pointer)]
  })
  const mirror = typeof route.mirror === 'object' ? [{part: route.mirror, pointer: '/mirror'}] : []
  return [{part: route, pointer: ''}, ...split(route.split, ''), ...variants, ...mirror]
}

function instancesOf(service: Service): {readonly url: string; readonly pointer: string}[] {
  return (service.instances ?? []).map((instance, index) => {
    const pointer = step('/instances', index)
    return typeof instance === 'string' ? {url: instance, pointer} : {url: instance.url, pointer: `${pointer}/url`}
  })
}

type Check = ReturnType<typeof createCheck>

function createCheck({document, pointer}: Entry) {
  const problems: Problem[] = []
  return {
    problems,
    add(rule: string, path: string, message: string, hint: string | null, severity: Problem['severity'] = 'error') {
      problems.push({rule, severity, message, hint, place: {document, pointer: pointer + path, at: 'value'}})
    },
    refusal(rule: string, path: string, text: string, parse: (text: string) => object | Refusal) {
      const parsed = parse(text)
      if ('problem' in parsed) this.add(rule, path, wordRefusal(parsed as Refusal, text), (parsed as Refusal).hint)
    },
  }
}

/** What routesd answers itself in service mode. */
const BUILT_IN = ['proxy-svc', 'registry-svc']

function checkSlug({slug}: Service, check: Check): void {
  if (!BUILT_IN.includes(slug)) return
  const hint = 'In service mode its requests are answered by routesd itself; choose another slug.'
  check.add('reserved-slug', '/slug', `${JSON.stringify(slug)} is a built-in service`, hint)
}

function checkRoute(route: Route, check: Check): void {
  check.refusal('bad-id', '/id', route.id, normalizeId)
  checkHeaders(route, check)
  checkHealth(route.health, check)
  checkQueue(route, check)
  checkMirror(route, check)
  checkShares(route.split, '/split', check)
  checkVariants(route.variants ?? [], check)
  if (typeof route.access === 'object') {
    checkRanges(route.access.allow, '/access/allow', check)
    checkRanges(route.access.deny, '/access/deny', check)
  }
  if (typeof route.maintenance === 'object') checkRanges(route.maintenance.allow, '/maintenance/allow', check)
}

function checkHeaders(route: Route, check: Check): void {
  for (const side of ['request', 'response'] as const) {
    const {set = {}, add = {}, remove = []} = route.headers?.[side] ?? {}
    const at = `/headers/${side}`
    for (const name of Object.keys(set)) checkHeader(name, step(`${at}/set`, name), check)
    for (const name of Object.keys(add)) checkHeader(name, step(`${at}/add`, name), check)
    for (const [index, name] of remove.entries()) checkHeader(name, step(`${at}/remove`, index), check)
    const host = remove.findIndex(name => side === 'request' && name.toLowerCase() === 'host')
    if (host < 0) continue
    const hint = 'Every request has a Host (RFC 9112 §3.2); hostHeader says which.'
    check.add('managed-header', step(`${at}/remove`, host), 'Host cannot be removed', hint)
  }
  checkRespond(route, '', check)
}

function checkRespond({respond}: Pick<Route, 'respond'>, pointer: string, check: Check): void {
  for (const name of Object.keys(respond?.headers ?? {})) {
    checkHeader(name, step(`${pointer}/respond/headers`, name), check)
  }
}

// Of a route only its own target can speak HTTP/2; those of its variants and parts have no keys of their own.
function checkProtocol(entry: Entry, check: Check): void {
  const protocol = fieldOf(entry.value, 'protocol')
  if (protocol !== 'h2' && protocol !== 'h2c') return
  const wanted = protocol === 'h2' ? 'https' : 'http'
  const own =
    entry.kind === 'service' ? targetsOf(entry) : targetsOf(entry).filter(({pointer}) => pointer === '/target')
  for (const {url, pointer} of own) {
    const target = parseTarget(url)
    if ('problem' in target || target.scheme === wanted) continue
    const other = protocol === 'h2' ? 'h2c' : 'h2'
    const message = `"protocol: ${protocol}" is HTTP/2 ${protocol === 'h2' ? 'over' : 'without'} TLS, and this is ${target.scheme}://`
    check.add('bad-protocol', pointer, message, `Write "protocol: ${other}", or ${wanted}:// here.`)
  }
}

/** More often than this is a mistake, and a load. */
const HEALTH_INTERVAL_MIN_MS = 10

function checkHealth(health: Health | 'off' | false | undefined, check: Check): void {
  if (typeof health !== 'object') return
  for (const name of Object.keys(health.headers ?? {})) checkHeader(name, step('/health/headers', name), check)
  for (const range of String(health.expect ?? '').split(',')) {
    const [from = '', to = from] = range.split('-')
    if (Number(from) <= Number(to)) continue
    const message = `no status is from ${from} to ${to}`
    check.add('bad-value', '/health/expect', message, `Write ${to}-${from}.`)
  }
  if (health.interval !== undefined && (parseDuration(health.interval) ?? 0) < HEALTH_INTERVAL_MIN_MS) {
    const message = `an interval of ${health.interval} is too short`
    check.add('bad-value', '/health/interval', message, `${HEALTH_INTERVAL_MIN_MS}ms is the shortest; 5s is usual.`)
  }
  if (health.timeout !== undefined && parseDuration(health.timeout) === 0) {
    check.add('bad-value', '/health/timeout', 'no answer comes within no time', 'For example: 2s')
  }
}

function checkQueue({queue, maxConnections}: Pick<Service, 'queue' | 'maxConnections'>, check: Check): void {
  if (typeof queue !== 'object' || typeof maxConnections === 'number') return
  const hint = 'Say with maxConnections how many requests an instance gets at once, or remove the queue.'
  check.add('no-effect', '/queue', 'nobody ever waits where instances have no maxConnections', hint, 'warning')
}

// What a variant says may still be forwarded, and then it is mirrored.
function checkMirror({mirror, redirect, respond, variants = []}: Route, check: Check): void {
  if (typeof mirror !== 'object' || (!redirect && !respond)) return
  if (variants.some(variant => !variant.redirect && !variant.respond)) return
  const hint = 'Only requests that are forwarded are mirrored; remove it.'
  check.add('no-effect', '/mirror', 'a route that answers by itself mirrors nothing', hint, 'warning')
}

function checkHeader(name: string, path: string, check: Check): void {
  if (!isManaged(name)) return
  const hint = 'It says where a message ends or what becomes of the connection; remove it.'
  check.add('managed-header', path, `${JSON.stringify(name)} is written by routesd alone`, hint)
}

function checkVariants(variants: readonly RouteVariant[], check: Check): void {
  const names = new Set<string>()
  let taken: string | null = null
  for (const [index, variant] of variants.entries()) {
    const pointer = step('/variants', index)
    const quoted = JSON.stringify(variant.name)
    if (names.has(variant.name))
      check.add('duplicate-variant', `${pointer}/name`, `variant ${quoted} stands twice in the route`, null)
    else if (taken !== null) {
      const message = `variant ${quoted} is never reached: ${taken} before it takes every request`
      check.add('unreachable', `${pointer}/name`, message, `Give ${taken} a condition, or put it last.`, 'warning')
    }
    if (takesAll(variant)) taken ??= quoted
    names.add(variant.name)
    for (const header of Object.keys(variant.when?.headers ?? {})) {
      checkSeen(header, step(`${pointer}/when/headers`, header), check)
    }
    checkShares(variant.split, `${pointer}/split`, check)
    checkRespond(variant, pointer, check)
  }
}

// What concerns one hop, or is ours to say, is taken out of a request before it is routed.
function checkSeen(name: string, path: string, check: Check): void {
  if (!isManaged(name) && !TAKEN_OUT.test(name)) return
  const hint = 'What a client writes there is not believed; ask for another header.'
  check.add('managed-header', path, `a variant cannot look at ${JSON.stringify(name)}`, hint)
}

const TAKEN_OUT = /^(expect|forwarded|x-forwarded-.*|x-real-ip|proxy(-.*)?|http2-settings)$/i

function takesAll({when = {}}: RouteVariant): boolean {
  return Object.values(when).every(part => Object.keys(part ?? {}).length === 0)
}

function checkShares(parts: readonly RouteSplitPart[] | undefined, pointer: string, check: Check): void {
  if (!parts) return
  const total = parts.reduce((sum, {share}) => sum + (parseShare(share) ?? 0), 0)
  // Shares are decimal fractions; their binary sum may miss 1 by a little.
  if (Math.abs(total - 1) < 1e-9) return
  check.add('bad-split', pointer, `the shares add up to ${Math.round(total * 10_000) / 100}%, not to 100%`, null)
}

function checkRanges(ranges: readonly string[] | undefined, pointer: string, check: Check): void {
  for (const [index, range] of (ranges ?? []).entries()) {
    if (parseCidr(range)) continue
    check.add(
      'bad-value',
      step(pointer, index),
      `${JSON.stringify(range)} is not an address range`,
      'For example: "10.0.0.0/8" or "2001:db8::/32"',
    )
  }
}
