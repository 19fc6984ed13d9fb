// The option `onread` of net.connect, for sockets that a server has accepted: Node gives them the fields of it and no way to
// set them. They are looked up by their names and set here. It is a short cut and nothing else: in a Node that calls them
// otherwise, bytes come by the 'data' that everybody who uses this listens to as well.

import {Socket} from 'node:net'
import type {Reading} from './read-buffers.ts'

/** Has the socket read into buffers of ours from now on. What it has read before still comes by 'data'. */
export function readInto(socket: Socket, {buffer, callback}: Reading): void {
  const handle = (socket as Partial<Inside>)._handle
  const setBuffer = handle?.useUserBuffer
  if (FIELDS === null || typeof setBuffer !== 'function') return
  const fields = socket as unknown as Record<symbol, unknown>
  const first = buffer()
  fields[FIELDS.buffer] = first
  fields[FIELDS.callback] = callback
  fields[FIELDS.next] = buffer
  setBuffer.call(handle, first)
}

// ---

type Inside = {readonly _handle: {readonly useUserBuffer?: (buffer: Buffer) => void} | null}

const FIELDS = fieldsOf(new Socket())

function fieldsOf(socket: Socket): {buffer: symbol; callback: symbol; next: symbol} | null {
  const named = new Map(Object.getOwnPropertySymbols(socket).map(symbol => [symbol.description, symbol]))
  const buffer = named.get('kBuffer')
  const callback = named.get('kBufferCb')
  const next = named.get('kBufferGen')
  return buffer && callback && next ? {buffer, callback, next} : null
}
