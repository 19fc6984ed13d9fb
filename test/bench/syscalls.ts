// System calls per keep-alive request, counted by strace: two reads and two writes are the floor, and what epoll adds.
//
//   node test/bench/syscalls.ts [REQUESTS]

import {spawn} from 'node:child_process'
import {once} from 'node:events'
import {mkdtempSync, readFileSync, rmSync} from 'node:fs'
import {connect, type Socket} from 'node:net'
import {tmpdir} from 'node:os'
import {join} from 'node:path'
import {startPeer} from './end-to-end.ts'

const REQUESTS = Number(process.argv[2] ?? 20_000)
const CLIENTS = 32

const origin = await startPeer('origin')
const proxy = await startPeer('ours', origin.port)
const folder = mkdtempSync(join(tmpdir(), 'routesd-strace-'))
const output = join(folder, 'counts')
try {
  const sockets = await Promise.all(Array.from({length: CLIENTS}, () => open(proxy.port)))
  await ask(sockets, REQUESTS)
  const strace = spawn('strace', ['-f', '-c', '-o', output, '-p', String(proxy.child.pid)], {
    stdio: ['ignore', 'ignore', 'pipe'],
  })
  // It says 'attached' for every thread; the last one is the sign to begin.
  await once(strace.stderr, 'data')
  await ask(sockets, REQUESTS)
  strace.kill('SIGINT')
  await once(strace, 'exit')
  report(readFileSync(output, 'utf8'))
  for (const socket of sockets) socket.destroy()
} finally {
  proxy.child.kill()
  origin.child.kill()
  rmSync(folder, {recursive: true})
}

// ---

async function open(port: number): Promise<Socket> {
  const socket = connect({port, host: '127.0.0.1', noDelay: true})
  await once(socket, 'connect')
  return socket
}

async function ask(sockets: readonly Socket[], requests: number): Promise<void> {
  await Promise.all(sockets.map(socket => askOne(socket, requests / sockets.length)))
}

function askOne(socket: Socket, requests: number): Promise<void> {
  return new Promise(resolve => {
    let left = requests
    let got = 0
    let whole = 0
    const onData = (data: Buffer) => {
      got += data.length
      if (whole === 0) whole = data.indexOf('\r\n\r\n') + 4 + 1024
      if (got < whole) return
      got = 0
      whole = 0
      if (--left > 0) return next()
      socket.off('data', onData)
      resolve()
    }
    const next = () => void socket.write('GET /1k HTTP/1.1\r\nHost: x.localhost\r\n\r\n')
    socket.on('data', onData)
    next()
  })
}

function report(text: string): void {
  let total = 0
  for (const line of text.split('\n')) {
    const match = /^\s*[\d.]+\s+[\d.]+\s+\d+\s+(\d+)\s+(?:\d+\s+)?([a-z_0-9]+)$/.exec(line)
    if (!match || match[2] === 'total') continue
    const calls = Number(match[1])
    total += calls
    if (calls / REQUESTS >= 0.01) console.log(`${(calls / REQUESTS).toFixed(3).padStart(7)}  ${match[2]}`)
  }
  console.log(`${(total / REQUESTS).toFixed(2).padStart(7)}  system calls per request`)
}
