// Many clients of every kind at once, some slow, some gone in the middle: whatever they are given, it is what they asked for.

import type {ServerResponse} from 'node:http'
import {connect} from 'node:net'
import type {Duplex} from 'node:stream'
import {connect as connectTls} from 'node:tls'
import {test} from 'uvu'
import * as assert from 'uvu/assert'
import type {Scope} from '../../src/base/scope.ts'
import {createRandom} from '../fuzz/random.ts'
import {authorityOf} from '../helpers/authority.ts'
import {hasOpenssl} from '../helpers/certificates.ts'
import {httpInstanceOf} from '../helpers/http-instance.ts'
import {http2To} from '../helpers/http2-client.ts'
import {proxyOf} from '../helpers/proxy.ts'
import {scoped} from '../helpers/scoped.ts'

if (!hasOpenssl) console.log('SKIP the test of clients of every kind: openssl is missing')
const check = hasOpenssl ? test : test.skip

const CLIENTS_OF_EACH = 16
const ANSWERS_EACH = 25
/** Of reads that a slow client waits behind, and of answers that are not waited for. */
const SLOW = 0.2
const CUT = 0.05
/** Of one read of ours and less, of several, and more than the kernel takes at once. */
const SIZES = [0, 900, 5_000, 12_000, 20_000, 70_000, 300_000, 2_000_000]

const {below, chance, pick} = createRandom(7)

check(
  'every client gets its own bytes',
  scoped(async scope => {
    const target = await httpInstanceOf(scope, ({url = ''}, response) => {
      const [, , size = '0', framing] = url.split('/')
      answer(response, bodyOf(url, Number(size)), framing === 'counted')
    })
    const plain = await proxyOf(scope, {'x.localhost': target})
    const certificates = [authorityOf(scope).certificate(['x.localhost'])]
    const {httpsPort} = await proxyOf(scope, {'x.localhost': target}, {certificates})
    const ways: Readonly<Record<string, (path: string) => Promise<string>>> = {
      'HTTP/1.1': path => askBytes(scope, () => connect(plain.port, '127.0.0.1'), path),
      TLS: path => askBytes(scope, () => secured(httpsPort), path),
      'HTTP/2': path => askStream(scope, httpsPort, path),
    }
    const clients = Object.entries(ways).flatMap(([kind, ask]) =>
      Array.from({length: CLIENTS_OF_EACH}, async (_, client) => {
        for (let i = 0; i < ANSWERS_EACH; i++) {
          const size = pick(SIZES)
          const path = `/${client}-${i}/${size}/${pick(['counted', 'chunked'])}`
          const body = await ask(path)
          if (body === GONE) continue
          assert.ok(body === bodyOf(path, size), `${kind} ${path}: ${body.length} bytes, ${body.slice(0, 80)}`)
        }
      }),
    )
    await Promise.all(clients)
  }),
)

test.run()

// ---

/** The client has cut it off. */
const GONE = '(gone)'

// Another for each path.
function bodyOf(path: string, size: number): string {
  return `${path} `.repeat(Math.ceil(size / (path.length + 1))).slice(0, size)
}

// In pieces, so that it comes in several reads.
function answer(response: ServerResponse, body: string, isCounted: boolean): void {
  if (isCounted) response.setHeader('Content-Length', body.length)
  for (let from = 0; from < body.length; ) {
    const to = from + 1 + below(60_000)
    response.write(body.slice(from, to))
    from = to
  }
  response.end()
}

function secured(port: number): Duplex {
  return connectTls({port, host: '127.0.0.1', servername: 'x.localhost', rejectUnauthorized: false})
}

async function askBytes(scope: Scope, open: () => Duplex, path: string): Promise<string> {
  const socket = open()
  scope.defer(() => void socket.destroy())
  socket.write(`GET ${path} HTTP/1.1\r\nHost: x.localhost\r\nConnection: close\r\n\r\n`)
  const text = await read(socket)
  if (text === GONE) return GONE
  const end = text.indexOf('\r\n\r\n') + 4
  const body = text.slice(end)
  return /^transfer-encoding: chunked\r$/im.test(text.slice(0, end)) ? unchunked(body) : body
}

async function askStream(scope: Scope, port: number, path: string): Promise<string> {
  const session = await http2To(scope, port)
  const body = await read(session.request({':path': path}))
  session.destroy()
  return body
}

// At the pace of whoever reads; rejects when it is cut off by somebody else.
function read(stream: Duplex): Promise<string> {
  const isCut = chance(CUT)
  const pieces: Buffer[] = []
  return new Promise((resolve, reject) => {
    stream.on('data', (piece: Buffer) => {
      pieces.push(piece)
      if (isCut) {
        stream.destroy()
        resolve(GONE)
      } else if (chance(SLOW)) {
        stream.pause()
        setTimeout(() => stream.resume(), below(5))
      }
    })
    stream.on('error', reject)
    stream.on('end', () => resolve(Buffer.concat(pieces).latin1Slice()))
  })
}

function unchunked(text: string): string {
  let body = ''
  for (let at = 0; ; ) {
    const line = text.indexOf('\r\n', at)
    const size = Number.parseInt(text.slice(at, line), 16)
    if (!(size > 0)) return body
    body += text.slice(line + 2, line + 2 + size)
    at = line + 2 + size + 2
  }
}
