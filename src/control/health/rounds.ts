// When which instance is asked: every check in its own interval, a little off the beat so that they do not fall in step,
// and never more than so many at a time.

import type {Clock} from '../../base/clock.ts'

export type Rounds = {
  /** Begins to ask, the first time at once, or after its place among many that are new. */
  add(key: string, intervalMs: number, ask: Ask): void
  /** Ends it, in whatever state it is. */
  remove(key: string): void
  close(): void
}

/** Starts to ask and returns how to stop it; calls back exactly once, when nothing of it is open any more. */
export type Ask = (onClose: () => void) => () => void

export type RoundsParts = {
  readonly clock: Clock
  /** From 0 to 1, without 1. */
  readonly random: () => number
  /** How many are asked at a time; the others wait in the order in which they came due. */
  readonly parallel: number
}

/** Between the first questions of two checks that are new together: 5,000 of them begin within 5 s. */
const SPREAD_MS = 1
/** An interval is this much longer or shorter, at most. */
const JITTER = 0.1
/** Checks that come due within it are asked together: a thread that wakes up for each of them pays a third more. */
const BEAT_MS = 10
/** What a timer of Node can wait for. */
const TIMER_MAX_MS = 2 ** 31 - 1 - BEAT_MS

/** A moment and who is asked then; there is none for nobody. */
type Beat = {readonly atMs: number; readonly rounds: Set<Round>; readonly cancel: () => void}

type Round = {
  readonly key: string
  readonly intervalMs: number
  readonly ask: Ask
  /** The beat that it waits for; null while it is asked or stands in line. */
  beat: Beat | null
  stop: () => void
  isGone: boolean
}

export function createRounds({clock, random, parallel}: RoundsParts): Rounds {
  const rounds = new Map<string, Round>()
  const beats = new Map<number, Beat>()
  // At most one place for each round, and the gone ones until their turn.
  const line: Round[] = []
  let asking = 0
  let isStarting = false
  /** When the next new check may be asked for the first time. */
  let nextFirstMs = 0

  function add(key: string, intervalMs: number, ask: Ask): void {
    const round: Round = {key, intervalMs, ask, beat: null, stop: () => {}, isGone: false}
    rounds.set(key, round)
    const nowMs = clock.now()
    nextFirstMs = Math.max(nowMs, nextFirstMs)
    wait(round, Math.min(nextFirstMs - nowMs, intervalMs))
    nextFirstMs += SPREAD_MS
  }

  function wait(round: Round, ms: number): void {
    round.beat = beatAt(Math.ceil((clock.now() + Math.min(ms, TIMER_MAX_MS)) / BEAT_MS) * BEAT_MS)
    round.beat.rounds.add(round)
  }

  function beatAt(atMs: number): Beat {
    const known = beats.get(atMs)
    if (known) return known
    const beat = {atMs, rounds: new Set<Round>(), cancel: clock.after(atMs - clock.now(), () => onBeat(beat))}
    beats.set(atMs, beat)
    return beat
  }

  function onBeat({atMs, rounds: due}: Beat): void {
    beats.delete(atMs)
    for (const round of due) {
      round.beat = null
      line.push(round)
    }
    startDue()
  }

  function startDue(): void {
    // A question that is over at once comes back here; the loop goes on by itself then.
    if (isStarting) return
    isStarting = true
    while (asking < parallel) {
      const round = line.shift()
      if (!round) break
      if (!round.isGone) start(round)
    }
    isStarting = false
  }

  function start(round: Round): void {
    asking++
    const startedMs = clock.now()
    round.stop = round.ask(() => {
      asking--
      round.stop = () => {}
      // A clock that was set back must not make it wait for the difference.
      const tookMs = Math.max(0, clock.now() - startedMs)
      if (!round.isGone) wait(round, Math.max(0, jittered(round.intervalMs) - tookMs))
      startDue()
    })
  }

  function jittered(ms: number): number {
    return ms * (1 - JITTER + 2 * JITTER * random())
  }

  function remove(key: string): void {
    const round = rounds.get(key)
    if (!round) return
    rounds.delete(key)
    round.isGone = true
    leaveBeat(round)
    round.stop()
  }

  function leaveBeat(round: Round): void {
    const {beat} = round
    if (!beat) return
    beat.rounds.delete(round)
    if (beat.rounds.size > 0) return
    beat.cancel()
    beats.delete(beat.atMs)
  }

  return {
    add,
    remove,
    close() {
      for (const key of [...rounds.keys()]) remove(key)
    },
  }
}
