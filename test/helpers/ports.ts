// Ports that can be left and taken again: the kernel gives whoever asks for any port one from 32768 on (ip(7)), so that
// nobody else gets one of these in the meantime.

import {createServer} from 'node:net'

const FIRST = 20_000
const END = 32_000

/** Ports of 127.0.0.1 that nobody listens on, and that nobody gets by chance. */
export async function freePorts(count: number): Promise<number[]> {
  const ports = new Set<number>()
  while (ports.size < count) {
    const port = FIRST + Math.floor(Math.random() * (END - FIRST))
    if (await isFree(port)) ports.add(port)
  }
  return [...ports]
}

export async function freePort(): Promise<number> {
  const [port = 0] = await freePorts(1)
  return port
}

// ---

function isFree(port: number): Promise<boolean> {
  const server = createServer()
  return new Promise(resolve => {
    server.once('error', () => resolve(false))
    server.listen(port, '127.0.0.1', () => server.close(() => resolve(true)))
  })
}
