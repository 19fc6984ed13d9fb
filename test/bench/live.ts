// Everything at once: requests at a steady rate, routes that change, orders that each are an event, the terminal UI, a
// reader of events that reads all and one that never does. Is the data plane as fast as alone, does memory stay where it
// is, does whoever is too slow go, and does the screen end with what is true?
//
//   node test/bench/live.ts [--seconds N (60)] [--rate N (20000)] [--edits N (200)] [--orders N (200)] [--first]
//
// Load, instance, edits, orders and screen are on the same machine, and on one with two cores a request waits for all of
// them. With --first (Linux, root) the workers, their instance and the load go before everything else, as they would on
// machines of their own: what is left in the latencies is what changes do to the data plane itself.

import {execFileSync} from 'node:child_process'
import {readFileSync} from 'node:fs'
import {connect} from 'node:net'
import {setTimeout as delay} from 'node:timers/promises'
import {parseArgs} from 'node:util'
import {type AdminClient, createAdminClient} from '../../src/admin/client.ts'
import {startIn} from '../helpers/command.ts'
import {type Folder, withFolder} from '../helpers/folder.ts'
import {cpuSecondsOf, residentBytesOf, threadsOf} from '../helpers/process.ts'
import {HAS_TMUX, type Tmux, tmuxIn} from '../helpers/tmux.ts'
import {ROUTESD} from '../helpers/tui-program.ts'
import {startPeer} from './end-to-end.ts'
import {type Load, startLoad, type Taken} from './load.ts'

export type LiveOptions = {
  readonly seconds: number
  /** Requests, changed routes and orders a second. */
  readonly rate: number
  readonly edits: number
  readonly orders: number
  /** The data plane, its instance and the load before everything else. */
  readonly isFirst?: boolean
}

export type Live = {
  /** How long it was busy. */
  readonly seconds: number
  /** Of the load alone, with everything, and alone again. */
  readonly before: Phase
  readonly during: Phase
  readonly after: Phase
  readonly edits: number
  /** Revisions that became live meanwhile. */
  readonly revisions: number
  readonly orders: number
  /** Orders that were due while too many were waiting. */
  readonly skipped: number
  /** Orders that were not answered in time. */
  readonly failed: number
  readonly reader: Read
  readonly stalled: {readonly isDropped: boolean; readonly bytes: number}
  /** Every second. */
  readonly daemonBytes: readonly number[]
  readonly tui: {readonly bytes: readonly number[]; readonly cpuShare: number; readonly isRightAtTheEnd: boolean} | null
}

/** `cpuShare`: of one core, all threads of the daemon. */
type Phase = Taken & {readonly cpuShare: number}

/** What a reader has got that reads all. */
type Read = {
  events: number
  /** Events whose number is not one more than the one before. */
  gaps: number
  readonly revisions: Set<string>
  /** The most that came in one second. */
  most: number
}

/** What Node calls the threads of workers. */
const WORKER = 'WorkerThread'
const WARM_UP_MS = 3_000
const INSTANCES = 100
const FILES = 20
/** Edits and orders come in groups, as those of a program do, with a moment of rest between them. */
const TURN_MS = 100
/** Orders that the daemon has not answered yet; what is due beyond that is skipped. */
const WAITING_MAX = 20
/** A long word makes a large event. */
const WHY = 'because '.repeat(20).trim()
/** No connection of the load comes to its end: one that does is a failure. */
const SETTINGS =
  'workers: 2\nlisten: {http: "127.0.0.1:0", service: off}\nadmin: {http: off}\nedge: {requestsPerConnection: 1000000}\n'

export async function live(options: LiveOptions): Promise<Live> {
  const results: Live[] = []
  await withFolder(async folder => void results.push(await run(folder, options)))()
  const [result] = results
  if (!result) throw new Error('nothing was measured')
  return result
}

// ---

async function run(folder: Folder, {seconds, rate, edits, orders, isFirst = false}: LiveOptions): Promise<Live> {
  const origin = await startPeer('origin')
  folder.scope.defer(() => origin.child.kill())
  const urls = Array.from({length: INSTANCES}, (_, index) => `"http://127.0.0.1:${20_000 + index}"`)
  const site = `{id: x.localhost, target: "http://127.0.0.1:${origin.port}"}`
  await folder.write({
    'routesd.yaml': SETTINGS,
    'routes.d/site.yaml': `routes: [${site}]\nservices: [{slug: s, instances: [${urls.join(', ')}]}]\n`,
  })
  const daemon = startIn(folder, ['run'])
  const ready = await daemon.line(/^routesd ready /)
  const load = startLoad({port: Number(/ http=\S+?:(\d+)/.exec(ready)?.[1]), host: 'x.localhost', rate})
  folder.scope.defer(() => load.stop())
  const pid = daemon.child.pid ?? 0
  if (isFirst) goFirst([...threadsOf(pid, WORKER), ...threadsOf(process.pid, WORKER), String(origin.child.pid)])
  const before = await measure(load, pid, seconds)

  const client = createAdminClient(folder.at('.routesd/admin.sock'))
  const leave = new AbortController()
  const reader = read(client, leave.signal)
  const stalled = stall(folder)
  const terminal = HAS_TMUX ? await tmuxIn(folder, `echo $$ > tui.pid; exec ${ROUTESD} tui`, 120, 40) : null
  await terminal?.see(/x\.localhost/)
  const tuiPid = terminal && Number(readFileSync(folder.at('tui.pid'), 'utf8'))
  await load.take()
  const daemonCpuBefore = cpuSecondsOf(pid)
  const cpuBefore = tuiPid && cpuSecondsOf(tuiPid)

  const done = {edits: 0, orders: 0, skipped: 0, failed: 0}
  const [daemonBytes, tuiBytes]: [number[], number[]] = [[], []]
  const beganMs = performance.now()
  const dueOf = (perSecond: number) => Math.floor(((performance.now() - beganMs) / 1000) * perSecond)
  const waiting = new Set<Promise<void>>()
  for (let turn = 1; performance.now() - beganMs < seconds * 1000; turn++) {
    for (const due = dueOf(edits); done.edits < due; done.edits++) await edit(folder, done.edits)
    for (const due = dueOf(orders); done.orders + done.skipped < due; ) {
      if (waiting.size >= WAITING_MAX) done.skipped++
      else {
        const asked = order(client, done.orders++)
          .catch(() => void done.failed++)
          .finally(() => waiting.delete(asked))
        waiting.add(asked)
      }
    }
    if (turn % (1000 / TURN_MS) === 0) {
      daemonBytes.push(residentBytesOf(pid))
      if (tuiPid) tuiBytes.push(residentBytesOf(tuiPid))
    }
    await delay(Math.max(0, beganMs + turn * TURN_MS - performance.now()))
  }
  await Promise.all(waiting)
  const elapsedMs = performance.now() - beganMs
  const daemonShare = ((cpuSecondsOf(pid) - daemonCpuBefore) * 1000) / elapsedMs
  const during = {...(await load.take()), cpuShare: daemonShare}
  const cpuShare = tuiPid && cpuBefore !== null ? (cpuSecondsOf(tuiPid) - cpuBefore) / (elapsedMs / 1000) : 0

  await folder.write({'routes.d/last.yaml': '- {id: last.localhost, respond: {status: 204}}\n'})
  const isRightAtTheEnd = terminal !== null && (await sees(terminal))
  const left = await stalled.end()
  leave.abort()
  const {counted} = reader
  await terminal?.press('q')
  await terminal?.ended()
  const after = await measure(load, pid, seconds)
  return {
    ...{before, during, after, seconds: elapsedMs / 1000},
    ...done,
    revisions: counted.revisions.size,
    reader: counted,
    stalled: left,
    daemonBytes,
    tui: terminal && {bytes: tuiBytes, cpuShare, isRightAtTheEnd},
  }
}

// The lowest class that no ordinary thread can keep waiting (sched(7)).
function goFirst(threads: readonly string[]): void {
  for (const id of threads) execFileSync('chrt', ['--fifo', '--pid', '1', id])
}

async function measure(load: Load, daemon: number, seconds: number): Promise<Phase> {
  await delay(WARM_UP_MS)
  await load.take()
  const [cpuSeconds, beganMs] = [cpuSecondsOf(daemon), performance.now()]
  await delay(seconds * 1000)
  const cpuShare = ((cpuSecondsOf(daemon) - cpuSeconds) * 1000) / (performance.now() - beganMs)
  return {...(await load.take()), cpuShare}
}

// Another answer of one of a few routes.
function edit(folder: Folder, index: number): Promise<void> {
  const route = `{id: e${index % FILES}.localhost, respond: {status: 200, body: "${index}"}}`
  return folder.write({[`routes.d/e${index % FILES}.yaml`]: `- ${route}\n`})
}

// All are drained in turn, and then lifted again.
async function order(client: AdminClient, index: number): Promise<void> {
  const id = `s@127.0.0.1:${20_000 + (index % INSTANCES)}`
  if (Math.floor(index / INSTANCES) % 2 === 0) await client.drain(id, {for: '10m', why: WHY})
  else await client.undrain(id)
}

function read(client: AdminClient, signal: AbortSignal): {readonly counted: Read} {
  const counted: Read = {events: 0, gaps: 0, revisions: new Set(), most: 0}
  const perSecond = new Map<string, number>()
  let last: number | null = null
  const follow = async () => {
    for await (const event of client.events(signal)) {
      if (last !== null && event.seq !== last + 1) counted.gaps++
      last = event.seq
      counted.events++
      const second = event.at.slice(0, 19)
      perSecond.set(second, (perSecond.get(second) ?? 0) + 1)
      counted.most = Math.max(counted.most, perSecond.get(second) ?? 0)
      if ('status' in event && event.status.revision.applied) counted.revisions.add(event.status.revision.applied)
    }
  }
  // A stream that breaks is one that has not kept up: the next number would be missing for ever.
  follow().catch(error => {
    if (!signal.aborted) {
      counted.gaps++
      console.error('the reader has lost the events', error)
    }
  })
  return {counted}
}

// Takes the first bytes and nothing more. At the end it reads what there is: one that was dropped finds an end.
function stall(folder: Folder) {
  const socket = connect(folder.at('.routesd/admin.sock'))
  let bytes = 0
  let isDropped = false
  socket.on('error', () => {})
  socket.on('close', () => {
    isDropped = true
  })
  socket.write('GET /v1/events HTTP/1.1\r\nHost: routesd\r\n\r\n')
  folder.scope.defer(() => socket.destroy())
  return {
    async end() {
      socket.on('data', data => {
        bytes += data.length
      })
      await delay(1_000)
      return {isDropped, bytes}
    },
  }
}

async function sees(terminal: Tmux): Promise<boolean> {
  await terminal.press('/', 'last.', 'Enter')
  return terminal.see(/▸ last\.localhost/).then(
    () => true,
    () => false,
  )
}

function print({before, during, after, reader, stalled, daemonBytes, tui, ...counts}: Live, alone: number): void {
  const {seconds} = counts
  const ms = (taken: Phase, over = alone) =>
    `${Math.round(taken.answers / over)} answers/s, ${taken.failures} failures, p50 ${taken.p50Ms.toFixed(2)} ms, p99 ${taken.p99Ms.toFixed(2)} ms, most ${taken.maxMs.toFixed(0)} ms; the daemon takes ${(taken.cpuShare * 100).toFixed(0)} % of a core`
  console.log(`alone:       ${ms(before)}`)
  console.log(`everything:  ${ms(during, seconds)}`)
  console.log(`alone again: ${ms(after)}`)
  console.log(
    `${counts.edits} edits became ${counts.revisions} revisions, ${counts.orders} orders, ${counts.skipped} skipped, ${counts.failed} failed`,
  )
  console.log(
    `reader: ${reader.events} events, ${(reader.events / seconds).toFixed(0)} a second and ${reader.most} at the most, ${reader.gaps} gaps`,
  )
  console.log(
    `who does not read: ${stalled.isDropped ? 'dropped' : 'NOT dropped'}, ${stalled.bytes} bytes were its own`,
  )
  console.log(`daemon MiB by the second: ${overTime(daemonBytes)}`)
  if (tui === null) return
  console.log(`TUI MiB by the second: ${overTime(tui.bytes)}, ${(tui.cpuShare * 100).toFixed(1)} % of a core`)
  console.log(`the last frame ${tui.isRightAtTheEnd ? 'shows' : 'does NOT show'} the last change`)
}

function overTime(bytes: readonly number[]): string {
  const step = Math.max(1, Math.floor(bytes.length / 12))
  return bytes
    .filter((_, index) => index % step === 0)
    .map(number => (number / 2 ** 20).toFixed(0))
    .join(' ')
}

if (import.meta.main) {
  const {values} = parseArgs({
    options: {
      seconds: {type: 'string', default: '60'},
      rate: {type: 'string', default: '20000'},
      edits: {type: 'string', default: '200'},
      orders: {type: 'string', default: '200'},
      first: {type: 'boolean', default: false},
    },
  })
  const [seconds, rate, edits, orders] = [values.seconds, values.rate, values.edits, values.orders].map(Number)
  const counts = {seconds: seconds ?? 60, rate: rate ?? 20_000, edits: edits ?? 200, orders: orders ?? 200}
  const options = {...counts, isFirst: values.first}
  print(await live(options), options.seconds)
}
