// Each way in which an authority can let us down, at a renewal: what is served meanwhile, what is said, when it is tried again.

import {test} from 'uvu'
import * as assert from 'uvu/assert'
import {type HttpsDaemon, httpsDaemonIn} from '../helpers/acme/daemon.ts'
import {type Fault, type Front, frontOf} from '../helpers/acme/front.ts'
import {hasPebble} from '../helpers/acme/pebble.ts'
import {type Folder, withFolder} from '../helpers/folder.ts'
import {secureTo} from '../helpers/tls-client.ts'
import {until} from '../helpers/until.ts'

if (!hasPebble) console.log('SKIP pebble is not installed: nothing is ordered')
const acme = hasPebble ? test : test.skip

type Day = {
  readonly host: string
  readonly fault: Fault
  /** What it says of it. */
  readonly words: RegExp
  /** When it is tried again, in seconds; up to a tenth more. */
  readonly againS: number
}

const BAD_DAYS: readonly Day[] = [
  {
    host: 'limited.example.com',
    fault: {kind: 'limit', path: 'order-plz', retryAfterS: 7_200},
    words: /too many certificates \(5\) already issued .*\(rateLimited\)/,
    againS: 7_200,
  },
  {
    host: 'busy.example.com',
    fault: {kind: 'busy', path: 'order-plz'},
    words: /Service busy; retry later/,
    againS: 60,
  },
  {
    host: 'busy-at-last.example.com',
    fault: {kind: 'busy', path: 'finalize-order/'},
    words: /Service busy; retry later/,
    againS: 60,
  },
  {
    host: 'reset.example.com',
    fault: {kind: 'reset', path: 'finalize-order/'},
    words: /\(ECONNRESET\)/,
    againS: 60,
  },
]
const SILENT_DAYS: readonly Day[] = (['hang', 'stall'] as const).map(kind => ({
  host: `${kind}.example.com`,
  fault: {kind, path: 'order-plz', host: `${kind}.example.com`},
  words: /no answer within 15000 ms \(ETIMEDOUT\)/,
  againS: 60,
}))
const GOOD_DAYS: readonly {readonly host: string; readonly fault: Fault}[] = [
  {host: 'slow.example.com', fault: {kind: 'slow-validation', ms: 2_500}},
  {host: 'at-once.example.com', fault: {kind: 'finalize-at-once'}},
]

acme(
  'an authority that says no, is busy or breaks off: the certificate is served on, and certs ls says what is wrong and when it tries again',
  withFront(BAD_DAYS, async (folder, daemon, front) => {
    for (const day of BAD_DAYS) {
      front.faults = [day.fault]
      await fail(folder, daemon, day)
    }
    await checkListed(daemon)
    const {health, conditions} = await daemon.status()
    assert.is(health.state, 'Degraded')
    assert.ok(conditions.some(({type}) => type === 'CertificateFailing'))
    // The day is over, and whoever does not want to wait does not have to.
    front.faults = []
    const [{host} = {host: ''}] = BAD_DAYS
    assert.is((await daemon.run('certs', 'renew', host)).code, 0)
    const {error} = await daemon.row(`acme-${host}`, ({state}) => state === 'valid')
    assert.is(error, '')
  }),
)

acme(
  'an authority that does not answer, or not to the end, is waited for 15 seconds',
  withFront(SILENT_DAYS, async (folder, daemon, front) => {
    front.faults = SILENT_DAYS.map(({fault}) => fault)
    await Promise.all(SILENT_DAYS.map(day => fail(folder, daemon, day)))
    await checkListed(daemon)
  }),
)

acme(
  'an authority that takes its time, or is done at once, is no trouble',
  withFront(GOOD_DAYS, async (folder, daemon, front) => {
    for (const {host, fault} of GOOD_DAYS) {
      front.faults = [fault]
      const before = await shownFor(folder, daemon, host)
      const {code, stdout} = await daemon.run('certs', 'renew', host)
      assert.is(code, 0, stdout)
      assert.is.not(await shownFor(folder, daemon, host), before)
    }
  }),
)

test.run()

// ---

function withFront(
  days: readonly {readonly host: string}[],
  body: (folder: Folder, daemon: HttpsDaemon, front: Front) => Promise<void>,
): () => Promise<void> {
  return withFolder(async folder => {
    const fronts: Front[] = []
    const directoryUrl = async (pebble: HttpsDaemon['pebble']) => {
      const front = await frontOf(folder.scope, pebble)
      fronts.push(front)
      return front.directoryUrl
    }
    const hosts = days.map(({host}) => host)
    const daemon = await httpsDaemonIn(folder, hosts, {directoryUrl})
    const isReady = async () => {
      const rows = await daemon.rows()
      return rows.length === hosts.length && rows.every(({state}) => state === 'valid')
    }
    await until('certificates', isReady, 30_000)
    const [front] = fronts
    if (front) await body(folder, daemon, front)
  })
}

async function fail(folder: Folder, daemon: HttpsDaemon, {host, words, againS}: Day): Promise<void> {
  const before = await shownFor(folder, daemon, host)
  const beganMs = Date.now()
  const renewed = await daemon.run('certs', 'renew', host)
  assert.is(renewed.code, 1, renewed.stderr)
  assert.match(renewed.stdout, words)
  assert.match(renewed.stdout, /; next try 20/)
  assert.is(await shownFor(folder, daemon, host), before, 'what is served')
  const row = await daemon.row(`acme-${host}`, ({state}) => state === 'failing')
  assert.match(row.error, words)
  assert.is(row.serial, before)
  const againMs = Date.parse(row.renewAt ?? '')
  assert.ok(againMs >= beganMs + againS * 1000, `${row.renewAt} is too early`)
  assert.ok(againMs <= Date.now() + againS * 1100, `${row.renewAt} is too late`)
}

async function checkListed(daemon: HttpsDaemon): Promise<void> {
  const {stdout} = await daemon.run('certs', 'ls')
  for (const {id, renewAt, error} of await daemon.rows()) {
    const line = stdout.split('\n').find(text => text.startsWith(`${id} `)) ?? ''
    assert.match(line, renewAt?.replace(/\.\d+Z$/, 'Z') ?? 'a time')
    assert.match(line, `failing: ${error}`)
  }
}

/** The serial number of what a client is shown. */
async function shownFor(folder: Folder, daemon: HttpsDaemon, host: string): Promise<string> {
  const {socket} = await secureTo(folder.scope, daemon.httpsPort(), {name: host})
  const {serialNumber} = socket.getPeerCertificate()
  socket.destroy()
  return serialNumber.toLowerCase()
}
