// The whole way through, ours beside node:http and http-proxy, which need no installation: CPU microseconds per request of
// the proxy process (from /proc), because a rate says more about the machine than about the proxy. The proxy has a core,
// whatever its number of workers; the origin and the clients have another. Each worker has as many clients: a worker with
// half of them wakes for half as many requests at a time, which says nothing about what workers cost each other.

import {type ChildProcess, execFileSync, spawn, spawnSync} from 'node:child_process'
import {readFileSync} from 'node:fs'
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
/** USER_HZ: /proc tells CPU time in hundredths of a second. */
const TICK_US = 10_000

/**
 * Measures each proxy in turn, `rounds` times interleaved, and returns the median of each. Proxies are roles of peer.ts, which
 * are given `port`, where they need one.
 */
export async function endToEnd(
  rounds: number,
  seconds: number,
  proxies: readonly string[] = ['ours', 'ours, 3 instances', TWO_WORKERS, 'node:http', 'http-proxy'],
  port = 0,
): Promise<Measured[]> {
  const origin = await startPeer('origin')
  if (CAN_PIN) execFileSync('taskset', ['-apc', String(CORE_OF_OTHERS), String(process.pid)], {stdio: 'ignore'})
  const results = new Map<string, Measured[]>()
  try {
    for (let round = 0; round < rounds; round++) {
      for (const name of proxies) {
        const measured = await measure(name, origin.port, seconds, port)
        results.set(name, [...(results.get(name) ?? []), measured])
      }
    }
  } finally {
    origin.child.kill()
  }
  return [...results.values()].map(
    list => [...list].sort((a, b) => a.us - b.us)[list.length >> 1] ?? {name: '', us: 0, requests: 0},
  )
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

async function measure(name: string, origin: number, seconds: number, port: number): Promise<Measured> {
  const proxy = await startPeer(name, origin, port)
  try {
    const clients = name === TWO_WORKERS ? 2 * CLIENTS : CLIENTS
    await load(proxy.port, clients, 0.5)
    const before = cpuTicks(proxy.child.pid ?? 0)
    const requests = await load(proxy.port, clients, seconds)
    const us = ((cpuTicks(proxy.child.pid ?? 0) - before) * TICK_US) / requests
    return {name, us, requests}
  } finally {
    proxy.child.kill()
  }
}

function cpuTicks(pid: number): number {
  const stat = readFileSync(`/proc/${pid}/stat`, 'utf8')
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ')
  return Number(fields[11]) + Number(fields[12])
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
