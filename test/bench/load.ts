// Requests at a steady rate, in a thread of their own: what is due is sent whether or not answers have come (open loop), so
// that a proxy that stops for a moment shows it in the latencies of all that were due meanwhile (coordinated omission).

import {connect, type Socket} from 'node:net'
import {isMainThread, parentPort, Worker, workerData} from 'node:worker_threads'

export type LoadOptions = {
  readonly port: number
  readonly host: string
  readonly rate: number
  readonly connections?: number
}

export type Load = {
  /** What has come since it was asked last: answers, failures, and how long the slowest 1 % and half of them took. */
  take(): Promise<Taken>
  stop(): Promise<void>
}

export type Taken = {
  readonly answers: number
  readonly failures: number
  readonly p50Ms: number
  readonly p99Ms: number
  readonly maxMs: number
}

/** Keep-alive connections, pipelined when answers are late. */
export function startLoad({port, host, rate, connections = 32}: LoadOptions): Load {
  const worker = new Worker(new URL(import.meta.url), {workerData: {port, host, rate, connections}})
  return {
    take() {
      const {promise, resolve, reject} = Promise.withResolvers<Taken>()
      worker.once('message', resolve)
      worker.once('error', reject)
      worker.postMessage('take')
      return promise
    },
    stop: async () => void (await worker.terminate()),
  }
}

// ---

/** What is due is sent so often. */
const TURN_MS = 2

type Line = {readonly socket: Socket; readonly due: number[]; rest: string}

function generate({port, host, rate, connections}: Required<LoadOptions>): void {
  const request = `GET / HTTP/1.1\r\nHost: ${host}\r\n\r\n`
  let latencies: number[] = []
  let failures = 0
  const lines = Array.from({length: connections}, (): Line => {
    const socket = connect({port, host: '127.0.0.1', noDelay: true})
    const line: Line = {socket, due: [], rest: ''}
    socket.setEncoding('latin1')
    socket.on('data', (text: string) => take(line, text))
    socket.on('error', () => {})
    // None is closed by us: what it should have carried from here on is not asked at all.
    socket.on('close', () => failures++)
    return line
  })
  const beganMs = performance.now()
  let sent = 0
  setInterval(() => {
    const nowMs = performance.now()
    const wanted = Math.floor(((nowMs - beganMs) / 1000) * rate)
    for (; sent < wanted; sent++) {
      const line = lines[sent % lines.length]
      if (!line) continue
      line.due.push(beganMs + (sent / rate) * 1000)
      line.socket.write(request)
    }
  }, TURN_MS)

  // An answer with a body of two bytes and no more: its head ends with the blank line.
  function take(line: Line, text: string): void {
    line.rest += text
    for (;;) {
      const end = line.rest.indexOf('\r\n\r\n')
      if (end < 0) return
      const length = Number(/\r\ncontent-length: (\d+)/i.exec(line.rest.slice(0, end + 2))?.[1] ?? 0)
      if (line.rest.length < end + 4 + length) return
      if (!line.rest.startsWith('HTTP/1.1 2')) failures++
      line.rest = line.rest.slice(end + 4 + length)
      latencies.push(performance.now() - (line.due.shift() ?? performance.now()))
    }
  }

  parentPort?.on('message', () => {
    const sorted = Float64Array.from(latencies).sort()
    const at = (share: number) => sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? 0
    parentPort?.postMessage({answers: sorted.length, failures, p50Ms: at(0.5), p99Ms: at(0.99), maxMs: at(1)})
    latencies = []
    failures = 0
  })
}

if (!isMainThread && parentPort) generate(workerData)
