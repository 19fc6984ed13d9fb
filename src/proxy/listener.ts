// A listening socket of one worker. All workers listen on the same address with SO_REUSEPORT and the kernel spreads the
// connections, so no connection crosses a thread.

import {createServer, type Server, type Socket} from 'node:net'
import {codeOf} from '../base/errors.ts'
import {acceptClient} from './http1/client.ts'
import type {Listener} from './messages.ts'
import type {Thread} from './thread.ts'
import {acceptSecure} from './tls/accept.ts'

/** Connections that the kernel holds for us while the loop is busy. */
const BACKLOG = 4096
/** Bytes that wait for a slow client before its instance is no longer read; also of what is read before it is paused. */
const HIGH_WATER_BYTES = 131_072

/** The listening server and what was bound; the error code when it may not be opened. */
export function listen(
  thread: Thread,
  {kind, address: {host, port}}: Listener,
): Promise<{server: Server; listener: Listener} | string> {
  const accept = ACCEPT[kind]
  const server = createServer({allowHalfOpen: true, noDelay: true, highWaterMark: HIGH_WATER_BYTES}, socket =>
    accept(thread, socket),
  )
  return new Promise(resolve => {
    server.once('error', error => resolve(codeOf(error)))
    server.listen({host, port, backlog: BACKLOG, reusePort: CAN_SHARE}, () => {
      const bound = server.address()
      const chosen = bound !== null && typeof bound === 'object' ? bound.port : port
      resolve({server, listener: {kind, address: {host, port: chosen}}})
    })
  })
}

const ACCEPT: Readonly<Record<Listener['kind'], (thread: Thread, socket: Socket) => void>> = {
  http: (thread, socket) => acceptClient(thread, socket, false),
  https: acceptSecure,
  service: (thread, socket) => acceptClient(thread, socket, true),
}

/** Does this system let threads share a port? Where it does not, there is one worker. */
export const CAN_SHARE = process.platform === 'linux' || process.platform === 'freebsd'
