// Waits for the writer to be done: a `git pull`, an `rsync` or an editor's save is many events and one change.

import type {Clock} from '../../base/clock.ts'

const QUIET_MS = 150
/** A folder that is written without end is read all the same after this time. */
const QUIET_AT_MOST_MS = 2_000
const BLOCKED_AT_MOST_MS = 30_000
const LOOK_EVERY_MS = 50

export type Settler = {
  /** Something happened in the folder. */
  touch(): void
  /**
   * Resolves when nothing has happened for 150 ms (at most 2 s of endless events) and nothing blocks. What blocks is
   * waited for at most `blockedAtMostMs`, 30 s unless said otherwise: then it goes on and returns what still blocks.
   */
  settled(blockedAtMostMs?: number): Promise<string | null>
  /** Ends every wait at once, now and from now on. */
  stop(): void
}

/** `blocked` says in words why the folder should not be read now, or null. */
export function createSettler(clock: Clock, blocked: () => Promise<string | null>): Settler {
  let touchedAt = Number.NEGATIVE_INFINITY
  let stopped = false
  let wake = () => {}

  function pause(ms: number): Promise<void> {
    return new Promise(resolve => {
      const cancel = clock.after(ms, resolve)
      wake = () => {
        cancel()
        resolve()
      }
    })
  }

  async function quiet(): Promise<void> {
    const until = clock.now() + QUIET_AT_MOST_MS
    while (!stopped) {
      const waitMs = Math.min(touchedAt + QUIET_MS, until) - clock.now()
      if (waitMs <= 0) return
      await pause(waitMs)
    }
  }

  return {
    touch() {
      touchedAt = clock.now()
    },
    async settled(blockedAtMostMs = BLOCKED_AT_MOST_MS) {
      const until = clock.now() + blockedAtMostMs
      for (;;) {
        await quiet()
        const why = await blocked()
        if (why === null || stopped || clock.now() >= until) return why
        await pause(LOOK_EVERY_MS)
        // Whoever held the lock may have written just before letting go of it.
        touchedAt = clock.now()
      }
    },
    stop() {
      stopped = true
      wake()
    },
  }
}
