// What becomes of a client's connection whose time is up: slowloris, slow read, slow POST, a FIN that may be a disconnect, and
// one that is only idle. Asked by the tick (ticks.ts) when the deadline of the connection has passed.

import type {Exchange} from '../exchange.ts'
import type {ClientConnection} from './client.ts'

/** A client's pace is judged over windows of this length, so that a short pause is no fault. */
export const PACE_MS = 5_000

/** Ends the connection, answers its request for it, or gives it more time. */
export function judgeClient(client: ClientConnection): void {
  const {exchange} = client
  if (client.tunnel !== null) client.tunnel.onDeadline()
  else if (client.isClosing) judgeLinger(client)
  else if (exchange === null) judgeIdle(client)
  else if (client.hasEnded) judgeHalfClosed(client, exchange)
  else judgePace(client, exchange)
}

// ---

function judgeIdle(client: ClientConnection): void {
  // It is not idle while it takes what the last answer has left behind.
  if (isTaking(client) && keepsPace(client)) client.startPace()
  else if (client.pending === null || client.hasEnded) client.socket.destroy()
  else client.refuse('head-timeout')
}

function judgeLinger(client: ClientConnection): void {
  if (isTaking(client) && keepsPace(client)) client.startPace()
  else client.socket.destroy()
}

function judgeHalfClosed(client: ClientConnection, exchange: Exchange): void {
  if (exchange.hasAnswerBegun && client.movedBytes() !== client.pacedBytes) client.awaitLast()
  else client.socket.destroy()
}

// Slow POST and slow read. An instance that is slow is not the client's fault: nothing is asked of a client that waits.
function judgePace(client: ClientConnection, exchange: Exchange): void {
  // Who waits for a 100 waits for us, and we for the instance.
  const isSending = !exchange.isRequestDone && !client.isPaused && !exchange.expectsContinue
  if (!isSending && !isTaking(client) && exchange.isRequestDone) return
  if ((isSending || isTaking(client)) && !keepsPace(client)) {
    if (exchange.hasAnswerBegun || isTaking(client)) client.socket.destroy()
    else client.fail(exchange, 'body-timeout')
    return
  }
  client.startPace()
}

function isTaking({socket}: ClientConnection): boolean {
  return socket.writableLength > 0
}

function keepsPace(client: ClientConnection): boolean {
  const moved = client.movedBytes() - client.pacedBytes
  client.pacedBytes += moved
  return moved >= (client.thread.edge.bodyRateBytesPerS * PACE_MS) / 1000
}
