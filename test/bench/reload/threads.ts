// Loaded into every thread of the daemon that test/bench/reload.ts measures: tells now and then how long the thread's loop
// stood still, and what the thread cost.

import {monitorEventLoopDelay} from 'node:perf_hooks'
import {BroadcastChannel, isMainThread, threadId} from 'node:worker_threads'

/** What a thread says of the time since it was asked last. */
export type ThreadMeasured = {readonly thread: number; readonly pauseMs: number; readonly cpuMs: number}

/** Everybody listens for 'ask', and who asked for the answers. */
export const CHANNEL = 'reload-bench'

if (!isMainThread) {
  const delays = monitorEventLoopDelay({resolution: 1})
  delays.enable()
  let before = process.threadCpuUsage()
  const channel = new BroadcastChannel(CHANNEL)
  channel.onmessage = ({data}: {data: unknown}) => {
    if (data !== 'ask') return
    const {user, system} = process.threadCpuUsage(before)
    const measured: ThreadMeasured = {
      thread: threadId,
      // The histogram counts whole intervals, the millisecond that was asked for among them.
      pauseMs: Math.max(0, delays.max / 1e6 - 1),
      cpuMs: (user + system) / 1000,
    }
    channel.postMessage(measured)
    delays.reset()
    before = process.threadCpuUsage()
  }
  // Threads end when they are told to, not when this does.
  Object(channel).unref()
}
