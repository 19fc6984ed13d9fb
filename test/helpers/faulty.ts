// An instance that answers as the path of a request tells it to: the tests of bad answers share one proxy and one of these.

import type {Socket} from 'node:net'
import type {Scope} from '../../src/base/scope.ts'
import {OK, type Origin, originOf} from './origin.ts'

/** What an instance does with one request. */
export type Fault = {
  readonly answer: string | readonly string[]
  /** Behind the answer: waits, closes, or resets. */
  readonly ending: 'waits' | 'closes' | 'resets'
  /** The connection may serve the next request. */
  readonly isSound?: boolean
}

export type FaultyOrigin = Origin & {
  /** Registers a fault and returns the path that asks for it. */
  on(fault: Fault): string
  /** Connections on which a request came behind one that asked for a fault. */
  readonly reused: () => number
}

/** Requests for a path that nobody registered are answered with 'ok'. */
export async function faultyOf(scope: Scope): Promise<FaultyOrigin> {
  const faults: Fault[] = []
  const spoiled = new WeakSet<Socket>()
  let reused = 0
  const origin = await originOf(scope, (socket, text) => {
    if (!text.includes('\r\n\r\n')) return
    if (spoiled.has(socket)) reused++
    const fault = faults[Number(/^\w+ \/fault\/(\d+) /.exec(text)?.[1] ?? -1)]
    if (fault && !fault.isSound) spoiled.add(socket)
    if (fault) void play(socket, fault)
    else socket.write(OK)
  })
  return {
    ...origin,
    on: fault => `/fault/${faults.push(fault) - 1}`,
    reused: () => reused,
  }
}

// ---

// Pieces are written one by one, each when the one before has gone to the kernel, so that most come in reads of their own.
async function play(socket: Socket, {answer, ending}: Fault): Promise<void> {
  socket.setNoDelay()
  const pieces = typeof answer === 'string' ? [answer] : answer
  for (const piece of pieces) await new Promise<void>(resolve => void socket.write(piece, 'latin1', () => resolve()))
  if (ending === 'closes') socket.end()
  if (ending === 'resets') socket.resetAndDestroy()
}
