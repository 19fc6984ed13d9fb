// The instances of the soak in a process of their own, so that no client takes their time: an answer that is late is then
// the proxy's, not that of a thread with too much to do. Tells by IPC whom they harm before they do it; ends with its parent.

import {createScope} from '../../../src/base/scope.ts'
import {createRandom} from '../random.ts'
import {type Fault, faultyInstance} from './faults.ts'

export type InstancesStart = {readonly seed: number; readonly faultShare: number; readonly oddShare: number}

export type FromInstances =
  | {readonly urls: readonly string[]}
  | {readonly harmed: string; readonly fault: Fault}
  /** Answers a question, behind everything that was told before, with what has become of the request. */
  | {readonly told: number; readonly steps: string}
  /** They stood still for so long. */
  | {readonly stalledMs: number}

export type Question = {readonly number: number; readonly nonce: string}

/** Requests that are remembered: those of the last half minute. */
const STEPS_MAX = 100_000
/** Shorter pauses are part of the load. */
const STALL_MS = 1_000
const LOOK_MS = 50

process.once('message', async ({seed, ...faults}: InstancesStart) => {
  const scope = createScope()
  const random = createRandom(seed)
  const onHarm = (harmed: string, fault: Fault) => say({harmed, fault})
  const urls: string[] = []
  const steps = new Map<string, string>()
  const storyOf = (nonce: string): string => {
    const story = steps.get(nonce) ?? ' never arrived'
    const before = /behind (\S+)/.exec(story)?.[1]
    return before === undefined ? story : `${story} (${before}:${steps.get(before)})`
  }
  const onStep = (nonce: string, step: string) => {
    steps.set(nonce, `${steps.get(nonce) ?? ''} ${step}`)
    if (steps.size > STEPS_MAX) for (const oldest of steps.keys()) return void steps.delete(oldest)
  }
  for (let index = 0; index < 3; index++) urls.push(await faultyInstance(scope, index, random, onHarm, onStep, faults))
  say({urls})
  process.on('message', ({number, nonce}: Question) => say({told: number, steps: storyOf(nonce)}))
  watchForStalls()
})
process.on('disconnect', () => process.exit())

// ---

function say(message: FromInstances): void {
  process.send?.(message)
}

function watchForStalls(): void {
  let lookedMs = performance.now()
  setInterval(() => {
    const now = performance.now()
    if (now - lookedMs > STALL_MS) say({stalledMs: now - lookedMs})
    lookedMs = now
  }, LOOK_MS)
}
