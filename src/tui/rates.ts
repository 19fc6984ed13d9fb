// Counters → rates: what was counted between two readings, by the time between them.

import type {RouteRow} from '../admin/protocol.ts'
import type {LiveRoute, Loaded} from './state.ts'

/** Readings that a trend and the header remember. */
export const RATES_KEPT = 60
/** Routes that have a trend. */
const TRENDS = 200

/** The rows with their rates; without rows before, or after a restart of the daemon, nothing has gone through yet. */
export function measure(rows: readonly RouteRow[], before: Loaded<LiveRoute>, elapsedMs: number | null): LiveRoute[] {
  const known = new Map(typeof before === 'string' ? [] : before.map(row => [row.id, row]))
  const live = rows.map(row => {
    const last = known.get(row.id)
    const requestRate = rateOf(row.requests, last?.requests, elapsedMs)
    const errorRate = rateOf(row.errors, last?.errors, elapsedMs)
    return {...row, requestRate, errorRate, trend: last?.trend ?? NONE}
  })
  const least = leastOfBusiest(live)
  return live.map(row => {
    if (row.requestRate < least || (row.requestRate === 0 && row.trend.length === 0)) return dropTrend(row)
    return {...row, trend: append(row.trend, row.requestRate)}
  })
}

/** The list with one more at its end, and at most RATES_KEPT. */
export function append(values: readonly number[], value: number): readonly number[] {
  return [...values.slice(1 - RATES_KEPT), value]
}

// ---

const NONE: readonly number[] = []

function rateOf(count: number, before: number | undefined, elapsedMs: number | null): number {
  if (before === undefined || elapsedMs === null || elapsedMs <= 0) return 0
  return (Math.max(0, count - before) * 1000) / elapsedMs
}

function leastOfBusiest(rows: readonly LiveRoute[]): number {
  if (rows.length <= TRENDS) return 0
  const rates = rows.map(({requestRate}) => requestRate).filter(rate => rate > 0)
  if (rates.length <= TRENDS) return Number.MIN_VALUE
  return rates.sort((one, other) => other - one)[TRENDS - 1] ?? 0
}

function dropTrend(row: LiveRoute): LiveRoute {
  return row.trend === NONE ? row : {...row, trend: NONE}
}
