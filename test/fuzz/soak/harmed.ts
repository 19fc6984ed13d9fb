// What the instances have done to whom, as far as their process has told.

import {type ChildProcess, fork} from 'node:child_process'
import {once} from 'node:events'
import {join} from 'node:path'
import type {Scope} from '../../../src/base/scope.ts'
import type {Fault} from './faults.ts'
import type {FromInstances, InstancesStart, Question} from './instances.ts'

export type Harmed = {
  /** What was done to the request of this nonce; resolves when the instances have told all they did until now. */
  of(nonce: string): Promise<Fault | undefined>
  /** What the instances saw of the request. */
  stepsOf(nonce: string): Promise<string>
  /** The request is over. */
  forget(nonce: string): void
  /** Have the instances stood still since then, for so long that it looks like a fault? */
  hasStalledSince(ms: number): boolean
}

/** Remembered nonces; those of requests that succeeded all the same are not asked for again. */
const REMEMBERED_MAX = 20_000

/** Starts the instances; they end with the scope. */
export async function startInstances(
  scope: Scope,
  start: InstancesStart,
): Promise<{urls: readonly string[]; harmed: Harmed}> {
  const child = fork(join(import.meta.dirname, 'instances.ts'), {execArgv: ['--no-warnings']})
  scope.defer(() => child.kill())
  child.send(start)
  const [first] = (await once(child, 'message')) as [FromInstances]
  if (!('urls' in first)) throw new Error('the instances did not start')
  return {urls: first.urls, harmed: listen(child)}
}

// ---

function listen(child: ChildProcess): Harmed {
  const faults = new Map<string, Fault>()
  const waiting = new Map<number, (steps: string) => void>()
  let asked = 0
  let stalledMs = Number.NEGATIVE_INFINITY
  child.on('message', (message: FromInstances) => {
    if ('told' in message) {
      waiting.get(message.told)?.(message.steps)
      waiting.delete(message.told)
    } else if ('stalledMs' in message) {
      stalledMs = performance.now()
    } else if ('harmed' in message) {
      faults.set(message.harmed, message.fault)
      if (faults.size > REMEMBERED_MAX) for (const nonce of faults.keys()) return void faults.delete(nonce)
    }
  })
  // Messages of a process come in the order in which they were sent: when this one is answered, all before it are here.
  const ask = (nonce: string) =>
    new Promise<string>(resolve => {
      waiting.set(++asked, resolve)
      child.send({number: asked, nonce} satisfies Question)
    })
  return {
    async of(nonce) {
      if (!faults.has(nonce)) await ask(nonce)
      return faults.get(nonce)
    },
    stepsOf: ask,
    forget: nonce => void faults.delete(nonce),
    hasStalledSince: ms => stalledMs >= ms,
  }
}
