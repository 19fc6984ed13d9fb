// A daemon with many certificates beside one with a single one: how long it takes to start, the first time and again, what it
// needs of memory, and what a full handshake costs, each with another name and a session of its own.
//
//   node test/bench/certificates.ts [CERTIFICATES (1000)] [ROUNDS (4)] [SECONDS (3)]

import {mkdtemp, readFile, rm} from 'node:fs/promises'
import {tmpdir} from 'node:os'
import {join} from 'node:path'
import {connect} from 'node:tls'
import {createAdminClient} from '../../src/admin/client.ts'
import {createScope, type Scope} from '../../src/base/scope.ts'
import {spawnCommand} from '../helpers/command.ts'
import {type Folder, folderIn} from '../helpers/folder.ts'
import {until} from '../helpers/until.ts'

type Serving = {
  readonly pid: number
  readonly port: number
  readonly certificates: number
  /** From the start of the process to its ready line. */
  readonly readyMs: number
  stop(): Promise<unknown>
}

const [certificates = 1000, rounds = 4, seconds = 3] = process.argv.slice(2).map(Number)
const CLIENTS = 16
/** USER_HZ: /proc tells CPU time in hundredths of a second. */
const TICK_US = 10_000

const scope = createScope()
try {
  const counts = [1, certificates]
  const servings: Serving[] = []
  for (const count of counts) servings.push(await startTwice(scope, count))
  // What OpenSSL needs of a certificate is made at its first use, in each worker.
  for (const serving of servings) await shakeHands(serving, 0, 4 * serving.certificates)
  const measured = servings.map((): {perSecond: number; us: number}[] => [])
  for (let round = 0; round < rounds; round++) {
    for (const [index, serving] of servings.entries()) measured[index]?.push(await shakeHands(serving, seconds))
  }
  for (const [index, {pid, certificates: count}] of servings.entries()) {
    const list = measured[index] ?? []
    const median = (key: 'perSecond' | 'us') => list.map(one => one[key]).sort((a, b) => a - b)[list.length >> 1] ?? 0
    console.log(
      `${count} certificates: ${median('perSecond').toFixed(0)} handshakes/s, ${median('us').toFixed(0)} us of CPU each, ` +
        `${await residentMib(pid)} MiB after all of them were used`,
    )
  }
} finally {
  await scope.close()
}

// ---

// The first start makes the certificates, the second one finds them.
async function startTwice(scope: Scope, count: number): Promise<Serving> {
  const path = await mkdtemp(join(tmpdir(), 'routesd-bench-'))
  scope.defer(() => rm(path, {recursive: true, force: true}))
  const folder = folderIn(path, scope)
  const routes = Array.from({length: count}, (_, n) => `- id: h${n}.localhost\n  respond: {status: 200, body: ok}\n`)
  await folder.write({
    'routesd.yaml':
      'workers: 2\nlisten: {http: "127.0.0.1:0", https: "127.0.0.1:0", service: off}\nadmin: {http: off}\n',
    'routes.d/routes.yaml': routes.join(''),
  })
  const first = await start(folder, count)
  const began = performance.now()
  const admin = createAdminClient(folder.at('.routesd/admin.sock'))
  await until('all of them', async () => (await admin.certs()).every(({state}) => state === 'valid'), 60_000)
  const madeMs = performance.now() - began
  await first.stop()
  const again = await start(folder, count)
  scope.defer(() => again.stop())
  console.log(
    `${count} certificates: ready in ${first.readyMs.toFixed(0)} ms and all made ${madeMs.toFixed(0)} ms later; ` +
      `again in ${again.readyMs.toFixed(0)} ms with ${await residentMib(again.pid)} MiB`,
  )
  return again
}

async function start(folder: Folder, count: number): Promise<Serving> {
  const began = performance.now()
  const running = spawnCommand(['run'], {cwd: folder.path, env: {ROUTESD_CONFIG_DIR: folder.at('config')}})
  const line = await running.line(/^routesd ready/)
  const readyMs = performance.now() - began
  const port = Number(/https=127\.0\.0\.1:(\d+)/.exec(line)?.[1])
  return {pid: running.child.pid ?? 0, port, certificates: count, readyMs, stop: running.stop}
}

// Handshakes and their CPU time, until time is over and there are at least so many.
async function shakeHands(serving: Serving, forSeconds: number, atLeast = 0) {
  const before = await cpuUs(serving.pid)
  const began = performance.now()
  let begun = 0
  const clients = Array.from({length: CLIENTS}, async () => {
    while (performance.now() - began < forSeconds * 1000 || begun < atLeast) {
      await handshake(serving.port, `h${begun++ % serving.certificates}.localhost`)
    }
  })
  await Promise.all(clients)
  const tookMs = performance.now() - began
  return {perSecond: (begun / tookMs) * 1000, us: ((await cpuUs(serving.pid)) - before) / begun}
}

function handshake(port: number, servername: string): Promise<void> {
  return new Promise((resolve, reject) => {
    const socket = connect({port, host: '127.0.0.1', servername, rejectUnauthorized: false})
    socket.on('secureConnect', () => socket.destroy())
    socket.on('error', reject)
    socket.on('close', () => resolve())
  })
}

async function cpuUs(pid: number): Promise<number> {
  const stat = await readFile(`/proc/${pid}/stat`, 'utf8')
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ')
  return (Number(fields[11]) + Number(fields[12])) * TICK_US
}

async function residentMib(pid: number): Promise<number> {
  const status = await readFile(`/proc/${pid}/status`, 'utf8')
  return Math.round(Number(/^VmRSS:\s+(\d+)/m.exec(status)?.[1]) / 1024)
}
