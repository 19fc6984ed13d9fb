// How this worker is, noted with every tick; see scoreboard/gauges.ts.

import {performance} from 'node:perf_hooks'
import {ACTIVE_MS, CONNECTIONS, COPIES, HEAP_BYTES, LAG_MS} from '../scoreboard/gauges.ts'
import type {Thread} from './thread.ts'
import {TICK_MS} from './ticks.ts'

/** The lag is the most of the window at hand and the one before. */
const WINDOW_TICKS = 100
/** Asking for the heap costs more than the rest. */
const HEAP_TICKS = 50

/** What is to be called with every tick, behind `ticks.tick()`. */
export function createWorkerGauges({gauges, ticks, clients}: Thread, copies: () => number): () => void {
  // A worker that took the place of one that died counts on.
  const before = gauges[ACTIVE_MS] ?? 0
  let lastMs = ticks.nowMs
  let count = 0
  let most = 0
  let mostBefore = 0
  return () => {
    const lagMs = Math.max(0, ticks.nowMs - lastMs - TICK_MS)
    lastMs = ticks.nowMs
    if (count % WINDOW_TICKS === 0) {
      mostBefore = most
      most = 0
    }
    most = Math.max(most, lagMs)
    if (count % HEAP_TICKS === 0) gauges[HEAP_BYTES] = process.memoryUsage().heapUsed
    count++
    gauges[LAG_MS] = Math.max(most, mostBefore)
    gauges[ACTIVE_MS] = before + performance.eventLoopUtilization().active
    gauges[CONNECTIONS] = clients.size
    gauges[COPIES] = copies()
  }
}
