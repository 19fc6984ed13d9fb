// A clock that a test moves by hand.

import type {Clock} from '../../src/base/clock.ts'

export type FakeClock = Clock & {
  /** Moves time on; what comes due on the way is called in order, each with time to follow up on it. */
  advance(ms: number): Promise<void>
  /** Sets it, as somebody who corrects a clock does: no time goes by, and what is pending comes as much later as before. */
  leap(ms: number): void
  /** How many calls are pending. */
  pending(): number
}

export function createFakeClock(startMs = Date.UTC(2026, 0, 1)): FakeClock {
  let nowMs = startMs
  let timers: {atMs: number; readonly fn: () => void}[] = []
  return {
    now: () => nowMs,
    after(ms, fn) {
      const timer = {atMs: nowMs + ms, fn}
      timers.push(timer)
      return () => {
        timers = timers.filter(other => other !== timer)
      }
    },
    async advance(ms) {
      const endMs = nowMs + ms
      await turns()
      for (;;) {
        const next = timers.filter(({atMs}) => atMs <= endMs).sort((a, b) => a.atMs - b.atMs)[0]
        if (!next) break
        timers = timers.filter(other => other !== next)
        nowMs = Math.max(nowMs, next.atMs)
        next.fn()
        await turns()
      }
      nowMs = endMs
    },
    leap(ms) {
      nowMs += ms
      for (const timer of timers) timer.atMs += ms
    },
    pending: () => timers.length,
  }
}

// ---

// A few turns of the event loop: enough for promises that depend on each other, not for files or sockets.
async function turns(): Promise<void> {
  for (let turn = 0; turn < 5; turn++) await new Promise(resolve => setImmediate(resolve))
}
