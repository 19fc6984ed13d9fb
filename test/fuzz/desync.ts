// The whole way: clients send mutated and concatenated requests through a data plane, over a handful of connections to an
// instance that all of them share and that reads by Node's strict parser. It must see exactly the requests that were
// meant, each whole, with one Host and one framing, and every client must get the answers to its own and no others.
//
// Each client comes from an address of its own in 127/8 (Linux), so that the instance can tell from X-Forwarded-For whose
// request it is, whatever the request says about itself.

import {connect, createServer, type Socket} from 'node:net'
import {createScope, type Scope} from '../../src/base/scope.ts'
import {normalizeHost} from '../../src/router/host.ts'
import type {Snapshot} from '../../src/snapshot/snapshot.ts'
import {proxyOf, snapshotOf} from '../helpers/proxy.ts'
import {BAD_REQUESTS, HOST, REQUESTS, TOKEN} from './corpus.ts'
import {generate} from './generate.ts'
import {createNodeParser, type NodeMessage, pairsOf} from './node-parser.ts'
import {type OwnMessage, REQUEST_HEAD_BYTES, readRequests} from './own-reader.ts'
import {createRandom} from './random.ts'
import {type Budget, createFindings, type Findings, guarded, type Report} from './report.ts'

/** Clients at once, and so about as many connections to the instance. */
const LANES = 12
/** A client that still misses answers after this much silence says that it has nothing more to send. */
const QUIET_MS = 400
/** By then the proxy must have closed what it keeps for a client that has said FIN. */
const CLOSE_MS = 4_000

export async function fuzzDesync(budget: Budget): Promise<Report> {
  const random = createRandom(budget.seed)
  const findings = createFindings()
  const scope = createScope()
  const began = performance.now()
  const totals = {inputs: 0, forwarded: 0, upstream: 0}
  try {
    const instance = await recordingInstance(scope, findings, totals)
    const {port, plane} = await proxyOf(scope, {[HOST]: instance.url})
    await plane.apply(withLocalRoutes(snapshotOf({[HOST]: instance.url})))
    const endsMs = began + budget.seconds * 1000
    const lane = async () => {
      while (performance.now() < endsMs && !findings.isFull()) {
        const client = totals.inputs++
        await oneClient(port, client, withTokens(generate(random, CORPUS), client), instance.seen, findings)
      }
    }
    await Promise.all(Array.from({length: LANES}, lane))
    const restarts = plane.workers().reduce((sum, worker) => sum + worker.restarts, 0)
    if (restarts > 0) findings.add({what: 'a worker died', input: '', expected: '0', got: String(restarts)})
    await flush(port, instance.seen, findings, totals)
  } finally {
    await scope.close()
  }
  const notes = [`${totals.forwarded} requests reached the instance over ${totals.upstream} connections`]
  return {name: 'desync', inputs: totals.inputs, ms: performance.now() - began, findings: findings.list(), notes}
}

// ---

const local = (host: string) =>
  REQUESTS.filter(text => /^content-length|^transfer-encoding/im.test(text)).map(text => text.replace(HOST, host))
const CORPUS = [
  ...REQUESTS,
  ...REQUESTS,
  ...REQUESTS,
  ...BAD_REQUESTS,
  ...local('moved.localhost'),
  ...local('here.localhost'),
]

// Routes that answer themselves have to take in, or to end with, the body of a request as well as an instance has.
function withLocalRoutes(snapshot: Snapshot): Snapshot {
  const forward = snapshot.routes[0]
  if (!forward) return snapshot
  const redirect = {kind: 'redirect', to: 'http://x.localhost', status: 308, isExact: false} as const
  const respond = {
    kind: 'respond',
    status: 200,
    head: 'HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\n',
    body: 'here',
  } as const
  const routes = [
    forward,
    {...forward, id: 'moved.localhost', host: 'moved.localhost', action: redirect},
    {...forward, id: 'here.localhost', host: 'here.localhost', action: respond},
  ]
  return {...snapshot, revision: 'local', content: 'local', routes}
}

/** What the instance saw, by the address of the client. */
type Seen = Map<string, NodeMessage[]>
type Instance = {readonly url: string; readonly seen: Seen}

async function recordingInstance(
  scope: Scope,
  findings: Findings,
  totals: {inputs: number; forwarded: number; upstream: number},
): Promise<Instance> {
  const seen: Seen = new Map()
  const sockets = new Set<Socket>()
  const server = createServer(socket => {
    totals.upstream++
    sockets.add(socket)
    const parser = createNodeParser('request', 2 * REQUEST_HEAD_BYTES, message => {
      totals.forwarded++
      parser.messages.length = 0
      // A handshake is answered without an upgrade, so that whatever follows it must not be read here.
      if (message.isUpgrade)
        return void socket.end('HTTP/1.1 426 Upgrade Required\r\nContent-Length: 0\r\nConnection: close\r\n\r\n')
      const address = judgeForwarded(message, totals.inputs, findings)
      const own = seen.get(address) ?? []
      seen.set(address, own)
      own.push({...message})
      socket.write(`HTTP/1.1 200 OK\r\nX-Seen: ${address}#${own.length}\r\nContent-Length: 0\r\n\r\n`)
    })
    parser.begin()
    socket.on('data', data => {
      const error = parser.feed(Buffer.from(data))
      if (error === '') return
      const got = `${error} in ${JSON.stringify(data.toString('latin1').slice(0, 2000))}`
      findings.add({
        what: `the instance cannot read what it gets: ${error}`,
        input: '',
        expected: 'valid requests',
        got,
      })
      socket.destroy()
    })
    socket.on('error', () => {})
    socket.on('close', () => {
      parser.close()
      sockets.delete(socket)
    })
  })
  await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve))
  scope.defer(() => {
    for (const socket of sockets) socket.destroy()
    server.close()
  })
  const bound = server.address()
  if (bound === null || typeof bound === 'string') throw new Error('no port')
  return {url: `http://127.0.0.1:${bound.port}`, seen}
}

// What holds for every request that reaches an instance, whoever sent it. Returns the address of the client.
function judgeForwarded(message: NodeMessage, inputs: number, findings: Findings): string {
  const fields = pairsOf(message.fields)
  const of = (name: string) => fields.filter(([other]) => other.toLowerCase() === name).map(([, value]) => value)
  const report = (what: string) =>
    findings.add({what, input: '', expected: 'a request of ours', got: JSON.stringify(message).slice(0, 4000)})
  const framings = of('content-length').length + of('transfer-encoding').length
  const addresses = of('x-forwarded-for')
  const address = addresses[0] ?? ''
  if (of('host').length !== 1) report('not exactly one Host')
  if (framings > 1) report('more than one framing')
  if (addresses.length !== 1) report('not exactly one X-Forwarded-For')
  if (of('connection').some(value => value !== 'TE') || of('upgrade').length > 0)
    report('a hop-by-hop field reaches the instance')
  for (const token of JSON.stringify(message).match(/~[0-9a-z]{6}~/g) ?? []) {
    // A TOKEN that a mutation has hit is no name of a client: those count up from 0.
    const isOfClient = clientIn(token) < inputs
    if (token !== TOKEN && isOfClient && addressOf(clientIn(token)) !== address)
      report('a request holds bytes of another client')
  }
  return address
}

async function oneClient(port: number, client: number, text: string, seen: Seen, findings: Findings): Promise<void> {
  const own = guarded(text, () => readRequests(Buffer.from(text, 'latin1')))
  // What throws here would throw in the worker, which is for the differential fuzzer to tell.
  if ('what' in own) return
  const meant = own.messages.filter(isForwarded)
  const address = addressOf(client)
  const answers = await converse(port, address, text, meant.length)
  const got = seen.get(address) ?? []
  seen.delete(address)
  const report = (what: string, expected: unknown, actual: unknown) =>
    findings.add({what, input: text, expected: JSON.stringify(expected), got: JSON.stringify(actual)})
  if (answers === null) return report('the connection stays open behind FIN', 'closed', 'open')
  const numbers = [...answers.matchAll(/^X-Seen: (\S+)#(\d+)\r$/gm)]
  if (numbers.some(([, of]) => of !== address))
    report(
      'an answer to another client',
      address,
      numbers.map(([, of]) => of),
    )
  if (numbers.some(([, , number], index) => Number(number) !== index + 1))
    report('answers out of order', got.length, numbers)
  if (numbers.length !== got.length) report('answers and requests differ in number', got.length, answers)
  for (const [index, message] of got.entries()) {
    const wanted = meant[index]
    if (!wanted) return report('a request that nobody meant to send', meant.map(briefly), got.map(briefly))
    if (briefly(wanted) !== briefly(message))
      return report('another request than was meant', briefly(wanted), briefly(message))
  }
  if (got.length < meant.length && !mayEndAt(own.messages, got.length)) {
    report('a request is lost', meant.map(briefly), [got.map(briefly), answers])
  }
}

// Every connection to the instance is used once more: what was left behind on one shows now.
async function flush(port: number, seen: Seen, findings: Findings, totals: {inputs: number}): Promise<void> {
  const one = () => {
    const client = totals.inputs++
    return oneClient(port, client, withTokens(REQUESTS[0] ?? '', client), seen, findings)
  }
  await Promise.all(Array.from({length: 2 * LANES}, one))
}

// All that comes back until the other side closes; null when it does not.
function converse(port: number, localAddress: string, text: string, answers: number): Promise<string | null> {
  return new Promise(resolve => {
    let received = ''
    const socket = connect({port, host: '127.0.0.1', localAddress, allowHalfOpen: true, noDelay: true})
    const finish = (result: string | null) => {
      clearTimeout(quiet)
      clearTimeout(limit)
      socket.destroy()
      resolve(result)
    }
    const quiet = setTimeout(() => socket.end(), QUIET_MS)
    const limit = setTimeout(() => finish(null), CLOSE_MS)
    const look = () => {
      if ((received.match(/^X-Seen: /gm)?.length ?? 0) >= answers) socket.end()
      else quiet.refresh()
    }
    socket.setEncoding('latin1')
    socket.on('connect', () => {
      socket.write(text, 'latin1')
      if (answers === 0) socket.end()
    })
    socket.on('data', data => {
      received += data
      look()
    })
    socket.on('end', () => finish(received))
    socket.on('error', () => finish(received))
    socket.on('close', () => finish(received))
  })
}

function isForwarded(message: OwnMessage): boolean {
  return message.local === null && normalizeHost(message.authority || message.host) === HOST
}

// After an answer of our own to a request with a body the connection may end: what follows need not be read.
function mayEndAt(messages: readonly OwnMessage[], forwarded: number): boolean {
  let count = 0
  for (const message of messages) {
    if (isForwarded(message)) count++
    else if (count === forwarded && (message.local === 'upgrade' || message.isChunked || message.contentLength > 0))
      return true
  }
  return false
}

function briefly(message: OwnMessage | NodeMessage): string {
  return `${message.method} ${'decided' in message ? message.decided : message.target} ${JSON.stringify(message.body)}`
}

function withTokens(text: string, client: number): string {
  let number = 0
  const name = client.toString(36).padStart(4, '0').slice(-4)
  return text.replaceAll(TOKEN, () => `~${name}${(number++ % 1296).toString(36).padStart(2, '0')}~`)
}

function clientIn(token: string): number {
  return Number.parseInt(token.slice(1, 5), 36)
}

// 36^4 tokens are fewer than the addresses of 127/8.
function addressOf(client: number): string {
  const number = client % 36 ** 4
  return `127.${1 + (number >> 16)}.${(number >> 8) & 255}.${number & 255}`
}
