// What active health costs the thread that it runs on: instances on addresses of their own (127.x.y.z) that a process of
// its own plays, asked at the pace of 5,000 every 5 s.
//
//   node test/bench/probes.ts [INSTANCES (5000)] [INTERVAL_MS (5000)] [SECONDS (10)] [https]

import {spawn} from 'node:child_process'
import {systemClock} from '../../src/base/clock.ts'
import {silentLog} from '../../src/base/log.ts'
import {createScope} from '../../src/base/scope.ts'
import {createHealth, type World} from '../../src/control/health/health.ts'
import type {Check, Instance, Member} from '../../src/snapshot/snapshot.ts'
import {certificates} from '../helpers/certificates.ts'

const ORIGIN = `
const pair = process.env.PAIR
const create = pair ? require('node:tls').createServer : require('node:net').createServer
create(pair ? JSON.parse(pair) : {}, socket => {
  socket.on('error', () => {})
  socket.on('data', () => socket.end('HTTP/1.1 200 OK\\r\\nConnection: close\\r\\nContent-Length: 2\\r\\n\\r\\nok'))
}).on('tlsClientError', () => {}).listen({port: 0, host: '0.0.0.0', backlog: 4096}, function () { console.log(this.address().port) })
`

export type ProbesMeasured = {readonly perSecond: number; readonly usPerProbe: number; readonly share: number}

/** Processor time of this process, after one interval to warm up. Throws when an instance was not found well. */
export async function measureProbes(
  instances: number,
  intervalMs: number,
  seconds: number,
  isSecure = false,
): Promise<ProbesMeasured> {
  const scope = createScope()
  const {ca, server} = isSecure ? certificates(scope) : {ca: '', server: null}
  const env = {...process.env, PAIR: server === null ? '' : JSON.stringify(server)}
  const child = spawn(process.execPath, ['-e', ORIGIN], {env, stdio: ['ignore', 'pipe', 'inherit']})
  let probes = 0
  const health = createHealth({
    clock: systemClock,
    log: silentLog,
    addressesOf(host) {
      probes++
      return {addresses: [host], reason: ''}
    },
    setVerdict: () => {},
    userAgent: 'routesd/bench',
  })
  try {
    const port = await new Promise<number>(resolve => child.stdout.once('data', data => resolve(Number(data))))
    const world = worldOf(instances, port, intervalMs, ca)
    health.watch(world)
    await elapsed(intervalMs)
    const probesBefore = probes
    const before = process.cpuUsage()
    const beganMs = performance.now()
    await elapsed(seconds * 1000)
    const {user, system} = process.cpuUsage(before)
    const tookMs = performance.now() - beganMs
    const measured = probes - probesBefore
    const ill = world.checks.filter(({key}) => health.stateOf(key)?.state !== 'up')
    if (ill.length > 0) throw new Error(`${ill.length} are not up: ${health.stateOf(ill[0]?.key ?? '')?.reason}`)
    return {
      perSecond: (measured / tookMs) * 1000,
      usPerProbe: (user + system) / measured,
      share: (user + system) / 1000 / tookMs,
    }
  } finally {
    health.close()
    child.kill()
    await scope.close()
  }
}

if (import.meta.main) {
  const [instances = 5000, intervalMs = 5000, seconds = 10] = process.argv.slice(2, 5).map(Number)
  const isSecure = process.argv.includes('https')
  const {perSecond, usPerProbe, share} = await measureProbes(instances, intervalMs, seconds, isSecure)
  console.log(
    `${instances} ${isSecure ? 'https ' : ''}instances every ${intervalMs} ms: ${perSecond.toFixed(0)} probes/s, ` +
      `${usPerProbe.toFixed(0)} us of CPU each, ${(share * 100).toFixed(1)} % of one core`,
  )
}

// ---

// Over https where there is an authority, whose certificate is checked at each full handshake.
function worldOf(count: number, port: number, intervalMs: number, ca: string): World {
  const tls = ca === '' ? null : {serverName: 'inner.test', ca, cert: '', key: '', insecure: false}
  const scheme = tls === null ? 'http' : 'https'
  const instances = Array.from({length: count}, (_, i): Instance => {
    const host = `127.0.${1 + Math.floor(i / 250)}.${1 + (i % 250)}`
    const keepalive = {idle: 64, timeoutMs: 60_000}
    return {key: `${scheme}://${host}:${port}`, scheme, host, port, protocol: 'http1', tls, keepalive}
  })
  const checks = instances.map(
    ({key}): Check => ({
      key: `${key} GET /health`,
      instance: key,
      probe: {kind: 'http', path: '/health', host: '', fields: '', expect: [[200, 399]]},
      intervalMs,
      timeoutMs: 2000,
      rise: 1,
      fall: 3,
      startDown: false,
    }),
  )
  const members = instances.map(
    ({key}, i): Member => ({
      key,
      id: key,
      instance: key,
      check: checks[i]?.key ?? null,
      isDown: false,
      basePath: '',
      weight: 1,
      isBackup: false,
    }),
  )
  const pool = {
    key: 'bench',
    name: 'bench',
    members,
    balance: {kind: 'round-robin'},
    protocol: 'http1',
    rotation: [],
    sticky: null,
    slowStartMs: 0,
    passive: null,
    circuit: null,
    maxInFlight: 0,
    queue: null,
  } as const
  return {pools: [pool], instances, checks}
}

function elapsed(ms: number): Promise<void> {
  return new Promise(resolve => setTimeout(resolve, ms))
}
