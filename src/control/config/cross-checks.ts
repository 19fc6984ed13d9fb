// What only the whole set of files can show: the same id twice, a service that nobody defined, a route that another one
// hides, an address that nobody may reach.

import type {AddressSet} from '../../base/cidr.ts'
import {type Facts, fieldOf, NAMED_BY} from './check-entry.ts'
import type {Entry, EntryKind} from './entries.ts'
import type {Problem} from './problem.ts'
import {nearest} from './suggest.ts'

/** An entry and the file it stands in. `valid` is false when its schema refuses it. */
export type PlacedEntry = {
  readonly entry: Entry
  readonly file: string
  readonly valid: boolean
  /** Empty but for the name when the entry is not valid. */
  readonly facts: Facts
}
export type PlacedProblem = {readonly problem: Problem; readonly file: string}

/**
 * Problems between entries, in no order. `complete` is false when a file could not be read: then nothing is said about
 * what might stand in it.
 */
export function crossCheck(entries: readonly PlacedEntry[], denied: AddressSet, complete: boolean): PlacedProblem[] {
  const found: PlacedProblem[] = []
  const routes = claim(entries, 'route', found)
  const hosts = claim(entries, 'host', found)
  const services = claim(entries, 'service', found)
  for (const placed of entries) {
    if (!placed.valid) continue
    checkTargets(placed, denied, found)
    if (complete) checkMentions(placed, services, found)
  }
  const byHost = groupByHost(routes)
  if (complete) checkHosts(hosts, byHost, found)
  checkShadows(byHost, found)
  return found
}

// ---

/** What each name belongs to; a second claim is a problem that names both places. */
function claim(entries: readonly PlacedEntry[], kind: EntryKind, found: PlacedProblem[]): Map<string, PlacedEntry> {
  const owners = new Map<string, PlacedEntry>()
  for (const placed of entries) {
    const {name} = placed.facts
    if (placed.entry.kind !== kind || name === null) continue
    const owner = owners.get(name)
    if (owner) found.push(secondClaim(placed, owner))
    else owners.set(name, placed)
  }
  return owners
}

function secondClaim({entry, file}: PlacedEntry, owner: PlacedEntry): PlacedProblem {
  const field = NAMED_BY[entry.kind]
  const written = fieldOf(entry.value, field)
  const other = fieldOf(owner.entry.value, field)
  const same = written === other ? 'is already' : `is the same ${entry.kind} as ${JSON.stringify(other)}`
  return {
    file,
    problem: {
      rule: `duplicate-${field}`,
      severity: 'error',
      message: `${entry.kind} ${JSON.stringify(written)} ${same} in ${owner.file}:${owner.entry.line}`,
      hint: 'Remove one of the two.',
      place: {document: entry.document, pointer: `${entry.pointer}/${field}`, at: 'value'},
    },
  }
}

/** A name is looked up by the control plane, which asks the same list again about its addresses. */
function checkTargets(placed: PlacedEntry, denied: AddressSet, found: PlacedProblem[]): void {
  for (const {address, pointer} of placed.facts.addresses) {
    if (!denied(address)) continue
    const message = `requests may not be forwarded to ${address}`
    add(
      found,
      placed,
      'denied-target',
      pointer,
      message,
      'permit.denyTargets in routesd.yaml names the address ranges that are denied.',
    )
  }
}

function checkMentions(placed: PlacedEntry, services: ReadonlyMap<string, PlacedEntry>, found: PlacedProblem[]): void {
  for (const {slug, pointer} of placed.facts.mentions) {
    if (services.has(slug)) continue
    const meant = nearest(slug, [...services.keys()])
    const hint = meant ? `Did you mean ${JSON.stringify(meant)}?` : 'Define it under "services:", in any file.'
    add(found, placed, 'unknown-service', pointer, `there is no service ${JSON.stringify(slug)}`, hint)
  }
}

type HostRoutes = {readonly prefixes: string[]; readonly first: PlacedEntry}

function groupByHost(routes: ReadonlyMap<string, PlacedEntry>): Map<string, HostRoutes> {
  const hosts = new Map<string, HostRoutes>()
  for (const [name, placed] of routes) {
    const {host, prefix} = splitName(name)
    const known = hosts.get(host)
    if (known) known.prefixes.push(prefix)
    else hosts.set(host, {prefixes: [prefix], first: placed})
  }
  return hosts
}

/** 'x.localhost/app' → 'x.localhost' and '/app'. */
export function splitName(name: string): {readonly host: string; readonly prefix: string} {
  const slash = name.indexOf('/')
  return slash < 0 ? {host: name, prefix: ''} : {host: name.slice(0, slash), prefix: name.slice(slash)}
}

function checkHosts(
  hosts: ReadonlyMap<string, PlacedEntry>,
  routes: ReadonlyMap<string, HostRoutes>,
  found: PlacedProblem[],
): void {
  for (const [name, placed] of hosts) {
    if (routes.has(name) || [...routes.keys()].some(host => covers(name, host))) continue
    const meant = nearest(name, [...routes.keys()])
    const hint = meant ? `Did you mean ${JSON.stringify(meant)}?` : null
    add(found, placed, 'unused-host', '/name', `no route takes requests for ${JSON.stringify(name)}`, hint, 'warning')
  }
}

/** Whether one of two patterns is within the other. */
function covers(name: string, pattern: string): boolean {
  return widerThan(name).includes(pattern) || widerThan(pattern).includes(name)
}

/** The patterns that match what `host` matches, the nearest first. */
export function widerThan(host: string): string[] {
  if (host === '*') return []
  const dot = host.indexOf('.')
  return host.startsWith('*.') || dot < 0 ? ['*'] : [`*${host.slice(dot)}`, '*']
}

/** The most specific host owns a request even when none of its prefixes matches: people expect the wildcard to help out. */
function checkShadows(hosts: ReadonlyMap<string, HostRoutes>, found: PlacedProblem[]): void {
  for (const [host, {prefixes, first}] of hosts) {
    if (prefixes.includes('')) continue
    const hidden = widerThan(host).find(wider => hosts.get(wider)?.prefixes.some(prefix => !isWithin(prefix, prefixes)))
    if (hidden === undefined) continue
    const outside = prefixes.length === 1 ? prefixes[0] : `its ${prefixes.length} prefixes`
    const message = `requests for ${host} outside ${outside} answer 404: they do not fall back to ${JSON.stringify(hidden)}`
    add(
      found,
      first,
      'shadowed',
      '/id',
      message,
      `Add a route ${JSON.stringify(host)} if they should be served.`,
      'warning',
    )
  }
}

export function isWithin(prefix: string, prefixes: readonly string[]): boolean {
  return prefixes.some(own => prefix === own || prefix.startsWith(`${own}/`))
}

function add(
  found: PlacedProblem[],
  {entry, file}: PlacedEntry,
  rule: string,
  path: string,
  message: string,
  hint: string | null,
  severity: Problem['severity'] = 'error',
): void {
  const place = {document: entry.document, pointer: entry.pointer + path, at: 'value'} as const
  found.push({file, problem: {rule, severity, message, hint, place}})
}
