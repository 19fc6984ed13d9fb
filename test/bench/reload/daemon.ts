// The daemon of test/bench/reload.ts, in a process of its own: says what it costs from one moment to the next.

import {BroadcastChannel} from 'node:worker_threads'
import {silentLog} from '../../../src/base/log.ts'
import {loadSettings} from '../../../src/control/config/settings.ts'
import {runDaemon} from '../../../src/daemon.ts'
import {profiled} from './profile.ts'
import {CHANNEL, type ThreadMeasured} from './threads.ts'

export type Ask =
  | {readonly kind: 'begin'}
  /** Until this revision is live on every worker. */
  | {readonly kind: 'live'; readonly revision: string}
  /** Profiles until it is live, and a moment longer. */
  | {readonly kind: 'profile'; readonly revision: string}
  | {readonly kind: 'stop'}

export type Answer =
  | {readonly kind: 'ready'; readonly port: number; readonly revision: string; readonly readyMs: number}
  | {readonly kind: 'begun'}
  | {readonly kind: 'measured'; readonly measured: Measured}
  | {readonly kind: 'profiled'; readonly stages: readonly (readonly [string, number])[]}

export type Measured = {
  /** All threads, and the main thread alone. */
  readonly cpuMs: number
  readonly mainMs: number
  /** Of the worker that stood still for longest. */
  readonly pauseMs: number
  readonly tookMs: number
  readonly rssMiB: number
}

/** What follows a reload, such as writing down what is served, is measured with it. */
const AFTERWARDS_MS = 400

const [file = '', cwd = ''] = process.argv.slice(2)
const began = performance.now()
const {settings, diagnostics} = await loadSettings({file, cwd})
if (!settings) throw new Error(JSON.stringify(diagnostics))
const daemon = await runDaemon(settings, {log: silentLog, stdout: () => {}})
const channel = new BroadcastChannel(CHANNEL)
const workers = daemon.operations.status().workers.length
let start = {cpu: process.cpuUsage(), main: process.threadCpuUsage(), at: 0}

process.on('message', (ask: Ask) => void answer(ask))
say({kind: 'ready', port: portOf(), revision: revision(), readyMs: performance.now() - began})

// ---

async function answer(ask: Ask): Promise<void> {
  switch (ask.kind) {
    case 'begin':
      await askThreads()
      start = {cpu: process.cpuUsage(), main: process.threadCpuUsage(), at: performance.now()}
      return say({kind: 'begun'})
    case 'live': {
      const tookMs = await live(ask.revision)
      await elapsed(AFTERWARDS_MS)
      const cpu = process.cpuUsage(start.cpu)
      const main = process.threadCpuUsage(start.main)
      const threads = await askThreads()
      const measured = {
        cpuMs: (cpu.user + cpu.system) / 1000,
        mainMs: (main.user + main.system) / 1000,
        pauseMs: Math.max(...threads.map(({pauseMs}) => pauseMs)),
        tookMs,
        rssMiB: process.memoryUsage().rss / 2 ** 20,
      }
      return say({kind: 'measured', measured})
    }
    case 'profile': {
      const stages = await profiled(async () => {
        await live(ask.revision)
        await elapsed(AFTERWARDS_MS)
      })
      return say({kind: 'profiled', stages: [...stages]})
    }
    case 'stop':
      await daemon.stop()
      process.exit(0)
  }
}

// Applied is what every worker serves; in a work tree it may have been served before it had this name.
async function live(wanted: string): Promise<number> {
  while (revision() !== wanted) await elapsed(25)
  return performance.now() - start.at
}

function askThreads(): Promise<ThreadMeasured[]> {
  const answers: ThreadMeasured[] = []
  return new Promise(resolve => {
    channel.onmessage = ({data}: {data: unknown}) => {
      answers.push(data as ThreadMeasured)
      if (answers.length === workers) resolve(answers)
    }
    channel.postMessage('ask')
  })
}

function revision(): string {
  return daemon.operations.status().revision.applied ?? ''
}

function portOf(): number {
  return Number(daemon.listeners.http[0]?.split(':').at(-1))
}

function say(message: Answer): void {
  process.send?.(message)
}

function elapsed(ms: number): Promise<void> {
  return new Promise(resolve => setTimeout(resolve, ms))
}
