// A listening socket of one worker. All workers listen on the same address with SO_REUSEPORT and the kernel spreads the
// connections, so no connection crosses a thread.

import {createServer, type Server} from 'node:net'
import type {Address} from '../base/address.ts'
import {codeOf} from '../base/errors.ts'
import {acceptClient} from './http1/client.ts'
import type {Thread} from './thread.ts'

/** Connections that the kernel holds for us while the loop is busy. */
const BACKLOG = 4096
/** Bytes that wait for a slow client before its instance is no longer read; also of what is read before it is paused. */
const HIGH_WATER_BYTES = 131_072

/** The listening server and the address that was bound; the error code when it may not be opened. */
export function listen(thread: Thread, {host, port}: Address): Promise<{server: Server; address: Address} | string> {
  const server = createServer({allowHalfOpen: true, noDelay: true, highWaterMark: HIGH_WATER_BYTES}, socket =>
    acceptClient(thread, socket),
  )
  return new Promise(resolve => {
    server.once('error', error => resolve(codeOf(error)))
    server.listen({host, port, backlog: BACKLOG, reusePort: CAN_SHARE}, () => {
      const bound = server.address()
      resolve({server, address: {host, port: bound !== null && typeof bound === 'object' ? bound.port : port}})
    })
  })
}

/** Does this system let threads share a port? Where it does not, there is one worker. */
export const CAN_SHARE = process.platform === 'linux' || process.platform === 'freebsd'
