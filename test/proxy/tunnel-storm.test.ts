// Thousands of WebSockets that are opened and closed in every order: afterwards nothing of them may be left.
//
//   TUNNELS=10000 node test/run.ts tunnel-storm      all of them; 2,000 otherwise

import {execFileSync} from 'node:child_process'
import {readdirSync} from 'node:fs'
import {connect, createServer, type Socket} from 'node:net'
import {setFlagsFromString} from 'node:v8'
import {runInNewContext} from 'node:vm'
import {test} from 'uvu'
import * as assert from 'uvu/assert'
import type {Scope} from '../../src/base/scope.ts'
import {createRandom} from '../fuzz/random.ts'
import {scoped} from '../helpers/scoped.ts'
import {threadOf} from '../helpers/thread.ts'
import {until} from '../helpers/until.ts'
import {agreement, handshake} from '../helpers/websocket.ts'

const TUNNELS = Number(process.env['TUNNELS'] ?? 2_000)
const WAVES = 5
const WARM_UP = 13
/** Client, the proxy's two, instance: all in this process. */
const DESCRIPTORS_EACH = 4
/**
 * Of heap that is in use after a collection, from the third wave to the last: 80 bytes for each of 800 tunnels. Until then code
 * that is compiled and tables that grow once take as much.
 */
const GROWTH_MAX = 65_536

type Pair = {readonly client: Socket; readonly instance: () => Socket | undefined}

/** How one ends: '/mute' gets no 101, '/open' gets one. */
const ENDS: readonly (readonly [string, (pair: Pair) => void])[] = [
  ['/open', ({client}) => client.end()],
  ['/open', ({client}) => client.destroy()],
  ['/open', ({client}) => client.resetAndDestroy()],
  ['/open', ({instance}) => instance()?.end()],
  ['/open', ({instance}) => instance()?.destroy()],
  ['/open', ({instance}) => instance()?.resetAndDestroy()],
  ['/mute', ({client}) => client.destroy()],
  ['/mute', ({client}) => client.resetAndDestroy()],
  ['/mute', ({client}) => client.end()],
  ['/mute', ({instance}) => instance()?.destroy()],
  ['/mute', ({instance}) => instance()?.resetAndDestroy()],
  [
    '/open',
    ({client, instance}) => {
      client.write('last words')
      client.destroy()
      instance()?.end('and mine')
    },
  ],
  [
    '/mute',
    ({client, instance}) => {
      client.resetAndDestroy()
      instance()?.write(agreement(handshake()))
    },
  ],
]

test(
  `${TUNNELS} WebSockets are opened and closed in every order, and nothing of them is left`,
  scoped(async scope => {
    const {sockets, port: instance} = await openInstance(scope)
    const {port, thread, routes, instances} = await threadOf(scope, {'x.localhost': `http://127.0.0.1:${instance}`})
    const random = createRandom(1)
    const atOnce = Math.min(Math.ceil(TUNNELS / WAVES), Math.floor((descriptorLimit() - 500) / DESCRIPTORS_EACH))
    let opened = 0
    await wave(WARM_UP)
    const before = left()
    const heaps: number[] = []
    while (opened < TUNNELS + WARM_UP) {
      await wave(Math.min(atOnce, TUNNELS + WARM_UP - opened))
      heaps.push(heapUsed())
    }
    assert.equal(left(), before)
    assert.is(thread.doors.total(), 0)
    assert.is(routes.read('x.localhost').inFlight, 0)
    assert.is(instances.read(`http://127.0.0.1:${instance}`).inFlight, 0)
    assert.is(routes.read('x.localhost').requests, TUNNELS + WARM_UP)
    const growth = (heaps.at(-1) ?? 0) - (heaps[2] ?? 0)
    assert.ok(growth < GROWTH_MAX, `the heap grew by ${growth} bytes: ${heaps.join(', ')}`)

    async function wave(count: number): Promise<void> {
      const pairs = Array.from({length: count}, (_, i) => {
        const [path, end] = ENDS[i % ENDS.length] ?? ['/open', ({client}: Pair) => client.destroy()]
        return {...openTunnel(port, `${path}/${opened + i}`, sockets), end}
      })
      await until('all to be where they should be', () => pairs.every(pair => pair.isReady()), 30_000)
      for (const pair of shuffled(pairs, random.below)) pair.end(pair)
      const isOver = () =>
        thread.clients.size === 0 && sockets.size === 0 && pairs.every(({client}) => client.destroyed)
      await until('all to be closed', isOver, 30_000)
      opened += count
    }
  }),
)

test.run()

// ---

type Left = {readonly descriptors: number; readonly resources: Record<string, number>}

function left(): Left {
  const resources: Record<string, number> = {}
  for (const name of process.getActiveResourcesInfo()) resources[name] = (resources[name] ?? 0) + 1
  return {descriptors: readdirSync('/proc/self/fd').length, resources}
}

// Each connection by the target of its request.
async function openInstance(scope: Scope): Promise<{sockets: Map<string, Socket>; port: number}> {
  const sockets = new Map<string, Socket>()
  const server = createServer(socket => {
    let path = ''
    socket.setEncoding('latin1')
    socket.on('data', data => {
      if (path !== '') {
        socket.write(data)
        return
      }
      const head = String(data)
      path = head.split(' ')[1] ?? ''
      sockets.set(path, socket)
      if (path.startsWith('/open')) socket.write(agreement(head))
    })
    socket.on('error', () => {})
    socket.on('close', () => sockets.delete(path))
  })
  await new Promise<void>(resolve => server.listen({port: 0, host: '127.0.0.1', backlog: 4096}, resolve))
  scope.defer(() => server.close())
  const bound = server.address()
  return {sockets, port: bound !== null && typeof bound === 'object' ? bound.port : 0}
}

function openTunnel(port: number, path: string, sockets: ReadonlyMap<string, Socket>): Pair & {isReady: () => boolean} {
  const client = connect({port, host: '127.0.0.1'})
  let text = ''
  client.setEncoding('latin1')
  client.on('error', () => {})
  client.on('data', data => {
    const isFirst = text === ''
    text += data
    if (isFirst && text.includes(' 101 ')) client.write('echo')
  })
  client.write(handshake(path))
  const isReady = () => (path.startsWith('/mute') ? sockets.has(path) : text.endsWith('echo'))
  return {client, instance: () => sockets.get(path), isReady}
}

function shuffled<T>(list: readonly T[], below: (limit: number) => number): T[] {
  const all = [...list]
  for (let i = all.length - 1; i > 0; i--) {
    const j = below(i + 1)
    const [a, b] = [all[i], all[j]] as [T, T]
    all[i] = b
    all[j] = a
  }
  return all
}

function heapUsed(): number {
  setFlagsFromString('--expose-gc')
  const collect = runInNewContext('gc') as () => void
  collect()
  collect()
  return process.memoryUsage().heapUsed
}

function descriptorLimit(): number {
  return Number(execFileSync('sh', ['-c', 'ulimit -n'], {encoding: 'utf8'}))
}
