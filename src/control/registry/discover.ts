// Instances that DNS knows. Names are asked for by the control plane, each as often as its service says. When DNS fails the
// last answer is kept, because an outage of DNS is no outage of the instances; an answer that names nobody means nobody.

import {Resolver} from 'node:dns/promises'
import {createAddressSet} from '../../base/cidr.ts'
import type {Clock} from '../../base/clock.ts'
import {codeOf, messageOf} from '../../base/errors.ts'
import type {Log} from '../../base/log.ts'
import type {Discovery} from '../../snapshot/snapshot.ts'

export type Discovered = {
  /** An address, or a name that an SRV record has named. */
  readonly host: string
  readonly port: number
  readonly weight: number
  readonly isBackup: boolean
}

export type Discoverer = {
  /**
   * What is looked up from now on; what was looked up already keeps its answer. Resolves when each has been answered once,
   * after 2 s at the latest, so that the first request finds an instance.
   */
  watch(wanted: readonly Discovery[]): Promise<void>
  /** What was found last; empty before the first answer. */
  found(discovery: Discovery): readonly Discovered[]
  /** CIDRs that no answer may lead to from now on. What is allowed again comes with the next answer. */
  setDenied(denyTargets: readonly string[]): void
  close(): void
}

export type DiscovererParts = {
  readonly clock: Clock
  readonly log: Log
  /** CIDRs that an answer must not lead to (permit.denyTargets). */
  readonly denyTargets: readonly string[]
  /** 'host:port' of the servers to ask; the system's when left out. */
  readonly servers?: readonly string[]
  /** Another answer than before. */
  readonly onChange: (discovery: Discovery) => void
}

/** However often a service wants to know. */
const FLOOR_MS = 1_000
const FIRST_AT_MOST_MS = 2_000
/** Of one question to one server, and how often each is asked. */
const ANSWER_MS = 2_000
const TRIES = 2
/** Instances of one answer; DNS over UDP has a few dozen. */
const FOUND_MAX = 1_000
const PARALLEL = 16

type Name = {
  readonly key: string
  readonly discovery: Discovery
  found: readonly Discovered[]
  failure: string
  first: PromiseWithResolvers<void>
  cancel: () => void
}

export function createDiscoverer({clock, log, denyTargets, servers, onChange}: DiscovererParts): Discoverer {
  let isDenied = createAddressSet(denyTargets)
  const dns = new Resolver({timeout: ANSWER_MS, tries: TRIES})
  if (servers) dns.setServers(servers)
  const names = new Map<string, Name>()
  const line: Name[] = []
  let asking = 0

  function next(): void {
    while (asking < PARALLEL) {
      const name = line.shift()
      if (!name) return
      asking++
      void ask(name).finally(() => {
        asking--
        next()
      })
    }
  }

  async function ask(name: Name): Promise<void> {
    if (names.get(name.key) !== name) return
    const {dns: host} = name.discovery
    try {
      const answers = await lookUp(dns, name.discovery)
      const allowed = answers.filter(({host: address}) => !isDenied(address))
      const failure = allowed.length < answers.length ? `${host} leads to an address in permit.denyTargets` : ''
      settle(name, inOrder(allowed).slice(0, FOUND_MAX), failure)
    } catch (error) {
      settle(name, name.found, `${host}: ${codeOf(error) || messageOf(error)}, the last answer is kept`)
    }
  }

  function settle(name: Name, found: readonly Discovered[], failure: string): void {
    if (names.get(name.key) !== name) return
    const {dns: host, type, everyMs} = name.discovery
    if (failure !== '' && failure !== name.failure) log.warn('a lookup of instances', {host, type, why: failure})
    const hasChanged = JSON.stringify(found) !== JSON.stringify(name.found)
    name.found = found
    name.failure = failure
    name.first.resolve()
    name.cancel = clock.after(Math.max(FLOOR_MS, everyMs), () => enqueue(name))
    if (hasChanged) onChange(name.discovery)
  }

  function enqueue(name: Name): void {
    line.push(name)
    next()
  }

  return {
    async watch(wanted) {
      const keys = new Map(wanted.map(discovery => [keyOf(discovery), discovery]))
      for (const [key, name] of names) {
        if (keys.has(key)) continue
        name.cancel()
        name.first.resolve()
        names.delete(key)
      }
      for (const [key, discovery] of keys) {
        if (names.has(key)) continue
        const name = {key, discovery, found: [], failure: '', first: Promise.withResolvers<void>(), cancel: () => {}}
        names.set(key, name)
        enqueue(name)
      }
      const late = Promise.withResolvers<void>()
      const cancel = clock.after(FIRST_AT_MOST_MS, late.resolve)
      await Promise.race([Promise.all([...names.values()].map(({first}) => first.promise)), late.promise])
      cancel()
    },
    found: discovery => names.get(keyOf(discovery))?.found ?? [],
    setDenied(next) {
      isDenied = createAddressSet(next)
      for (const name of names.values()) {
        const allowed = name.found.filter(({host}) => !isDenied(host))
        if (allowed.length === name.found.length) continue
        name.found = allowed
        onChange(name.discovery)
      }
    },
    close() {
      for (const {cancel, first} of names.values()) {
        cancel()
        first.resolve()
      }
      names.clear()
      line.length = 0
      dns.cancel()
    },
  }
}

// ---

function keyOf({dns, type, port, scheme, everyMs}: Discovery): string {
  return JSON.stringify([dns.toLowerCase(), type, port, scheme, everyMs])
}

async function lookUp(dns: Resolver, {dns: name, type, port}: Discovery): Promise<Discovered[]> {
  try {
    if (type === 'SRV') return fromServices(await dns.resolveSrv(name))
    const addresses = type === 'A' ? await dns.resolve4(name) : await dns.resolve6(name)
    return addresses.map(host => ({host, port, weight: 1, isBackup: false}))
  } catch (error) {
    // The server has answered: no such name, or no such record.
    if (NOBODY.has(codeOf(error))) return []
    throw error
  }
}

const NOBODY = new Set(['ENOTFOUND', 'ENODATA'])

// RFC 2782: the lowest priority is asked first, the others stand by; weight 0 is a very small share, not none. A target of
// '.' says that there is decidedly no such service.
function fromServices(
  records: readonly {name: string; port: number; priority: number; weight: number}[],
): Discovered[] {
  const lowest = Math.min(...records.map(({priority}) => priority))
  return records
    .filter(({name, port}) => name !== '' && name !== '.' && port > 0)
    .map(({name, port, priority, weight}) => ({
      host: name.toLowerCase(),
      port,
      weight: Math.max(1, weight),
      isBackup: priority > lowest,
    }))
}

// DNS shuffles its answers; without an order of our own every lookup would look like a change.
function inOrder(answers: readonly Discovered[]): Discovered[] {
  return [...answers].sort((a, b) => (a.host === b.host ? a.port - b.port : a.host < b.host ? -1 : 1))
}
