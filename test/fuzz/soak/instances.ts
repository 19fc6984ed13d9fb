// The instances of the soak in a process of their own, so that no client takes their time: an answer that is late is then
// the proxy's, not that of a thread with too much to do. Tells by IPC whom they harm before they do it; ends with its parent.

import {createScope} from '../../../src/base/scope.ts'
import {createRandom} from '../random.ts'
import {type Fault, faultyInstance} from './faults.ts'

export type InstancesStart = {readonly seed: number; readonly faultShare: number; readonly oddShare: number}

export type FromInstances =
  | {readonly urls: readonly string[]}
  | {readonly harmed: string; readonly fault: Fault}
  /** Answers a number, behind everything that was told before. */
  | {readonly told: number}
  /** They stood still for so long. */
  | {readonly stalledMs: number}

/** Shorter pauses are part of the load. */
const STALL_MS = 1_000
const LOOK_MS = 50

process.once('message', async ({seed, ...faults}: InstancesStart) => {
  const scope = createScope()
  const random = createRandom(seed)
  const onHarm = (harmed: string, fault: Fault) => say({harmed, fault})
  const urls: string[] = []
  for (let index = 0; index < 3; index++) urls.push(await faultyInstance(scope, index, random, onHarm, faults))
  say({urls})
  process.on('message', (told: number) => say({told}))
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
