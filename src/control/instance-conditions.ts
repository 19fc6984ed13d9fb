// What is said of instances in the status: services that have none left, and what operators have drained or weighed.

import type {Condition, Lease, Status, WeightLease} from '../admin/protocol.ts'
import type {Pool} from '../snapshot/snapshot.ts'

/** Things named in one message. */
const NAMED = 5

/** 'orders has no usable instance'; '' for no pools. */
export function describeUnusable(pools: readonly Pool[]): string {
  const names = [...new Set(pools.map(({name}) => name))]
  if (names.length === 0) return ''
  return `${someOf(names)} ${names.length === 1 ? 'has' : 'have'} no usable instance`
}

/** The condition while there are leases; `isThere` tells whether an instance is part of what is served. */
export function describeDrains(leases: readonly Lease[], isThere: (id: string) => boolean): Condition {
  return drift(
    'Drained',
    leases,
    isThere,
    there => `${count(there, 'is', 'are')} drained`,
    lease => wordsOf(lease),
  )
}

/** As for drains. */
export function describeWeights(leases: readonly WeightLease[], isThere: (id: string) => boolean): Condition {
  const words = (lease: WeightLease) => wordsOf(lease, ` weighs ${lease.weight}`)
  return drift('Reweighted', leases, isThere, there => `${count(there, 'has', 'have')} another weight`, words)
}

/** Conditions with another one; of each type there is one, so two of a type become one that says both. */
export function addCondition(conditions: Status['conditions'], added: Condition | null): Status['conditions'] {
  if (added === null) return conditions
  const same = conditions.find(({type}) => type === added.type)
  if (!same) return [...conditions, added]
  const both = {...same, message: `${same.message}; ${added.message}`}
  return conditions.map(condition => (condition === same ? both : condition))
}

/** Health that is only well when both are. */
export function joinHealth(one: Status['health'], other: Status['health']): Status['health'] {
  if (one.state === 'Healthy') return other
  if (other.state === 'Healthy') return one
  return {state: 'Degraded', message: `${one.message}; ${other.message}`}
}

// ---

function drift<L extends Lease>(
  reason: string,
  leases: readonly L[],
  isThere: (id: string) => boolean,
  what: (leases: readonly L[]) => string,
  wordsOf: (lease: L) => string,
): Condition {
  const there = leases.filter(({id}) => isThere(id))
  const gone = leases.filter(({id}) => !isThere(id))
  const messages = []
  if (there.length > 0) messages.push(`${what(there)} by an operator: ${someOf(there.map(wordsOf))}`)
  if (gone.length > 0) {
    messages.push(
      `${what(gone)} and ${gone.length === 1 ? 'is' : 'are'} not in the configuration any more: ${someOf(gone.map(wordsOf))}`,
    )
  }
  return {
    type: 'Drift',
    status: 'True',
    reason,
    message: messages.join('; '),
    since: leases.map(({since}) => since).sort()[0] ?? '',
    revision: null,
  }
}

function count(leases: readonly Lease[], one: string, many: string): string {
  return leases.length === 1 ? `1 instance ${one}` : `${leases.length} instances ${many}`
}

function wordsOf({id, until, who, why}: Lease, what = ''): string {
  return `${id}${what} until ${until}${who === '' ? '' : ` by ${who}`}${why === '' ? '' : ` (${why})`}`
}

function someOf(words: readonly string[]): string {
  const more = words.length - NAMED
  return more > 0 ? `${words.slice(0, NAMED).join(', ')} and ${more} more` : words.join(', ')
}
