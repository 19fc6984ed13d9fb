// What is not as it should be, one entry per type, for as long as it holds.

import type {Condition} from '../admin/protocol.ts'
import type {Clock} from '../base/clock.ts'

export type ConditionType =
  | 'Drift'
  | 'ValidationFailed'
  | 'VerificationFailed'
  | 'OwnershipViolated'
  | 'TestsFailed'
  | 'GuardRefused'
  | 'RoutesMissing'
  | 'GitOperationFailed'
  | 'StateUnwritable'
  | 'ApplyFailed'
  | 'ReconcileFailed'
  | 'Quarantined'
  | 'Suspended'
  | 'Progressing'
  | 'RestartNeeded'
  | 'SettingsRefused'

export type Holding = {
  readonly reason: string
  readonly message: string
  readonly revision?: string | null
  readonly excerpt?: string
}

export type Conditions = {
  /** What holds now, or null when it no longer does. `since` stays while the reason stays. */
  put(type: ConditionType, holding: Holding | null): void
  holds(type: ConditionType): boolean
  get(type: ConditionType): Condition | null
  list(): readonly Condition[]
}

export function createConditions(clock: Clock): Conditions {
  const held = new Map<ConditionType, Condition>()
  return {
    put(type, holding) {
      if (holding === null) {
        held.delete(type)
        return
      }
      const before = held.get(type)
      const since = before?.reason === holding.reason ? before.since : new Date(clock.now()).toISOString()
      const {reason, message, revision = null, excerpt = ''} = holding
      held.set(type, {type, status: 'True', reason, message, since, revision, ...(excerpt !== '' && {excerpt})})
    },
    holds: type => held.has(type),
    get: type => held.get(type) ?? null,
    list: () => [...held.values()],
  }
}
