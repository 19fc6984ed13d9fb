// Names of instances → addresses, so that a worker never waits for DNS: it dials what was answered last. A name that
// cannot be resolved is an instance without addresses, never an error, and a name that stops resolving keeps its last
// answer, because an outage of DNS is no outage of the instance.

import {lookup as dnsLookup} from 'node:dns/promises'
import {isIP} from 'node:net'
import {createAddressSet} from '../../base/cidr.ts'
import type {Clock} from '../../base/clock.ts'
import {codeOf, messageOf} from '../../base/errors.ts'

export type Resolver = {
  /**
   * The names that are wanted from now on; addresses need no resolving and may be among them. Resolves when each has
   * been answered once, after 2 s at the latest, so that the first request finds an address.
   */
  watch(hosts: readonly string[]): Promise<void>
  /** What is known of a name now, or the address that it is; no addresses: none can be dialled, for the reason given. */
  addressesOf(host: string): {readonly addresses: readonly string[]; readonly reason: string}
  /** CIDRs that no name may lead to from now on; every name is asked again. */
  setDenied(denyTargets: readonly string[]): void
  close(): void
}

export type ResolverParts = {
  readonly clock: Clock
  /** All addresses of a name; rejects when there are none. */
  readonly lookup?: (host: string) => Promise<readonly string[]>
  readonly everyMs?: number
  /** CIDRs that a name must not lead to (permit.denyTargets). */
  readonly denyTargets: readonly string[]
  /** Called when the addresses or the reason changed; '' when all is well. Addresses and a reason: the last answer is kept. */
  readonly onChange: (host: string, addresses: readonly string[], reason: string) => void
}

const EVERY_MS = 10_000
const LOOKUP_AT_MOST_MS = 5_000
const FIRST_AT_MOST_MS = 2_000
const PARALLEL = 16

type Name = {
  readonly host: string
  addresses: readonly string[]
  reason: string
  answered: boolean
  /** Being asked, or in the line for it. */
  asked: boolean
}

export function createResolver({
  clock,
  lookup = lookupAll,
  everyMs = EVERY_MS,
  denyTargets,
  onChange,
}: ResolverParts): Resolver {
  let isDenied = createAddressSet(denyTargets)
  const names = new Map<string, Name>()
  const line: Name[] = []
  let asking = 0
  let closed = false
  let waiting: (() => void)[] = []
  let cancelRound = clock.after(everyMs, round)

  function round(): void {
    for (const name of names.values()) ask(name)
    cancelRound = clock.after(everyMs, round)
  }

  // A name that DNS has not answered yet is not asked again, so a dead server costs one request per name at a time.
  function ask(name: Name): void {
    if (name.asked) return
    name.asked = true
    if (isLocalhost(name.host)) {
      settle(name, LOOPBACK, '')
      name.asked = false
      return
    }
    line.push(name)
    next()
  }

  function next(): void {
    while (asking < PARALLEL) {
      const name = line.shift()
      if (!name) return
      // Dropped while it stood in line.
      if (names.get(name.host) !== name) continue
      asking++
      void answer(name)
    }
  }

  // A lookup cannot be called off: after its time the slot goes to the next name, and a late answer still counts.
  async function answer(name: Name): Promise<void> {
    let inSlot = true
    const leave = () => {
      if (!inSlot) return
      inSlot = false
      asking--
      next()
    }
    const cancel = clock.after(LOOKUP_AT_MOST_MS, () => {
      settle(name, [], `no answer from DNS within ${LOOKUP_AT_MOST_MS / 1000}s`)
      leave()
    })
    try {
      settle(name, await lookup(name.host), '')
    } catch (error) {
      settle(name, [], codeOf(error) || messageOf(error))
    }
    cancel()
    name.asked = false
    leave()
  }

  function settle(name: Name, answers: readonly string[], failure: string): void {
    if (closed || names.get(name.host) !== name) return
    const barred = answers.find(isDenied)
    const allowed = inOrder(answers.filter(address => !isDenied(address)))
    const failed = failure !== '' || answers.length === 0
    // Only silence keeps the last answer. An answer that may not be used replaces it: it is what the name means now.
    const addresses = failed ? name.addresses : allowed
    const reason = failed
      ? `${name.host}: ${failure || 'no address'}${addresses.length > 0 ? ', last answer kept' : ''}`
      : barred === undefined
        ? ''
        : `${name.host}: ${barred} is in permit.denyTargets`
    const changed = !name.answered || reason !== name.reason || addresses.join() !== name.addresses.join()
    Object.assign(name, {addresses, reason, answered: true})
    if (changed) onChange(name.host, addresses, reason)
    if (waiting.length > 0 && [...names.values()].every(({answered}) => answered)) release()
  }

  function release(): void {
    const released = waiting
    waiting = []
    for (const resolve of released) resolve()
  }

  return {
    async watch(hosts) {
      const wanted = new Set(hosts.filter(host => isIP(host) === 0))
      for (const host of names.keys()) if (!wanted.has(host)) names.delete(host)
      const added = [...wanted].filter(host => !names.has(host))
      for (const host of added) names.set(host, {host, addresses: [], reason: '', answered: false, asked: false})
      for (const host of added) {
        const name = names.get(host)
        if (name) ask(name)
      }
      if ([...names.values()].every(({answered}) => answered)) return release()
      await new Promise<void>(resolve => {
        const cancel = clock.after(FIRST_AT_MOST_MS, resolve)
        waiting.push(() => {
          cancel()
          resolve()
        })
      })
    },
    addressesOf: host => names.get(host) ?? {addresses: isIP(host) === 0 ? [] : [host], reason: ''},
    setDenied(next) {
      isDenied = createAddressSet(next)
      for (const name of names.values()) ask(name)
    },
    close() {
      closed = true
      cancelRound()
      names.clear()
      line.length = 0
      release()
    },
  }
}

// ---

// RFC 6761 §6.3: these names mean this machine, and DNS is not to be asked.
const LOOPBACK = ['127.0.0.1', '::1']

function isLocalhost(host: string): boolean {
  return /(^|\.)localhost\.?$/i.test(host)
}

async function lookupAll(host: string): Promise<string[]> {
  return (await dnsLookup(host, {all: true, order: 'verbatim'})).map(({address}) => address)
}

// DNS shuffles its answers; without an order of our own every round would look like a change. IPv4 first, because an
// instance that listens on one family only is far more often on that one.
function inOrder(addresses: readonly string[]): string[] {
  return [...new Set(addresses)].sort((a, b) => isIP(a) - isIP(b) || (a < b ? -1 : a > b ? 1 : 0))
}
