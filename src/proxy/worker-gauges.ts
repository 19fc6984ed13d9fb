// How this worker is, noted with every tick; see scoreboard/gauges.ts.

import {performance} from 'node:perf_hooks'
import {createLag} from '../base/lag.ts'
import {ACTIVE_MS, CONNECTIONS, COPIES, HEAP_BYTES, LAG_MS} from '../scoreboard/gauges.ts'
import type {Thread} from './thread.ts'
import {TICK_MS} from './ticks.ts'

/** Asking for the heap costs more than the rest. */
const HEAP_TICKS = 50

/** What is to be called with every tick, behind `ticks.tick()`. */
export function createWorkerGauges(thread: Thread): () => void {
  const {gauges, ticks, clients, sessions, handshakes} = thread
  const lag = createLag(TICK_MS, ticks.nowMs)
  // A worker that took the place of one that died counts on.
  const before = gauges[ACTIVE_MS] ?? 0
  let count = 0
  return () => {
    if (count++ % HEAP_TICKS === 0) gauges[HEAP_BYTES] = process.memoryUsage().heapUsed
    gauges[LAG_MS] = lag(ticks.nowMs)
    gauges[ACTIVE_MS] = before + performance.eventLoopUtilization().active
    gauges[CONNECTIONS] = clients.size + sessions.size + handshakes.size
    gauges[COPIES] = thread.copies
  }
}
