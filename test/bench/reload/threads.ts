// Loaded into every thread of the daemon that test/bench/reload.ts measures: tells when it is asked what the thread cost, and
// how long its loop stood still. A pause is counted in processor time: on a machine with other work a thread stands still for
// as long as the system likes, and that is none of our doing.

import {BroadcastChannel, isMainThread, threadId} from 'node:worker_threads'

/** What a thread says of the time since it was asked last. */
export type ThreadMeasured = {readonly thread: number; readonly pauseMs: number; readonly cpuMs: number}

/** Everybody listens for 'ask', and who asked for the answers. */
export const CHANNEL = 'reload-bench'

if (!isMainThread) {
  let before = process.threadCpuUsage()
  let last = before
  let pauseUs = 0
  setInterval(() => {
    const now = process.threadCpuUsage()
    pauseUs = Math.max(pauseUs, now.user + now.system - last.user - last.system)
    last = now
  }, 1).unref()
  const channel = new BroadcastChannel(CHANNEL)
  channel.onmessage = ({data}: {data: unknown}) => {
    if (data !== 'ask') return
    const {user, system} = process.threadCpuUsage(before)
    const measured: ThreadMeasured = {
      thread: threadId,
      pauseMs: pauseUs / 1000,
      cpuMs: (user + system) / 1000,
    }
    channel.postMessage(measured)
    pauseUs = 0
    before = process.threadCpuUsage()
  }
  // Threads end when they are told to, not when this does.
  Object(channel).unref()
}
