// The body of a request on its way to the instance: framing checked, never collected. When the instance does not keep up,
// the client is not read.

import type {Exchange, Upstream} from '../exchange.ts'
import {isIdempotent} from '../retry.ts'
import {INVALID} from './chunked.ts'
import type {UpstreamConnection} from './upstream.ts'

/** A body of at most this many bytes that came with its head is sent with it, in one write. */
const INLINE_BYTES = 8192

/** Sends the head and what has come of the body. The connection is open. */
export function sendRequest(exchange: Exchange, upstream: UpstreamConnection): void {
  exchange.isSent = true
  const body = takeInlineBody(exchange)
  if (exchange.isRequestDone) {
    if (body !== null && isPassable(exchange, upstream, body)) {
      passRequest(exchange, upstream, body)
    } else {
      if (exchange.replay === '') exchange.replay = exchange.requestHead + (body?.latin1Slice() ?? '')
      upstream.socket.write(exchange.replay, 'latin1')
    }
    upstream.awaitAnswer(exchange)
    if (exchange.copy !== null) exchange.copy.send()
    return
  }
  upstream.socket.cork()
  upstream.socket.write(exchange.requestHead, 'latin1')
  sendBody(exchange)
  upstream.socket.uncork()
  if (exchange.isRequestDone || exchange.isFinished) return
  upstream.awaitSending(exchange)
  // RFC 9110 §10.1.1: the client waits for this before it sends the body; the instance was not asked, we answer for it.
  if (exchange.expectsContinue) {
    exchange.expectsContinue = false
    exchange.client.write('HTTP/1.1 100 Continue\r\n\r\n')
    exchange.client.startPace()
  }
  exchange.client.resume()
}

/** Passes on what the client has sent of the body; keeps it, and the client waiting, while there is no connection. */
export function sendBody(exchange: Exchange): void {
  const client = exchange.client
  const upstream = exchange.upstream
  if (client.pending === null) return
  if (upstream === null || !upstream.isOpen) {
    client.pause()
    return
  }
  const bytes = client.ownPending()
  if (bytes === null) return
  exchange.expectsContinue = false
  const isFlowing =
    exchange.chunks === null ? sendCounted(exchange, upstream, bytes) : sendChunks(exchange, upstream, bytes)
  if (exchange.isFinished) return
  if (exchange.isRequestDone) {
    upstream.awaitAnswer(exchange)
    if (exchange.copy !== null) exchange.copy.send()
  } else {
    upstream.awaitSending(exchange)
  }
  if (!isFlowing) client.pause()
  else if (exchange.isRequestDone && client.pending !== null) client.pause()
}

/** Takes a small body that came with its head, if there is one: the request is done then. */
export function takeInlineBody(exchange: Exchange): Buffer | null {
  const bytes = exchange.client.pending
  const length = exchange.bodyLeft
  if (bytes === null || length <= 0 || length > INLINE_BYTES || bytes.length < length) return null
  if (exchange.copy !== null) exchange.copy.take(bytes, 0, length)
  exchange.client.pending = bytes.length === length ? null : bytes.subarray(length)
  exchange.bytesIn = length
  exchange.bodyLeft = 0
  exchange.isRequestDone = true
  return bytes.length === length ? bytes : bytes.subarray(0, length)
}

// ---

// What may have to be sent again is kept as a text, which can be written as well; what TLS takes waits for a turn.
function isPassable({method, route, requestHead}: Exchange, upstream: UpstreamConnection, body: Buffer): boolean {
  return (
    !isIdempotent(method) &&
    route?.retry?.unsafe !== true &&
    upstream.origin.scheme === 'http' &&
    !upstream.isHolding() &&
    upstream.thread.writeBuffer.holds(requestHead.length + body.length)
  )
}

function passRequest({requestHead}: Exchange, upstream: UpstreamConnection, body: Buffer): void {
  const {writeBuffer} = upstream.thread
  writeBuffer.addText(requestHead)
  writeBuffer.add(body, 0, body.length)
  upstream.socket.write(writeBuffer.take())
  if (upstream.isHolding()) writeBuffer.leave()
}

function sendCounted(exchange: Exchange, upstream: Upstream, bytes: Buffer): boolean {
  const isLast = bytes.length >= exchange.bodyLeft
  const piece = bytes.length > exchange.bodyLeft ? bytes.subarray(0, exchange.bodyLeft) : bytes
  exchange.client.pending = piece.length === bytes.length ? null : bytes.subarray(piece.length)
  exchange.bodyLeft -= piece.length
  exchange.bytesIn += piece.length
  if (exchange.copy !== null) exchange.copy.take(piece, 0, piece.length)
  exchange.isRequestDone = isLast
  return upstream.socket.write(piece)
}

function sendChunks(exchange: Exchange, upstream: Upstream, bytes: Buffer): boolean {
  const chunks = exchange.chunks
  if (chunks === null) return true
  const end = chunks.scan(bytes, 0, bytes.length)
  if (end === INVALID) {
    exchange.client.pending = null
    exchange.client.fail(exchange, 'bad-chunk')
    return true
  }
  exchange.isRequestDone = end >= 0
  exchange.client.pending = end < 0 || end === bytes.length ? null : bytes.subarray(end)
  exchange.bytesIn += end < 0 ? bytes.length : end
  let isFlowing = true
  for (let i = 0; i < chunks.ranges.length; i += 2) {
    isFlowing = upstream.socket.write(bytes.subarray(chunks.ranges[i], chunks.ranges[i + 1]))
    if (exchange.copy !== null) exchange.copy.take(bytes, chunks.ranges[i] ?? 0, chunks.ranges[i + 1] ?? 0)
  }
  return isFlowing
}
