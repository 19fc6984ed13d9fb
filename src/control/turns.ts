// One thing at a time: runs that were asked for by ticks, and work of others that may not meet one. Ticks before a run has
// begun to read belong to it, ticks after that make one more; work waits for the end of a run and comes before the next one.

import {AppError} from '../base/errors.ts'
import type {Trigger} from './source.ts'

export type Turns = {
  /** Asks for a run; never waits, never throws. */
  tick(trigger: Trigger): void
  /** Does something while no run is under way; rejects with what it throws, or when the turns are closed. */
  inTurn<T>(work: () => Promise<T>): Promise<T>
  /** What is due, if anything, after the run that calls this; null: all ticks so far belong to it. */
  setDue(trigger: Trigger | null): void
  isDue(): boolean
  /** Before the first run has ended. */
  isStarting(): boolean
  isClosed(): boolean
  /** Resolves when no run is under way or due. */
  idle(): Promise<void>
  /** What waits for its turn is dropped; a run that is under way goes on. */
  close(): void
}

/** `run` must not throw; `onEnd` is called after every run and after work of others. */
export function createTurns(run: (trigger: Trigger) => Promise<void>, onEnd: () => void): Turns {
  const waiting: {readonly work: () => Promise<void>; readonly drop: () => void}[] = []
  let due: Trigger | null = null
  let running: Promise<void> | null = null
  let starting = true
  let closed = false

  async function loop(): Promise<void> {
    // The caller gets its turn first, so that `running` is set before anything can end.
    await null
    while ((due !== null || waiting.length > 0) && !closed) {
      const turn = starting ? undefined : waiting.shift()
      if (turn !== undefined) {
        await turn.work()
        onEnd()
        continue
      }
      const trigger = due ?? 'timer'
      due = null
      await run(trigger)
      starting = false
      onEnd()
    }
    running = null
  }

  return {
    tick(trigger) {
      if (closed) return
      due = trigger
      // Ticks before the first run belong to it.
      if (!starting || trigger === 'start') running ??= loop()
    },
    inTurn<T>(work: () => Promise<T>): Promise<T> {
      const {promise, resolve, reject} = Promise.withResolvers<T>()
      const drop = () => reject(new AppError('the daemon is stopping'))
      if (closed) drop()
      else waiting.push({work: () => work().then(resolve, reject), drop})
      if (!starting && !closed) running ??= loop()
      return promise
    },
    setDue(trigger) {
      due = trigger
    },
    isDue: () => due !== null,
    isStarting: () => starting,
    isClosed: () => closed,
    async idle() {
      while (running !== null) await running
    },
    close() {
      closed = true
      for (const {drop} of waiting.splice(0)) drop()
    },
  }
}
