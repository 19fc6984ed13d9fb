// The body of a copy, where the instance of the original and that of the copy are told in different ways where it ends: one
// in chunks, by HTTP/1.1, the other by the frames of HTTP/2.

import type {Exchange} from './exchange.ts'
import {ChunkScanner} from './http1/chunked.ts'

/** The body that was taken on its way to the instance of `original`, as the instance of `copy` is to get it. */
export function bodyFor(copy: Exchange, original: Exchange, body: string): string {
  if (original.chunks === null) return body
  const wasFramed = original.origin === null || original.origin.http2 === null
  const isFramed = copy.member === null || copy.member.origin.http2 === null
  if (wasFramed === isFramed) return body
  return wasFramed ? withoutChunks(body) : inOneChunk(body)
}

// ---

function withoutChunks(body: string): string {
  const bytes = Buffer.from(body, 'latin1')
  const scanner = new ChunkScanner(true)
  scanner.scan(bytes, 0, bytes.length)
  let data = ''
  for (let i = 0; i < scanner.ranges.length; i += 2) {
    data += bytes.latin1Slice(scanner.ranges[i], scanner.ranges[i + 1])
  }
  return data
}

function inOneChunk(body: string): string {
  return body === '' ? '0\r\n\r\n' : `${body.length.toString(16)}\r\n${body}\r\n0\r\n\r\n`
}
