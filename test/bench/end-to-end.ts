// The whole way through, ours beside node:http and http-proxy, which need no installation: CPU microseconds per request of
// the proxy process (from /proc), because a rate says more about the machine than about the proxy.

import {type ChildProcess, spawn} from 'node:child_process'
import {readFileSync} from 'node:fs'
import {connect} from 'node:net'
import {join} from 'node:path'

export type Measured = {readonly name: string; readonly us: number; readonly requests: number}

const CLIENTS = 32
/** USER_HZ: /proc tells CPU time in hundredths of a second. */
const TICK_US = 10_000

/** Measures each proxy in turn, `rounds` times interleaved, and returns the median of each. */
export async function endToEnd(rounds: number, seconds: number): Promise<Measured[]> {
  const origin = await startPeer('origin')
  const results = new Map<string, Measured[]>()
  try {
    for (let round = 0; round < rounds; round++) {
      for (const name of ['ours', 'ours, 2 workers', 'node:http', 'http-proxy']) {
        const measured = await measure(name, origin.port, seconds)
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

export type Peer = {readonly child: ChildProcess; readonly port: number}

/** Starts one of the processes of peer.ts and waits for its port. */
export function startPeer(role: string, origin = 0): Promise<Peer> {
  const child = spawn(process.execPath, ['--no-warnings', join(import.meta.dirname, 'peer.ts'), role, String(origin)], {
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  return new Promise((resolve, reject) => {
    child.stdout.once('data', data => resolve({child, port: Number(data)}))
    child.once('exit', code => reject(new Error(`${role} ended with ${code}`)))
  })
}

// ---

async function measure(name: string, origin: number, seconds: number): Promise<Measured> {
  const proxy = await startPeer(name, origin)
  try {
    await load(proxy.port, 0.5)
    const before = cpuTicks(proxy.child.pid ?? 0)
    const requests = await load(proxy.port, seconds)
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
async function load(port: number, seconds: number): Promise<number> {
  const request = 'GET /1k HTTP/1.1\r\nHost: x.localhost\r\n\r\n'
  let answers = 0
  let isOver = false
  const clients = Array.from(
    {length: CLIENTS},
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
