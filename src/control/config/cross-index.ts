// What crossCheck knows of a set in which it found nothing, kept so that the next set costs what it changes. It only tells
// that there is nothing to find; as soon as there may be, crossCheck looks at all of it and finds the words.

import type {AddressSet} from '../../base/cidr.ts'
import {isWithin, type PlacedEntry, splitName, widerThan} from './cross-checks.ts'

export type CrossIndex = {
  /**
   * Takes entries out and others in. True when there is still nothing wrong between them; false when there may be, and then
   * the index is of no use any more.
   */
  change(gone: readonly PlacedEntry[], come: readonly PlacedEntry[], isDenied: AddressSet): boolean
}

/** The index of entries that crossCheck has found nothing in. */
export function createCrossIndex(entries: readonly PlacedEntry[]): CrossIndex {
  const claimed = {
    route: new Set<string>(),
    host: new Set<string>(),
    service: new Set<string>(),
    test: new Set<string>(),
  }
  /** How often a service is mentioned. */
  const mentions = new Map<string, number>()
  const prefixes = new Map<string, Set<string>>()

  // False when somebody has the name already; the names of tests are nobody's.
  function add({entry: {kind}, facts}: PlacedEntry): boolean {
    for (const {slug} of facts.mentions) mentions.set(slug, (mentions.get(slug) ?? 0) + 1)
    if (facts.name === null || kind === 'test') return true
    if (claimed[kind].has(facts.name)) return false
    claimed[kind].add(facts.name)
    if (kind !== 'route') return true
    const {host, prefix} = splitName(facts.name)
    const known = prefixes.get(host)
    if (known) known.add(prefix)
    else prefixes.set(host, new Set([prefix]))
    return true
  }

  function remove({entry: {kind}, facts}: PlacedEntry): void {
    for (const {slug} of facts.mentions) {
      const left = (mentions.get(slug) ?? 0) - 1
      if (left > 0) mentions.set(slug, left)
      else mentions.delete(slug)
    }
    if (facts.name === null) return
    claimed[kind].delete(facts.name)
    if (kind !== 'route') return
    const {host, prefix} = splitName(facts.name)
    const known = prefixes.get(host)
    known?.delete(prefix)
    if (known?.size === 0) prefixes.delete(host)
  }

  // A host without a route of its own that a wildcard seems to serve and does not.
  function isShadowing(host: string): boolean {
    const own = prefixes.get(host)
    if (!own || own.has('')) return false
    const wider = widerThan(host).flatMap(pattern => [...(prefixes.get(pattern) ?? [])])
    if (wider.length === 0) return false
    const all = [...own]
    return wider.some(prefix => !isWithin(prefix, all))
  }

  for (const placed of entries) add(placed)
  return {
    change(gone, come, isDenied) {
      for (const placed of gone) remove(placed)
      const isAlone = come.map(add).every(Boolean)
      if (!isAlone || come.some(({valid}) => !valid)) return false
      if (come.some(({facts}) => facts.addresses.some(({address}) => isDenied(address)))) return false
      if (come.some(({facts}) => facts.mentions.some(({slug}) => !claimed.service.has(slug)))) return false
      const changed = [...gone, ...come]
      const isWithout = ({entry, facts}: PlacedEntry) =>
        entry.kind === 'service' && facts.name !== null && !claimed.service.has(facts.name) && mentions.has(facts.name)
      if (changed.some(isWithout)) return false
      // Which hosts have routes is what hosts and wildcards are judged by.
      const hosts = new Set(
        changed.flatMap(({entry, facts}) =>
          entry.kind === 'route' && facts.name !== null ? [splitName(facts.name).host] : [],
        ),
      )
      if (changed.some(({entry}) => entry.kind === 'host')) return false
      const isNamed = (host: string) => [host, ...widerThan(host)].some(pattern => claimed.host.has(pattern))
      return [...hosts].every(
        host => !host.startsWith('*') && (prefixes.has(host) || !isNamed(host)) && !isShadowing(host),
      )
    },
  }
}
