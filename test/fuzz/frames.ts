// Connections of HTTP/2 whose frames are out of order, cut, doubled or full of other bytes: the worker survives each of
// them, goes on serving others, and whatever reaches the instance is a plain request of HTTP/1.1.

import {connect} from 'node:tls'
import {createScope} from '../../src/base/scope.ts'
import {authorityOf} from '../helpers/authority.ts'
import {hasOpenssl} from '../helpers/certificates.ts'
import {ask, hpack, http2To} from '../helpers/http2-client.ts'
import {OK, originThatAnswers} from '../helpers/origin.ts'
import {proxyOf} from '../helpers/proxy.ts'
import {createRandom, type Random} from './random.ts'
import {type Budget, count, createFindings, type Report, tableOf} from './report.ts'

const PREFACE = Buffer.from('PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n')
const FRAMES_MAX = 12
/** Connections at once, each with an input of its own. */
const AT_ONCE = 16
/** How long a connection is looked at that neither side ends: its client goes away. */
const LINGER_MS = 50

const FIELDS: readonly (readonly [string, string])[] = [
  [':method', 'GET'],
  [':method', 'POST'],
  [':path', '/'],
  [':path', '/a?b'],
  [':scheme', 'https'],
  [':authority', 'x.localhost'],
  [':protocol', 'websocket'],
  ['host', 'x.localhost'],
  ['cookie', 'a=1'],
  ['content-length', '3'],
  ['transfer-encoding', 'chunked'],
  ['te', 'trailers'],
  ['x-own', 'a\r\nX-Evil: 1'],
  ['x own', '1'],
  ['x-large', 'v'.repeat(5_000)],
]

export async function fuzzFrames({seconds, seed}: Budget): Promise<Report> {
  const random = createRandom(seed)
  const findings = createFindings()
  const endings = new Map<string, number>()
  const began = performance.now()
  let inputs = 0
  let requests = 0
  const scope = createScope()
  try {
    if (!hasOpenssl) return {name: 'frames', inputs, ms: 0, findings: [], notes: ['openssl is missing']}
    const origin = await originThatAnswers(scope, head => {
      requests++
      if (
        !/^(GET|POST) \/\S* HTTP\/1\.1\r\n(?:[!#$%&'*+.^_`|~0-9A-Za-z-]+: [^\r\n]*\r\n)+\r\n/.test(head) ||
        /evil:/i.test(head)
      )
        findings.add({
          what: 'what no client may send reaches an instance',
          input: head,
          expected: 'a request',
          got: head,
        })
      return OK
    })
    const certificates = [authorityOf(scope).certificate(['x.localhost'])]
    const {httpsPort, plane} = await proxyOf(scope, {'x.localhost': origin.url}, {certificates})
    while (!findings.isFull() && performance.now() < began + seconds * 1000) {
      const batch = Array.from({length: AT_ONCE}, () => inputOf(random))
      const ended = await Promise.all(batch.map(bytes => play(httpsPort, bytes, createRandom(random.below(2 ** 31)))))
      for (const how of ended) count(endings, how)
      inputs += batch.length
      const {status} = await ask(await http2To(scope, httpsPort))
      const restarts = plane.workers().reduce((sum, worker) => sum + worker.restarts, 0)
      if (status === 200 && restarts === 0) continue
      const input = batch.map(bytes => bytes.toString('hex')).join('\n')
      findings.add({what: 'a worker does not survive', input, expected: '200', got: `${status}, ${restarts} restarts`})
      break
    }
  } finally {
    await scope.close()
  }
  const notes = [`${requests} requests reached the instance`, ...tableOf('how connections ended', endings)]
  return {name: 'frames', inputs, ms: performance.now() - began, findings: findings.list(), notes}
}

// ---

// Mostly frames that could be, sometimes with bytes that were changed.
function inputOf(random: Random): Buffer {
  const frames = Array.from({length: 1 + random.below(FRAMES_MAX)}, () => frameOf(random))
  const bytes = Buffer.concat([...(random.chance(0.97) ? [PREFACE] : []), frame(4, 0, 0, Buffer.alloc(0)), ...frames])
  if (random.chance(0.5)) return bytes
  for (let i = random.below(4); i >= 0; i--) bytes[PREFACE.length + random.below(bytes.length)] = random.below(256)
  return random.chance(0.2) ? bytes.subarray(0, random.below(bytes.length)) : bytes
}

function frameOf(random: Random): Buffer {
  const stream = random.pick([0, 1, 1, 1, 3, 3, 5, 7, 9, 2, 0x7f_ff_ff_ff])
  const flags = random.pick([0, 1, 4, 5, 5, 5, 8, 32, random.below(256)])
  switch (random.below(7)) {
    case 0:
      return frame(
        random.pick([0, 0, 2, 3, 6, 8, 8, 9, random.below(20)]),
        flags,
        stream,
        bytesOf(random, random.below(20)),
      )
    case 1:
      return frame(0, flags, stream, bytesOf(random, random.pick([0, 3, 3, 100, 16_384])))
    case 2:
      return frame(4, 0, 0, Buffer.concat(Array.from({length: random.below(4)}, () => settingOf(random))))
    case 3:
      return frame(9, flags, stream, hpack([random.pick(FIELDS)]))
    default:
      return frame(1, flags, stream, headOf(random))
  }
}

function headOf(random: Random): Buffer {
  if (random.chance(0.1)) return bytesOf(random, random.below(60))
  const good = [FIELDS[random.below(2)], FIELDS[2 + random.below(2)], FIELDS[4], FIELDS[5]].flatMap(
    field => field ?? [],
  )
  const pairs = Array.from({length: 4}, (_, i) => [good[i * 2] ?? '', good[i * 2 + 1] ?? ''] as const)
  const more = random.chance(0.5) ? [] : Array.from({length: random.below(4)}, () => random.pick(FIELDS))
  return hpack([...pairs, ...more])
}

function settingOf(random: Random): Buffer {
  const setting = Buffer.alloc(6)
  setting.writeUInt16BE(random.below(8))
  setting.writeUInt32BE(random.pick([0, 1, 4096, 16_384, 65_535, 0x7f_ff_ff_ff, random.below(2 ** 32)]), 2)
  return setting
}

function bytesOf(random: Random, length: number): Buffer {
  return Buffer.from(Array.from({length}, () => random.below(256)))
}

function frame(type: number, flags: number, stream: number, payload: Buffer): Buffer {
  const head = Buffer.alloc(9)
  head.writeUIntBE(payload.length, 0, 3)
  head[3] = type
  head[4] = flags
  head.writeUInt32BE(stream, 5)
  return Buffer.concat([head, payload])
}

// Says the bytes in pieces, and how it ended.
function play(port: number, bytes: Buffer, random: Random): Promise<string> {
  const options = {port, host: '127.0.0.1', servername: 'x.localhost', ALPNProtocols: ['h2'], rejectUnauthorized: false}
  const socket = connect(options)
  return new Promise(resolve => {
    let lastType = -1
    const linger = setTimeout(() => end('open'), LINGER_MS * 10)
    const end = (how: string) => {
      clearTimeout(linger)
      socket.destroy()
      resolve(how)
    }
    socket.on('error', () => {})
    socket.on('close', () => end(lastType === 7 ? 'GOAWAY' : 'closed'))
    socket.on('data', (data: Buffer) => {
      for (let at = 0; at + 9 <= data.length; at += 9 + data.readUIntBE(at, 3)) lastType = data[at + 3] ?? -1
    })
    socket.on('secureConnect', () => {
      for (let at = 0; at < bytes.length; ) {
        const to = Math.min(bytes.length, at + 1 + random.below(random.chance(0.5) ? 30 : 20_000))
        socket.write(bytes.subarray(at, to))
        at = to
      }
      linger.refresh()
      setTimeout(() => end('open'), LINGER_MS)
    })
  })
}
