// How a daemon comes to own the admin socket. A daemon that was killed leaves the file behind, and then bind(2) says
// EADDRINUSE as if it still lived; whoever finds that nobody answers may remove the file and take its place.
// Between finding and removing, another daemon must not do the same: it would remove the fresh socket of the first. So the
// takeover holds a lock that ends with its process: a socket in Linux's abstract namespace, which has no file to be left
// behind. Elsewhere there is no such thing, and two daemons must not be started on a stale socket at the same instant.

import {createHash} from 'node:crypto'
import {lstat, realpath, unlink} from 'node:fs/promises'
import {connect, createServer, type Server} from 'node:net'
import {basename, dirname, join} from 'node:path'
import {AppError, codeOf, messageOf} from '../base/errors.ts'
import {createFolder} from '../base/files.ts'
import type {Log} from '../base/log.ts'
import {checkSocketPath} from './socket-path.ts'

const PROBE_MS = 2000
const LOCK_MS = 5000
const LOCK_RETRY_MS = 10

/** Listens on a socket of mode 0600, taking over a stale one; throws an AppError when it is in use or cannot be made. */
export async function listenAlone(server: Server, socket: string, log: Log): Promise<void> {
  checkSocketPath(socket)
  try {
    await createFolder(dirname(socket), 0o700)
    if (await tryListen(server, socket)) return
    await withLock(socket, async () => {
      await removeStale(socket)
      if (!(await tryListen(server, socket))) throw occupied(socket)
    })
  } catch (error) {
    if (error instanceof AppError) throw error
    throw new AppError(`the admin socket ${socket} cannot be created: ${messageOf(error)}`, {cause: error})
  }
  log.info('took over a stale admin socket', {socket})
}

// ---

// bind(2) takes the mode of the file from the umask, so there is no moment in which others may open the socket.
// listen() binds before it returns, so the umask is back before anything else runs.
function tryListen(server: Server, socket: string): Promise<boolean> {
  return new Promise((resolve, reject) => {
    const failed = (error: Error) => (codeOf(error) === 'EADDRINUSE' ? resolve(false) : reject(error))
    server.once('error', failed)
    const umask = process.umask(0o177)
    try {
      server.listen(socket, () => {
        server.off('error', failed)
        resolve(true)
      })
    } finally {
      process.umask(umask)
    }
  })
}

async function withLock(socket: string, act: () => Promise<void>): Promise<void> {
  if (process.platform !== 'linux') return act()
  const place = join(await realpath(dirname(socket)), basename(socket))
  const name = `\0routesd-${createHash('sha256').update(place).digest('hex').slice(0, 32)}`
  const deadline = performance.now() + LOCK_MS
  const lock = createServer()
  while (!(await tryListen(lock, name))) {
    if (performance.now() > deadline) throw occupied(socket)
    await new Promise(resolve => setTimeout(resolve, LOCK_RETRY_MS))
  }
  try {
    await act()
  } finally {
    lock.close()
  }
}

async function removeStale(socket: string): Promise<void> {
  const file = await lstat(socket).catch(() => null)
  if (!file) return
  if (!file.isSocket()) {
    throw new AppError(`${socket} exists and is not a socket`, {hint: 'remove it or choose another admin.socket'})
  }
  if (await answers(socket)) throw occupied(socket)
  await unlink(socket)
}

// Only a refusal proves that nobody is there: a stopped or overloaded daemon does not refuse.
function answers(socket: string): Promise<boolean> {
  return new Promise(resolve => {
    const probe = connect(socket)
    const settle = (live: boolean) => {
      probe.destroy()
      resolve(live)
    }
    probe.setTimeout(PROBE_MS, () => settle(true))
    probe.once('connect', () => settle(true))
    probe.once('error', error => settle(!['ECONNREFUSED', 'ENOENT'].includes(codeOf(error))))
  })
}

function occupied(socket: string): AppError {
  return new AppError(`another routesd answers at ${socket}`, {
    hint: 'stop it first, or give this one another `state` and `admin.socket`',
  })
}
