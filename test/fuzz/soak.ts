// Mixed load with faults: a hundred clients through a data plane to three instances that now and then reset, stall, answer
// garbage or break off, while a snapshot a second changes some routes and leaves the others. No answer may be another's,
// no request may fail that no fault explains, memory and file descriptors stay where they were.
//
//   node test/fuzz/soak.ts [--seconds 30] [--clients 100] [--seed N]
//   node test/fuzz/soak.ts --renewals 10 [--validity 90]     see renewals.ts
//   node test/fuzz/soak.ts --kills 200 [--seed N]            see kills.ts
//
// Exit code: 0 nothing found, 1 findings, 2 usage.

import {fork} from 'node:child_process'
import {once} from 'node:events'
import {readdirSync, readFileSync} from 'node:fs'
import {join} from 'node:path'
import {parseArgs} from 'node:util'
import {createScope, type Scope} from '../../src/base/scope.ts'
import type {Snapshot} from '../../src/snapshot/snapshot.ts'
import {snapshotOf} from '../helpers/proxy.ts'
import {soakKills} from './kills.ts'
import {createRandom} from './random.ts'
import {soakRenewals} from './renewals.ts'
import {tableOf} from './report.ts'
import {type Soak, soakClient, type Tally} from './soak/client.ts'
import {startInstances} from './soak/harmed.ts'

/** Far above what an instance under this load needs, below the patience of the clients. */
const RESPONSE_MS = 8_000
const RELOAD_MS = 1_000
const FAULT_SHARE = 0.04
const ODD_SHARE = 0.1
/** Of the data plane's process: a leak of 20 bytes per request is more in half an hour. */
const GROWTH_MAX = 64 * 2 ** 20
/** Connections to the three instances that stay open for the next request. */
const IDLE_DESCRIPTORS = 3 * 64
/** Lines of wrong and unexplained that are shown. */
const SHOWN_MAX = 20

const OPTIONS = {
  seconds: {type: 'string'},
  clients: {type: 'string'},
  seed: {type: 'string'},
  renewals: {type: 'string'},
  validity: {type: 'string'},
  kills: {type: 'string'},
} as const

process.exitCode = await main()

// ---

async function main(): Promise<number> {
  const {values} = parseArgs({options: OPTIONS})
  for (const [name, value] of Object.entries(values)) {
    if (/^[1-9]\d*$/.test(value)) continue
    console.error(`--${name} is a number, not ${JSON.stringify(value)}`)
    return 2
  }
  const seed = Number(values.seed ?? Date.now() % 2 ** 31)
  if (values.renewals !== undefined)
    return Math.min(1, await soakRenewals(Number(values.renewals), Number(values.validity ?? 90)))
  if (values.kills !== undefined) return Math.min(1, await soakKills(Number(values.kills), seed))
  const seconds = Number(values.seconds ?? 30)
  const clients = Number(values.clients ?? 100)
  console.log(`soak: ${seconds} s, ${clients} clients, seed ${seed}`)
  const tally: Tally = {requests: 0, answered: 0, aborted: 0, explained: new Map(), wrong: [], unexplained: []}
  const scope = createScope()
  let run: Run
  try {
    run = await soakFor(scope, seconds, clients, seed, tally)
  } finally {
    await scope.close()
  }
  const growth = run.rssLast - run.rssFirst
  const problems = [
    ...tally.wrong.map(text => `WRONG ${text}`),
    ...tally.unexplained.map(text => `UNEXPLAINED ${text}`),
    ...(run.restarts > 0 ? [`LEFT ${run.restarts} workers died`] : []),
    ...(run.descriptorsAfter > run.descriptorsBefore + IDLE_DESCRIPTORS
      ? [`LEFT file descriptors: ${run.descriptorsBefore} before, ${run.descriptorsAfter} after`]
      : []),
    ...(growth > GROWTH_MAX
      ? [`LEFT memory: ${mib(run.rssFirst)} after a quarter, ${mib(run.rssLast)} at the end`]
      : []),
  ]
  for (const line of tableOf('explained failures:', tally.explained)) console.log(line)
  for (const line of problems.slice(0, SHOWN_MAX)) console.log(line)
  console.log(
    `${tally.requests} requests (${Math.round(tally.requests / seconds)}/s), ${tally.answered} answered right, ` +
      `${tally.aborted} aborted by the client, ${tally.wrong.length} wrong, ${tally.unexplained.length} failed without a fault`,
  )
  console.log(
    `${run.reloads} reloads; rss of the data plane ${mib(run.rssFirst)} after a quarter, ${mib(run.rssLast)} at the end; its descriptors ` +
      `${run.descriptorsBefore} before, ${run.descriptorsFirst} after a quarter, ${run.descriptorsLast} at the end, ${run.descriptorsAfter} after`,
  )
  return problems.length === 0 ? 0 : 1
}

type Run = {
  reloads: number
  restarts: number
  rssFirst: number
  rssLast: number
  descriptorsBefore: number
  descriptorsFirst: number
  descriptorsLast: number
  descriptorsAfter: number
}

async function soakFor(scope: Scope, seconds: number, clients: number, seed: number, tally: Tally): Promise<Run> {
  const {urls, harmed} = await startInstances(scope, {seed, faultShare: FAULT_SHARE, oddShare: ODD_SHARE})
  const plane = await startPlane(scope, soakSnapshot(urls, 0))
  const descriptorsBefore = descriptors(plane.pid)

  const endsMs = performance.now() + seconds * 1000
  let isFailing = false
  const isOver = () => {
    isFailing ||= tally.wrong.length + tally.unexplained.length > 10 * SHOWN_MAX
    return isFailing || performance.now() > endsMs
  }
  const samples: {rss: number; descriptors: number}[] = []
  let reloads = 0
  const reloading = (async () => {
    while (!isOver()) {
      await new Promise(resolve => setTimeout(resolve, RELOAD_MS))
      await plane.apply(soakSnapshot(urls, ++reloads))
      samples.push({rss: residentBytes(plane.pid), descriptors: descriptors(plane.pid)})
    }
  })()
  const soak: Soak = {port: plane.port, random: createRandom(seed), harmed, tally, isOver}
  await Promise.all([reloading, ...Array.from({length: clients}, (_, i) => soakClient(soak, String(i)))])

  const quarter = Math.max(1, samples.length >> 2)
  const first = samples.slice(quarter, 2 * quarter)
  const last = samples.slice(-quarter)
  return {
    reloads,
    restarts: await plane.restarts(),
    rssFirst: median(first.map(sample => sample.rss)),
    rssLast: median(last.map(sample => sample.rss)),
    descriptorsBefore,
    descriptorsAfter: await settled(() => descriptors(plane.pid), descriptorsBefore + IDLE_DESCRIPTORS),
    descriptorsFirst: median(first.map(sample => sample.descriptors)),
    descriptorsLast: median(last.map(sample => sample.descriptors)),
  }
}

// Two routes stay as they are; /flip moves between two instances; the third instance leaves and comes back; one more
// route is another each time.
function soakSnapshot(urls: readonly string[], turn: number): Snapshot {
  const [first = '', second = '', third = ''] = urls
  const isOdd = turn % 2 === 1
  const routes = {
    'a.localhost': first,
    'b.localhost': second,
    'c.localhost': isOdd ? first : third,
    ...(isOdd ? {'a.localhost/flip': second, 'b.localhost/flip': second, 'c.localhost/flip': second} : {}),
    [`turn-${turn}.localhost`]: second,
  }
  return snapshotOf(routes, {revision: `turn-${turn}`, timeouts: {responseMs: RESPONSE_MS}})
}

type Plane = {
  readonly port: number
  readonly pid: number
  apply(snapshot: Snapshot): Promise<void>
  restarts(): Promise<number>
}

async function startPlane(scope: Scope, snapshot: Snapshot): Promise<Plane> {
  const child = fork(join(import.meta.dirname, 'soak', 'plane.ts'), {execArgv: ['--no-warnings']})
  scope.defer(() => child.kill())
  const ask = async (message: Snapshot | 'stats'): Promise<Record<string, unknown>> => {
    const answered = once(child, 'message')
    child.send(message)
    return (await answered)[0]
  }
  const {port} = await ask(snapshot)
  return {
    port: Number(port),
    pid: child.pid ?? 0,
    apply: async next => void (await ask(next)),
    restarts: async () => Number((await ask('stats'))['restarts']),
  }
}

/** Open file descriptors of a process; 0 where the system does not tell. */
function descriptors(pid: number): number {
  return process.platform === 'linux' ? readdirSync(`/proc/${pid}/fd`).length : 0
}

function residentBytes(pid: number): number {
  if (process.platform !== 'linux') return 0
  return Number(/VmRSS:\s+(\d+)/.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1]) * 1024
}

// Sockets that were closed leave a moment later.
async function settled(look: () => number, wanted: number): Promise<number> {
  for (let tries = 0; tries < 100 && look() > wanted; tries++) await new Promise(resolve => setTimeout(resolve, 20))
  return look()
}

function median(values: readonly number[]): number {
  return [...values].sort((a, b) => a - b)[values.length >> 1] ?? 0
}

function mib(bytes: number): string {
  return `${(bytes / 2 ** 20).toFixed(0)} MiB`
}
