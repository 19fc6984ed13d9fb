// The state of one instance, as an operator is told it. The request path decides by the same facts, see proxy/pick.ts.

import {isIP} from 'node:net'
import type {InstanceState, Lease, WeightLease} from '../admin/protocol.ts'
import {formatDuration} from '../base/units.ts'
import type {ListedMember} from '../router/member-list.ts'
import type {DataPlane} from '../snapshot/data-plane.ts'

export type Observed = {
  readonly state: InstanceState
  /** '' when there is nothing to say. */
  readonly reason: string
  /** Would it be picked for a request? */
  readonly isUsable: boolean
}

export type StateReads = {
  readonly plane: Pick<DataPlane, 'addressesOf' | 'memberState'>
  readonly drainOf: (id: string) => Lease | null
  readonly weightOf: (id: string) => WeightLease | null
  /** What active health has found; null when it knows nothing of the check. */
  readonly verdictOf: (check: string) => CheckVerdict | null
}

export type CheckVerdict = {readonly state: 'up' | 'down' | 'unknown'; readonly reason: string}

export function observe({pool, member, instance}: ListedMember, reads: StateReads): Observed {
  const {plane, drainOf, weightOf, verdictOf} = reads
  const lease = drainOf(member.id)
  const {isDown, isDrained, isEjected, ejectedForMs} = plane.memberState(member.key)
  if (lease !== null || isDrained) return {state: 'draining', reason: wordsOf(lease), isUsable: false}
  if (isEjected) return {state: 'ejected', reason: `failed too often${forAnother(ejectedForMs)}`, isUsable: false}
  if (member.isDown) return {state: 'down', reason: 'marked as down where it is written', isUsable: false}

  const name = isIP(instance.host) === 0 ? plane.addressesOf(instance.host) : HAS_ADDRESS
  if (name === null) return {state: 'unknown', reason: `${instance.host} has not been resolved yet`, isUsable: false}
  const verdict = member.check === null ? null : verdictOf(member.check)
  if (isDown) return {state: 'down', reason: verdict?.reason || 'its check fails', isUsable: false}
  if (name.addresses.length === 0) return {state: 'down', reason: name.reason, isUsable: false}

  const isPicked = member.weight > 0 || member.isBackup || pool.members.length === 1
  const isUnknown = member.check !== null && (verdict === null || verdict.state === 'unknown')
  const weighed = wordsOfWeight(weightOf(member.id))
  const reason = isPicked ? verdict?.reason || name.reason || weighed : weighed || 'its weight is 0'
  return {state: isUnknown ? 'unknown' : 'up', reason, isUsable: isPicked}
}

// ---

/** An address needs no resolving. */
const HAS_ADDRESS = {addresses: [''], reason: ''} as const

function forAnother(ms: number): string {
  return ms > 0 ? `, left out for another ${formatDuration(Math.ceil(ms / 1000) * 1000)}` : ''
}

function wordsOf(lease: Lease | null): string {
  if (lease === null) return 'drained'
  return `drained${termsOf(lease)}`
}

function wordsOfWeight(lease: WeightLease | null): string {
  return lease === null ? '' : `weighs ${lease.weight}${termsOf(lease)}`
}

function termsOf({who, until, why}: Lease): string {
  return `${who === '' ? '' : ` by ${who}`} until ${until}${why === '' ? '' : `: ${why}`}`
}
