// A connection is a stream: however its bytes are cut into reads, the result is the same. Cut between every two bytes, at
// random, and byte by byte: the scanner of chunks in both modes, the judgement of heads that are not whole yet, and, for
// a few, the whole way over sockets.

import {createScope, type Scope} from '../../src/base/scope.ts'
import {judgePartialHead} from '../../src/proxy/http1/request-line.ts'
import {clientOf} from '../helpers/client.ts'
import {originThatAnswers} from '../helpers/origin.ts'
import {proxyOf} from '../helpers/proxy.ts'
import {BAD_REQUESTS, HOST, REQUESTS} from './corpus.ts'
import {generate, mutate} from './generate.ts'
import {readRequests, scanPieces} from './own-reader.ts'
import {createRandom, type Random} from './random.ts'
import {type Budget, createFindings, type Finding, type Findings, guarded, type Report, repeat} from './report.ts'

/** Cuts at random positions that one input is tried with, besides every single cut. */
const RANDOM_CUTS = 4
/** Of the time, for the part over sockets. */
const WIRE_SHARE = 0.3
/** How long an answer may take: far above what loopback needs. */
const WIRE_MS = 4_000

export async function fuzzSplit(budget: Budget): Promise<Report> {
  const random = createRandom(budget.seed)
  const findings = createFindings()
  const chunked = [...REQUESTS, ...BAD_REQUESTS].filter(text => /^transfer-encoding: *chunked/im.test(text)).map(bodyOf)
  let cuts = 0
  const {inputs, ms} = repeat(budget.seconds * (1 - WIRE_SHARE), findings, () => {
    const body = random.chance(0.5)
      ? mutate(random, random.pick(chunked), chunked)
      : random.pick(chunked) + random.pick(REQUESTS)
    const seed = random.below(2 ** 31)
    const checkBody = (text: string) => compareCuts(text, createRandom(seed), () => cuts++)
    const inBody = checkBody(body)
    if (inBody) findings.add(inBody, checkBody)
    const text = generate(random, REQUESTS)
    const inHead = judgeEveryStart(text)
    if (inHead) findings.add(inHead, judgeEveryStart)
  })
  const wire = await splitOverSockets(random, findings, budget.seconds * WIRE_SHARE)
  return {
    name: 'split',
    inputs: inputs + wire.inputs,
    ms: ms + wire.ms,
    findings: findings.list(),
    notes: [`${cuts} ways of cutting ${inputs} bodies; ${wire.inputs} connections over sockets`],
  }
}

// ---

function bodyOf(text: string): string {
  return text.slice(text.indexOf('\r\n\r\n') + 4)
}

function compareCuts(text: string, random: Random, seen: () => void): Finding | null {
  const bytes = Buffer.from(text, 'latin1')
  const ways = [
    ...Array.from({length: bytes.length - 1}, (_, i) => [i + 1]),
    ...Array.from({length: RANDOM_CUTS}, () => randomCuts(random, bytes.length)),
    Array.from({length: Math.max(0, bytes.length - 1)}, (_, i) => i + 1),
  ]
  for (const isDecoding of [false, true]) {
    const whole = JSON.stringify(scanPieces(bytes, 0, isDecoding, []))
    for (const cuts of ways) {
      seen()
      const cut = JSON.stringify(scanPieces(bytes, 0, isDecoding, cuts))
      if (cut === whole) continue
      const mode = isDecoding ? 'decoding' : 'passing on'
      return {what: `cuts change what is scanned (${mode})`, input: text, expected: whole, got: `${cut} cut at ${cuts}`}
    }
  }
  return null
}

// The beginning of a request that is accepted may not be refused while the rest is on its way.
function judgeEveryStart(text: string): Finding | null {
  const bytes = Buffer.from(text, 'latin1')
  const own = guarded(text, () => readRequests(bytes))
  if ('what' in own) return null
  let from = 0
  for (const message of own.messages) {
    for (let end = from + 1; end < message.headEnd; end++) {
      const {stop} = readRequests(bytes.subarray(from, end))
      if (stop === 'more-head' || stop === 'end') continue
      const input = bytes.latin1Slice(from, message.headEnd)
      const what = 'the beginning of a good request is refused'
      return {
        what,
        input,
        expected: 'wait for more',
        got: `${stop} after ${JSON.stringify(input.slice(0, end - from))}`,
      }
    }
    if (judgePartialHead(bytes.subarray(message.start, message.headEnd - 1)) !== null) {
      return {
        what: 'a good head without its last byte is refused',
        input: text,
        expected: 'wait for more',
        got: 'refused',
      }
    }
    from = message.end
  }
  return null
}

function randomCuts(random: Random, length: number): number[] {
  return Array.from({length: 1 + random.below(6)}, () => 1 + random.below(Math.max(1, length - 1))).sort(
    (a, b) => a - b,
  )
}

// The same bytes in one write and in pieces, each piece in a packet of its own: the instance and the client get the same.
async function splitOverSockets(
  random: Random,
  findings: Findings,
  seconds: number,
): Promise<{inputs: number; ms: number}> {
  const scope = createScope()
  const began = performance.now()
  let inputs = 0
  try {
    const origin = await originThatAnswers(
      scope,
      head => `HTTP/1.1 200 OK\r\nContent-Length: 0\r\nX-Size: ${head.length}\r\n\r\n`,
    )
    const {port} = await proxyOf(scope, {[HOST]: origin.url})
    const goods = REQUESTS.filter(
      text => !/^(?:HEAD|\S+ \S+ HTTP\/1\.0)|expect|transfer-encoding|connection: /im.test(text),
    )
    const last = `GET /last HTTP/1.1\r\nHost: ${HOST}\r\nConnection: close\r\n\r\n`
    while (performance.now() - began < seconds * 1000 && !findings.isFull()) {
      const text = random.pick(goods) + random.pick(goods) + last
      const cuts = random.chance(0.5) ? [1 + random.below(text.length - 1)] : randomCuts(random, text.length)
      const whole = await answersTo(scope, port, text, [])
      const cut = await answersTo(scope, port, text, cuts)
      inputs += 2
      if (whole === cut) continue
      findings.add({
        what: 'cuts change the answers on the wire',
        input: text,
        expected: whole,
        got: `${cut} cut at ${cuts}`,
      })
    }
  } finally {
    await scope.close()
  }
  return {inputs, ms: performance.now() - began}
}

async function answersTo(scope: Scope, port: number, text: string, cuts: readonly number[]): Promise<string> {
  const client = await clientOf(scope, port)
  client.socket.setNoDelay(true)
  let at = 0
  for (const cut of [...cuts, text.length]) {
    if (cut <= at || client.socket.destroyed) continue
    client.send(text.slice(at, cut))
    at = cut
    // Two turns of the loop: loopback delivers a packet in less, and a piece that joins the next one still is a cut.
    await new Promise(setImmediate)
    await new Promise(setImmediate)
  }
  const answer = await client.ended(WIRE_MS).catch((error: Error) => ({text: error.message}))
  client.destroy()
  return answer.text.replace(/^Date: .*\r\n/gm, '')
}
