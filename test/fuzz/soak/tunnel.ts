// WebSockets among the mixed load: a handshake, some bytes there and back that only their owner could have sent, and an end
// by one side or the other.

import {createHash} from 'node:crypto'
import type {Server} from 'node:http'
import {connect, type Socket} from 'node:net'
import type {Random} from '../random.ts'
import type {Soak} from './client.ts'
import {bodyOf, type OnHarm} from './faults.ts'

const KEY = 'dGhlIHNhbXBsZSBub25jZQ=='
const ACCEPT = createHash('sha1').update(`${KEY}258EAFA5-E914-47DA-95CA-C5AB0DC85B11`).digest('base64')
const ENDS_MS = 15_000

/** Makes an instance agree to upgrades, echo what comes, and now and then break the handshake off. */
export function echoUpgrades(server: Server, random: Random, onHarm: OnHarm, faultShare: number): void {
  server.on('upgrade', (request, socket, head) => {
    socket.on('error', () => {})
    if (random.chance(faultShare)) {
      onHarm(String(request.headers['x-nonce']), 'reset')
      socket.destroy()
      return
    }
    socket.write(
      `HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Accept: ${ACCEPT}\r\n\r\n`,
    )
    if (head.length > 0) socket.write(head)
    // The instance ends some of them itself, when it has seen the last bytes.
    let seen = ''
    socket.on('data', (data: Buffer) => {
      socket.write(data)
      seen = (seen + data.toString('latin1')).slice(-8)
      if (seen.endsWith('bye-now!')) socket.end()
    })
    socket.on('end', () => socket.end())
  })
}

/** One tunnel from its handshake to its end. */
export function soakTunnel(soak: Soak, nonce: string): Promise<void> {
  const {random, harmed, tally} = soak
  const sent = bodyOf(nonce, 1 + random.below(50_000)) + (random.chance(0.5) ? 'bye-now!' : '')
  const isAbort = random.chance(0.3)
  tally.requests++
  return new Promise(resolve => {
    const socket = connect({port: soak.port, host: '127.0.0.1', noDelay: true})
    let got = ''
    let isDone = false
    const timer = setTimeout(() => finish('no end in time'), ENDS_MS)
    socket.setEncoding('latin1')
    socket.on('connect', () =>
      socket.write(
        `GET /ws HTTP/1.1\r\nHost: ${random.pick(['a.localhost', 'b.localhost', 'c.localhost'])}\r\nX-Nonce: ${nonce}\r\n` +
          `Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: ${KEY}\r\n\r\n`,
      ),
    )
    socket.on('data', data => {
      const before = got.length
      got += data
      const end = got.indexOf('\r\n\r\n')
      if (before <= end + 3 && end >= 0) begin(got.slice(0, end))
      if (got.length >= end + 4 + sent.length && end >= 0) finish('')
    })
    socket.on('error', () => {})
    socket.on('close', () => finish('closed'))

    function begin(head: string): void {
      if (!head.startsWith('HTTP/1.1 101 ')) return
      if (isAbort) abort(socket, random)
      else socket.write(sent, 'latin1')
    }

    function finish(problem: string): void {
      if (isDone) return
      isDone = true
      clearTimeout(timer)
      socket.destroy()
      void judge(problem).then(resolve)
    }

    async function judge(problem: string): Promise<void> {
      const status = /^HTTP\/1\.1 (\d+)/.exec(got)?.[1] ?? 'none'
      const echoed = got.slice(got.indexOf('\r\n\r\n') + 4)
      if (status === '101' && isAbort) tally.aborted++
      else if (status === '101' && problem === '' && echoed === sent) tally.answered++
      else if (status === '101' && !sent.startsWith(echoed)) tally.wrong.push(`${nonce}: a tunnel with other bytes`)
      else if ((await harmed.of(nonce)) !== undefined)
        tally.explained.set(`tunnel: ${status}`, (tally.explained.get(`tunnel: ${status}`) ?? 0) + 1)
      else tally.unexplained.push(`${nonce} tunnel: ${status} ${problem}, ${echoed.length} of ${sent.length} bytes`)
      harmed.forget(nonce)
    }
  })
}

// ---

function abort(socket: Socket, random: Random): void {
  if (random.chance(0.5)) socket.resetAndDestroy()
  else socket.destroy()
}
