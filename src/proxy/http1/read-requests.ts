// From the bytes of a client's connection to requests. A loop, not a recursion: a client may pipeline a thousand requests that
// are all answered at once.

import {plainAddress} from '../trust.ts'
import {CR, endOfHead, LF} from './bytes.ts'
import type {ClientConnection} from './client.ts'
import {readProxyHeader} from './proxy-protocol.ts'
import {beginRequest} from './request.ts'
import {parseRequestHead} from './request-head.ts'
import {judgePartialHead} from './request-line.ts'

/** CRLFs before a request line that are skipped (RFC 9112 §2.2). */
const EMPTY_LINES_MAX = 2

/** Begins the requests in `pending`, one after another; the loop ends where one waits for an instance or for more bytes. */
export function readRequests(client: ClientConnection): void {
  client.isReading = true
  while (client.pending !== null && client.exchange === null && !client.isClosing) {
    if (client.socket.writableNeedDrain) {
      client.pause()
      break
    }
    if (client.awaitsProxyHeader && !takeProxyHeader(client, client.pending)) break
    if (client.pending === null || !readRequest(client, client.pending)) break
  }
  client.isReading = false
}

// ---

// False when the header has not arrived whole, or is none: a peer that must send one and does not is not talked to.
function takeProxyHeader(client: ClientConnection, bytes: Buffer): boolean {
  const header = readProxyHeader(bytes)
  if (header === 'more') return false
  if (header === 'invalid') {
    client.socket.destroy()
    return false
  }
  client.awaitsProxyHeader = false
  client.pending = header.end === bytes.length ? null : bytes.subarray(header.end)
  if (header.address !== '') {
    client.address = plainAddress(header.address)
    client.isTrusted = client.thread.trust.isTrusted(client.address)
  }
  return true
}

// False when the head has not arrived whole.
function readRequest(client: ClientConnection, bytes: Buffer): boolean {
  const {edge, requestHead: head, table} = client.thread
  const start = skipEmptyLines(bytes)
  const end = endOfHead(bytes, Math.max(start, client.searchFrom))
  if (end < 0) {
    waitForMore(client, bytes, start)
    return false
  }
  client.searchFrom = 0
  const problem =
    end - start > edge.headBytes
      ? 'head-too-large'
      : parseRequestHead(bytes, start, end, edge.headers, table.forward, head)
  if (problem) {
    client.refuse(problem)
    return false
  }
  client.pending = end === bytes.length ? null : bytes.subarray(end)
  client.deadlineMs = 0
  client.requests++
  beginRequest(client, head)
  return true
}

function skipEmptyLines(bytes: Buffer): number {
  let start = 0
  for (let i = 0; i < EMPTY_LINES_MAX && bytes[start] === CR && bytes[start + 1] === LF; i++) start += 2
  return start
}

function waitForMore(client: ClientConnection, bytes: Buffer, start: number): void {
  const {edge, ticks} = client.thread
  if (client.hasEnded) {
    client.close()
    return
  }
  // The time for a head is counted from its first byte, whatever comes after.
  if (client.searchFrom === 0) client.deadlineMs = ticks.nowMs + edge.headerTimeoutMs
  client.searchFrom = Math.max(1, bytes.length - 3)
  const problem = judgePartialHead(start === 0 ? bytes : bytes.subarray(start))
  if (problem) client.refuse(problem)
  else if (bytes.length - start > edge.headBytes) client.refuse('head-too-large')
}
