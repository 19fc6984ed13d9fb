// How often sets of files were judged and the remote was fetched, and what came of it.

import type {Clock} from '../base/clock.ts'

export type ReloadResult = 'applied' | 'unchanged' | 'refused' | 'failed'

export type Reloads = {
  count(result: ReloadResult, reason: string): void
  list(): readonly {readonly result: string; readonly reason: string; readonly count: number}[]
  countFetch(isDone: boolean): void
  fetches(): readonly {readonly result: string; readonly count: number}[]
  /** Milliseconds since 1970; null before the first. */
  lastApplyAt(): number | null
}

export function createReloads(clock: Clock): Reloads {
  // Reasons are words of ours, so there are few.
  const counts = new Map<string, {result: string; reason: string; count: number}>()
  // A series that begins at one looks as if nothing had happened: increase() needs the zero before it.
  for (const [result, reason] of EXPECTED) counts.set(`${result} ${reason}`, {result, reason, count: 0})
  const fetched = {success: 0, failed: 0}
  let appliedAt: number | null = null
  return {
    count(result, reason) {
      const key = `${result} ${reason}`
      const entry = counts.get(key) ?? {result, reason, count: 0}
      entry.count++
      counts.set(key, entry)
      if (result === 'applied') appliedAt = clock.now()
    },
    countFetch(isDone) {
      fetched[isDone ? 'success' : 'failed']++
    },
    fetches: () => Object.entries(fetched).map(([result, count]) => ({result, count})),
    list: () => [...counts.values()],
    lastApplyAt: () => appliedAt,
  }
}

// ---

const EXPECTED: readonly (readonly [ReloadResult, string])[] = [
  ['applied', ''],
  ['unchanged', ''],
  ['refused', 'ValidationFailed'],
  ['refused', 'VerificationFailed'],
  ['refused', 'OwnershipViolated'],
  ['refused', 'TestsFailed'],
  ['refused', 'GuardRefused'],
  ['refused', 'RoutesMissing'],
  ['refused', 'SettingsRefused'],
  ['failed', 'Thrown'],
]
