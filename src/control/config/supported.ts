// What is in effect now. Schemas describe all of routesd; a value that asks for more than is built is refused rather than
// silently ignored. What says "off" or repeats a default asks for nothing. A feature that is built becomes a line here.

import {isDeepStrictEqual} from 'node:util'
import {defaultOf} from './defaults.ts'
import {type Problem, step} from './problem.ts'
import {loadSchema, mappingOf, resolveSchema, type Schema, type SchemaName} from './schema-files.ts'

/**
 * true: in effect. A mapping: key by key; of a list, in each of its items. A function: in effect for the values that it
 * returns null for, else the words for what is not.
 */
type Support = true | ((value: unknown) => string | null) | {readonly [key: string]: Support}

const SUPPORTED: Readonly<Record<'route' | 'host' | 'service' | 'settings', {readonly [key: string]: Support}>> = {
  route: {
    id: true,
    target: true,
    service: true,
    redirect: true,
    respond: true,
    split: true,
    variants: {name: true, when: true, target: true, service: true, split: true, redirect: true, respond: true},
    mirror: true,
    stripPrefix: true,
    rewrite: true,
    hostHeader: true,
    headers: true,
    timeouts: true,
    health: true,
    retry: true,
    keepalive: true,
    upstreamTls: true,
    protocol: true,
    passive: true,
    circuit: true,
    maxConnections: true,
    queue: true,
  },
  host: {name: true, tls: true},
  service: {
    slug: true,
    stripSlug: true,
    instances: true,
    discover: true,
    register: true,
    balance: true,
    hashBy: true,
    health: true,
    sticky: true,
    keepalive: true,
    upstreamTls: true,
    protocol: true,
    passive: true,
    circuit: true,
    slowStart: true,
    maxConnections: true,
    queue: true,
  },
  settings: {
    $schema: true,
    routes: true,
    state: true,
    workers: true,
    listen: {http: true, https: true, service: true},
    admin: {socket: true, http: true},
    git: {
      serve: true,
      remote: true,
      branch: true,
      path: true,
      every: true,
      timeout: true,
      ssh: true,
      token: true,
      fastForwardOnly: true,
      allowEmpty: true,
      verify: true,
      webhook: true,
      soak: true,
      confirmWithin: true,
    },
    registry: true,
    acme: true,
    vault: true,
    tls: true,
    trustedProxies: true,
    proxyProtocol: true,
    forward: true,
    edge: true,
    permit: true,
    owners: true,
    defaults: {timeouts: true, retry: true},
    log: true,
    tracing: true,
  },
}

/** One problem for each thing that a valid value asks for in vain. */
export function checkSupported(name: SchemaName, value: unknown, document: number, pointer: string): Problem[] {
  if (name !== 'route' && name !== 'host' && name !== 'service' && name !== 'settings') return []
  const problems: Problem[] = []
  walk(value, loadSchema(name), SUPPORTED[name], '', (words, path) => {
    problems.push(notSupported(`${words} is`, document, pointer + path))
  })
  return problems
}

/** Whether anybody who writes this key gets what it says; of a list, the keys of its items. */
export function isInEffect(name: SchemaName, path: readonly string[]): boolean {
  let support: Support | undefined = name in SUPPORTED ? SUPPORTED[name as keyof typeof SUPPORTED] : true
  for (const key of path) {
    if (typeof support !== 'object') break
    support = Object.hasOwn(support, key) ? support[key] : undefined
  }
  return support !== undefined
}

// ---

type Report = (words: string, path: string) => void

function walk(
  value: unknown,
  schema: Schema,
  supported: {readonly [key: string]: Support},
  path: string,
  report: Report,
): void {
  const properties = mappingOf(schema)?.properties ?? {}
  for (const [key, own] of Object.entries(value ?? {})) {
    const support = Object.hasOwn(supported, key) ? supported[key] : undefined
    const property = properties[key]
    if (support === true || !property || asksNothing(own, property)) continue
    const below = step(path, key)
    const words = typeof support === 'function' ? support(own) : dotted(below)
    // A mapping of which a part is in effect, or which only groups keys, is judged key by key.
    const group = typeof support === 'object' ? support : isGroup(property) ? {} : null
    if (group && Array.isArray(own)) {
      const items = resolveSchema(property).items ?? {}
      for (const [index, item] of own.entries()) walk(item, items, group, step(below, index), report)
      continue
    }
    if (group && typeof own === 'object' && own !== null) walk(own, property, group, below, report)
    else if (words !== null) report(words, below)
  }
}

/** What is not built is off, so a value that says so is right even where the default will be on. */
function asksNothing(value: unknown, property: Schema): boolean {
  if (value === 'off' || value === false) return true
  const fallback = defaultOf(property)
  return fallback !== undefined && isDeepStrictEqual(value, fallback)
}

/** A mapping whose presence alone does nothing: its default is the empty mapping, not "off". */
function isGroup(property: Schema): boolean {
  const fallback = defaultOf(property)
  return typeof fallback === 'object' && fallback !== null && !Array.isArray(fallback)
}

function notSupported(subject: string, document: number, pointer: string): Problem {
  return {
    rule: 'not-supported',
    severity: 'error',
    message: `${subject} not supported yet`,
    hint: null,
    place: {document, pointer, at: 'key'},
  }
}

function dotted(path: string): string {
  return JSON.stringify(
    path
      .slice(1)
      .replace(/\/(\d+)(?=\/)/g, '[$1]')
      .replaceAll('/', '.'),
  )
}
