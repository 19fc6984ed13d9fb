// What several verbs say in the same words.

import type {InstanceRow, Status} from '../admin/protocol.ts'

/** '3', or '5 (was 3)' while an operator has changed it. */
export function weightInWords({
  weight,
  configuredWeight = weight,
}: Pick<InstanceRow, 'weight' | 'configuredWeight'>): string {
  return weight === configuredWeight ? String(weight) : `${weight} (was ${configuredWeight})`
}

/** '812.5 requests/s, 0.0 errors/s, p50 0.4ms, p99 31.0ms', of the last ten seconds. */
export function trafficInWords({traffic, latency}: Pick<Status, 'traffic' | 'latency'>): string {
  if (!traffic) return 'unknown'
  const rates = `${traffic.requestsPerSecond.toFixed(1)} requests/s, ${traffic.errorsPerSecond.toFixed(1)} errors/s`
  return latency ? `${rates}, p50 ${latency.p50Ms.toFixed(1)}ms, p99 ${latency.p99Ms.toFixed(1)}ms` : rates
}
