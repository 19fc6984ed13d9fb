// A front of Pebble that does what authorities do on bad days, and what Let's Encrypt does and Pebble does not.

import type {IncomingHttpHeaders, IncomingMessage, ServerResponse} from 'node:http'
import {createServer, Agent as HttpsAgent, request} from 'node:https'
import type {AddressInfo} from 'node:net'
import type {Scope} from '../../../src/base/scope.ts'
import type {Pebble} from './pebble.ts'

/** Paths are those of Pebble, by how they begin: 'order-plz', 'chalZ/', 'finalize-order/', 'nonce-plz', 'dir'. */
export type Fault =
  | {
      readonly kind: 'hang' | 'reset' | 'busy' | 'stall'
      readonly path: string
      /** Only orders for it. */
      readonly host?: string
    }
  /** 429 with Retry-After. */
  | {readonly kind: 'limit'; readonly path: string; readonly retryAfterS: number}
  /** A problem of this type. */
  | {
      readonly kind: 'refuse'
      readonly path: string
      readonly status: number
      readonly type: string
      readonly times: number
    }
  /** Each validation takes so long; meanwhile a second answer to the challenge is a conflict, as Boulder has it. */
  | {readonly kind: 'slow-validation'; readonly ms: number}
  /** The answer to finalize has the certificate already. */
  | {readonly kind: 'finalize-at-once'}

export type Front = {
  readonly directoryUrl: string
  faults: readonly Fault[]
  /** What it suggests of any certificate (RFC 9773); null: it knows no such resource. */
  window: {readonly startMs: number; readonly endMs: number; readonly retryAfterS: number} | null
  /** 'POST order-plz' → how often. */
  readonly counts: Readonly<Record<string, number>>
  /** What was said in the last request to a path, by its first segment. */
  said(path: string): Record<string, unknown>
  /** Paths of the suggestions that were asked for. */
  readonly renewalIds: readonly string[]
}

export async function frontOf(scope: Scope, pebble: Pebble): Promise<Front> {
  const agent = new HttpsAgent({keepAlive: true, ca: pebble.ca})
  const counts: Record<string, number> = {}
  const payloads = new Map<string, Record<string, unknown>>()
  const challenges = new Map<string, number>()
  const renewalIds: string[] = []
  const refused = new Map<Fault, number>()

  const server = createServer({cert: pebble.server.cert, key: pebble.server.key}, (incoming, response) => {
    serve(incoming, response).catch(() => response.destroy())
  })
  await new Promise<void>(done => server.listen(0, '127.0.0.1', done))
  scope.defer(() => {
    server.close()
    server.closeAllConnections()
    agent.destroy()
  })
  const origin = `https://127.0.0.1:${(server.address() as AddressInfo).port}`
  const front: Front = {
    directoryUrl: `${origin}/dir`,
    faults: [],
    window: null,
    counts,
    said: path => payloads.get(path) ?? {},
    renewalIds,
  }

  async function serve(incoming: IncomingMessage, response: ServerResponse): Promise<void> {
    const body = await textOf(incoming)
    const path = (incoming.url ?? '').slice(1)
    const first = path.split('/')[0] ?? ''
    counts[`${incoming.method} ${first}`] = (counts[`${incoming.method} ${first}`] ?? 0) + 1
    const payload = payloadOf(body)
    if (payload !== null) payloads.set(first, payload)
    if (first === 'renewal-info') return suggest(path, response)
    if (await misbehave(path, incoming, response, payload)) return
    const passed = await pass(incoming, body)
    if (first === 'dir') return reply(response, passed, withRenewalInfo(passed.body))
    reply(response, passed, await altered(path, payload, passed))
  }

  function suggest(path: string, response: ServerResponse): void {
    renewalIds.push(path.slice('renewal-info/'.length))
    const {startMs, endMs, retryAfterS} = front.window ?? {startMs: 0, endMs: 0, retryAfterS: 0}
    const suggestedWindow = {start: new Date(startMs).toISOString(), end: new Date(endMs).toISOString()}
    response.writeHead(200, {'content-type': 'application/json', 'retry-after': String(retryAfterS)})
    response.end(JSON.stringify({suggestedWindow}))
  }

  function withRenewalInfo(body: string): string {
    return front.window === null ? body : JSON.stringify({...JSON.parse(body), renewalInfo: `${origin}/renewal-info`})
  }

  // Whether it was dealt with.
  async function misbehave(
    path: string,
    incoming: IncomingMessage,
    response: ServerResponse,
    payload: Record<string, unknown> | null,
  ): Promise<boolean> {
    for (const fault of front.faults) {
      if ('path' in fault && !path.startsWith(fault.path)) continue
      if ('host' in fault && !JSON.stringify(payload).includes(`"${fault.host}"`)) continue
      switch (fault.kind) {
        case 'hang':
          return true
        case 'reset':
          incoming.socket.destroy()
          return true
        case 'busy':
          response.writeHead(503, {'content-type': 'text/html', 'retry-after': '7'})
          response.end('<html><body>Service busy; retry later</body></html>')
          return true
        case 'stall':
          response.writeHead(200, {'content-type': 'application/json', 'content-length': '500'})
          response.write('{"a')
          return true
        case 'limit':
          await refuse(response, 429, 'rateLimited', 'too many certificates (5) already issued for this exact set', {
            'retry-after': String(fault.retryAfterS),
          })
          return true
        case 'refuse': {
          const times = refused.get(fault) ?? 0
          if (times >= fault.times) continue
          refused.set(fault, times + 1)
          await refuse(response, fault.status, fault.type, 'because the test says so')
          return true
        }
        case 'slow-validation': {
          const sinceMs = challenges.get(path)
          if (payload === null || sinceMs === undefined) continue
          await refuse(response, 409, 'conflict', 'Authorization is already being validated')
          return true
        }
      }
    }
    return false
  }

  async function refuse(response: ServerResponse, status: number, type: string, detail: string, headers = {}) {
    const {headers: fresh} = await exchange({method: 'HEAD', path: '/nonce-plz', headers: {}})
    const problem = {type: `urn:ietf:params:acme:error:${type}`, detail, status}
    response.writeHead(status, {
      'content-type': 'application/problem+json',
      'replay-nonce': fresh['replay-nonce'] ?? '',
      ...headers,
    })
    response.end(JSON.stringify(problem))
  }

  async function altered(path: string, payload: Record<string, unknown> | null, {body}: Passed): Promise<string> {
    for (const fault of front.faults) {
      if (fault.kind === 'slow-validation' && path.startsWith('chalZ/')) {
        if (payload !== null && !challenges.has(path)) challenges.set(path, performance.now())
        const sinceMs = challenges.get(path)
        if (sinceMs === undefined || performance.now() - sinceMs >= fault.ms) continue
        return JSON.stringify({...JSON.parse(body), status: 'pending', validated: undefined})
      }
      if (fault.kind === 'finalize-at-once' && path.startsWith('finalize-order/')) {
        const order = path.split('/')[1] ?? ''
        const serial = await serialOf(order)
        return JSON.stringify({...JSON.parse(body), status: 'valid', certificate: `${origin}/certZ/${serial}`})
      }
    }
    return body
  }

  async function serialOf(order: string): Promise<string> {
    for (;;) {
      const serial = new RegExp(`Issued certificate serial (\\w+) for order ${order}`).exec(pebble.log())?.[1]
      if (serial !== undefined) return serial
      await new Promise(resolve => setTimeout(resolve, 5))
    }
  }

  function pass(incoming: IncomingMessage, body: string): Promise<Passed> {
    const {method = 'GET', url = '/', headers} = incoming
    return exchange({method, path: url, headers: {...headers, 'content-length': String(Buffer.byteLength(body))}}, body)
  }

  function exchange(call: {method: string; path: string; headers: IncomingHttpHeaders}, body = ''): Promise<Passed> {
    return new Promise((resolve, reject) => {
      const outgoing = request({...call, host: '127.0.0.1', port: pebble.port, agent}, async answer => {
        resolve({status: answer.statusCode ?? 0, headers: answer.headers, body: await textOf(answer)})
      })
      outgoing.on('error', reject)
      outgoing.end(body)
    })
  }

  return front
}

// ---

type Passed = {readonly status: number; readonly headers: IncomingHttpHeaders; readonly body: string}

function reply(response: ServerResponse, {status, headers}: Passed, body: string): void {
  const {'transfer-encoding': _, ...rest} = headers
  response.writeHead(status, {...rest, 'content-length': String(Buffer.byteLength(body))})
  response.end(body)
}

async function textOf(message: IncomingMessage): Promise<string> {
  let text = ''
  for await (const chunk of message.setEncoding('utf8')) text += chunk
  return text
}

// null where nothing was said: POST-as-GET, or no POST.
function payloadOf(body: string): Record<string, unknown> | null {
  try {
    const {payload} = JSON.parse(body) as {payload: string}
    return payload === '' ? null : (JSON.parse(Buffer.from(payload, 'base64url').toString()) as Record<string, unknown>)
  } catch {
    return null
  }
}
