// The whole way through, ours beside node:http and http-proxy, which need no installation: CPU microseconds per request of
// the proxy process (from /proc), because a rate says more about the machine than about the proxy. The proxy has a core,
// whatever its number of workers; the origin and the clients have another. Each worker has as many clients: a worker with
// half of them wakes for half as many requests at a time, which says nothing about what workers cost each other. All
// proxies of a round are up at once and get their seconds in turn, because a busy host is busy for longer than a second.

import {type ChildProcess, execFileSync, spawn, spawnSync} from 'node:child_process'
import {readdirSync, readFileSync} from 'node:fs'
import {connect} from 'node:net'
import {availableParallelism} from 'node:os'
import {join} from 'node:path'

export type Measured = {readonly name: string; readonly us: number; readonly requests: number}

/** Of each worker. */
const CLIENTS = 32
const CORE_OF_PROXY = 0
const CORE_OF_OTHERS = 1
/** taskset is of util-linux; without it, or with one core, the system places the processes. */
const CAN_PIN = availableParallelism() > 1 && spawnSync('taskset', ['--version']).status === 0
/**
 * Of each worker. V8 compiles what is hot for each thread anew, and the compiler's threads count: two workers cost a half
 * more than one in their first second, as much in their third.
 */
const WARM_UP_SECONDS = 2

/**
 * Measures the proxies `rounds` times, `seconds` each time, and returns the median second of each. Proxies are roles of
 * peer.ts, which are given `port`, where they need one.
 */
export async function endToEnd(
  rounds: number,
  seconds: number,
  proxies: readonly string[] = ['ours', 'ours, 3 instances', TWO_WORKERS, 'node:http', 'http-proxy'],
  port = 0,
): Promise<Measured[]> {
  const origin = await startPeer('origin')
  if (CAN_PIN) execFileSync('taskset', ['-apc', String(CORE_OF_OTHERS), String(process.pid)], {stdio: 'ignore'})
  const measured: Measured[] = []
  try {
    for (let round = 0; round < rounds; round++) {
      measured.push(...(await measureRound(seconds, proxies, origin.port, port)))
    }
  } finally {
    origin.child.kill()
  }
  return proxies.map(name => median(measured.filter(each => each.name === name)))
}

/** As peer.ts knows it. */
const TWO_WORKERS = 'ours, 2 workers'

export type Peer = {readonly child: ChildProcess; readonly port: number}

/** Starts one of the processes of peer.ts and waits for its port. */
export function startPeer(role: string, origin = 0, port = 0): Promise<Peer> {
  const ports = [String(origin), String(port)]
  const script = [process.execPath, '--no-warnings', join(import.meta.dirname, 'peer.ts'), role, ...ports]
  const core = role === 'origin' ? CORE_OF_OTHERS : CORE_OF_PROXY
  const [command = '', ...parameters] = CAN_PIN ? ['taskset', '-c', String(core), ...script] : script
  const child = spawn(command, parameters, {stdio: ['ignore', 'pipe', 'inherit']})
  return new Promise((resolve, reject) => {
    child.stdout.once('data', data => resolve({child, port: Number(data)}))
    child.once('exit', code => reject(new Error(`${role} ended with ${code}`)))
  })
}

// ---

async function measureRound(
  seconds: number,
  proxies: readonly string[],
  origin: number,
  port: number,
): Promise<Measured[]> {
  const measured: Measured[] = []
  const peers: (Peer & {name: string})[] = []
  try {
    for (const name of proxies) {
      const peer = {name, ...(await startPeer(name, origin, port))}
      peers.push(peer)
      await load(peer.port, clientsOf(name), WARM_UP_SECONDS * workersOf(name))
    }
    for (let second = 0; second < seconds; second++) {
      for (const peer of peers) measured.push(await measureSecond(peer))
    }
  } finally {
    for (const {child} of peers) child.kill()
  }
  return measured
}

async function measureSecond({name, child, port}: Peer & {name: string}): Promise<Measured> {
  const before = cpuUs(child.pid ?? 0)
  const requests = await load(port, clientsOf(name), 1)
  return {name, us: (cpuUs(child.pid ?? 0) - before) / requests, requests}
}

function clientsOf(name: string): number {
  return CLIENTS * workersOf(name)
}

function workersOf(name: string): number {
  return name === TWO_WORKERS ? 2 : 1
}

// Of all its threads; schedstat tells nanoseconds, where stat tells ticks of ten milliseconds.
function cpuUs(pid: number): number {
  const threads = readdirSync(`/proc/${pid}/task`)
  const ns = threads.map(id => Number(readFileSync(`/proc/${pid}/task/${id}/schedstat`, 'utf8').split(' ')[0]))
  return ns.reduce((sum, each) => sum + each, 0) / 1000
}

function median(list: Measured[]): Measured {
  const middle = list.sort((a, b) => a.us - b.us)[list.length >> 1]
  if (!middle) throw new Error('Nothing was measured: give at least one round of one second.')
  return middle
}

// Keep-alive clients that send the next request when the answer is whole; how many answers there were.
async function load(port: number, count: number, seconds: number): Promise<number> {
  const request = 'GET /1k HTTP/1.1\r\nHost: x.localhost\r\n\r\n'
  let answers = 0
  let isOver = false
  const clients = Array.from(
    {length: count},
    () =>
      new Promise<void>((resolve, reject) => {
        const socket = connect({port, host: '127.0.0.1', noDelay: true})
        let got = 0
        let whole = 0
        socket.on('connect', () => socket.write(request))
        socket.on('error', reject)
        socket.on('close', resolve)
        socket.on('data', data => {
          got += data.length
          if (whole === 0) whole = data.indexOf('\r\n\r\n') + 4 + 1024
          if (got < whole) return
          got = 0
          whole = 0
          answers++
          if (isOver) socket.destroy()
          else socket.write(request)
        })
      }),
  )
  setTimeout(() => {
    isOver = true
  }, seconds * 1000)
  await Promise.all(clients)
  return answers
}
