// How late an event loop is, seen by whoever is called at a steady pace: the most of the window at hand and the one before,
// so that a stall is still there when somebody looks.

const WINDOW_MS = 10_000

/** Is told the time of each call, in milliseconds, and returns how late the loop was at the most in the last 10 to 20 s. */
export function createLag(everyMs: number, startMs: number): (nowMs: number) => number {
  let lastMs = startMs
  let windowMs = startMs
  let most = 0
  let mostBefore = 0
  return nowMs => {
    const lagMs = Math.max(0, nowMs - lastMs - everyMs)
    lastMs = nowMs
    if (nowMs - windowMs >= WINDOW_MS) {
      windowMs = nowMs
      mostBefore = most
      most = 0
    }
    most = Math.max(most, lagMs)
    return Math.max(most, mostBefore)
  }
}
