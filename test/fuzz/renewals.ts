// Certificates that live for seconds, renewed again and again by the program at a real authority, while clients that believe
// nobody else make handshakes all the time. No handshake may fail, so none may be shown a certificate that has ended; each
// renewal takes the place of the one before; a connection that was made under the first is as good at the end.

import {createScope} from '../../src/base/scope.ts'
import {httpsDaemonIn} from '../helpers/acme/daemon.ts'
import {hasPebble} from '../helpers/acme/pebble.ts'
import {type Folder, withFolder} from '../helpers/folder.ts'
import {secureTo} from '../helpers/tls-client.ts'

/** Runs until there were so many renewals; prints what was seen and returns how many problems there were. */
export async function soakRenewals(renewals: number, validityS: number): Promise<number> {
  if (!hasPebble) {
    console.log('SKIP pebble is not installed: nothing is ordered')
    return 0
  }
  console.log(`${renewals} renewals of certificates of ${validityS} s`)
  let problems: readonly string[] = []
  await withFolder(async folder => {
    problems = await run(folder, renewals, validityS)
  })()
  for (const line of problems.slice(0, SHOWN_MAX)) console.log(line)
  return problems.length
}

// ---

const HOST = 'shop.example.com'
const REQUEST = `GET / HTTP/1.1\r\nHost: ${HOST}\r\n`
const CLIENTS = 4
const PAUSE_MS = 40
const ASK_AGAIN_MS = 1_000
/** Workers are told one after the other; a client may still meet the one that knows it last. */
const HAND_OVER_MS = 1_000
/** Half of a life is left when it is renewed; a whole one per renewal is time to fail and to try again. */
const SPARE_S = 60
const SHOWN_MAX = 20

type Seen = {readonly serial: string; readonly firstMs: number; readonly endsMs: number; handshakes: number}

async function run(folder: Folder, renewals: number, validityS: number): Promise<string[]> {
  const daemon = await httpsDaemonIn(folder, [HOST], {validityS})
  const ca = await daemon.pebble.root()
  const kept = await secureTo(folder.scope, daemon.httpsPort(), {name: HOST, ca, rejectUnauthorized: true})
  const seen: Seen[] = []
  const problems: string[] = []
  let slowestMs = 0

  async function handshake(): Promise<void> {
    const scope = createScope()
    const beganMs = performance.now()
    try {
      const {socket, ask} = await secureTo(scope, daemon.httpsPort(), {name: HOST, ca, rejectUnauthorized: true})
      slowestMs = Math.max(slowestMs, performance.now() - beganMs)
      const {serialNumber, valid_to} = socket.getPeerCertificate()
      note(serialNumber, Date.parse(valid_to))
      const answer = await ask(`${REQUEST}Connection: close\r\n\r\n`)
      if (!answer.startsWith('HTTP/1.1 200 ')) problems.push(`an answer: ${JSON.stringify(answer.slice(0, 80))}`)
    } catch (error) {
      problems.push(`a handshake failed: ${error}`)
    } finally {
      await scope.close()
    }
  }

  function note(serial: string, endsMs: number): void {
    const nowMs = Date.now()
    const known = seen.find(one => one.serial === serial)
    const latest = seen.at(-1)
    if (known === undefined) {
      seen.push({serial, firstMs: nowMs, endsMs, handshakes: 1})
      if (latest) console.log(`renewed with ${((latest.endsMs - nowMs) / 1000).toFixed(1)} s left: ${serial}`)
      return
    }
    known.handshakes++
    if (latest && known !== latest && nowMs - latest.firstMs > HAND_OVER_MS)
      problems.push(`${serial} was shown ${nowMs - latest.firstMs} ms after ${latest.serial} took its place`)
  }

  const limitMs = performance.now() + (renewals * validityS + SPARE_S) * 1000
  const isOver = () => seen.length > renewals || performance.now() > limitMs
  const client = async () => {
    while (!isOver()) {
      await handshake()
      await new Promise(resolve => setTimeout(resolve, PAUSE_MS))
    }
  }
  // Asks now and then, or it would be closed for being idle.
  const keeping = async () => {
    while (!isOver()) {
      const answer = await kept.ask(`${REQUEST}\r\n`, true).catch(String)
      if (!answer.startsWith('HTTP/1.1 200 '))
        return void problems.push('the connection under the first certificate was lost')
      await new Promise(resolve => setTimeout(resolve, ASK_AGAIN_MS))
    }
  }
  await Promise.all([keeping(), ...Array.from({length: CLIENTS}, client)])

  if (seen.length <= renewals) problems.push(`there were ${seen.length - 1} renewals in all that time`)
  const rows = await daemon.rows()
  if (rows.length !== 1) problems.push(`${rows.length} certificates are kept, not one`)
  if (rows[0]?.serial !== seen.at(-1)?.serial.toLowerCase())
    problems.push(`${rows[0]?.serial} is kept, and ${seen.at(-1)?.serial} is served`)
  const left = seen.slice(1).map(({firstMs}, at) => ((seen[at]?.endsMs ?? 0) - firstMs) / 1000)
  const handshakes = seen.reduce((sum, one) => sum + one.handshakes, 0)
  console.log(
    `${seen.length - 1} renewals, ${handshakes} handshakes, ${problems.length} problems; between ${Math.min(...left).toFixed(1)} s and ` +
      `${Math.max(...left).toFixed(1)} s were left; the slowest handshake took ${slowestMs.toFixed(0)} ms`,
  )
  return problems
}
