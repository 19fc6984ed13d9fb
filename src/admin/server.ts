// The daemon's end of the admin socket. Whoever can open the file may do everything, so the file is 0600, and requests
// that only a web browser would send are refused: a page must not reach it through a forwarded port (DNS rebinding).

import {createServer, type IncomingMessage, type Server, type ServerResponse} from 'node:http'
import {isIP} from 'node:net'
import {messageOf} from '../base/errors.ts'
import type {Log} from '../base/log.ts'
import {type Action, findAction} from './actions.ts'
import {createEventStream, type EventStream} from './events.ts'
import {explain} from './explain.ts'
import {listenAlone} from './listen.ts'
import type {ErrorBody, Operations, Outcome} from './protocol.ts'

const CONNECTIONS = 128
const BODY_BYTES = 64 << 10
const REQUEST_MS = 10_000
const CLOSE_MS = 1000

export type AdminServer = {close(): Promise<void>}
export type AdminServerOptions = {
  readonly socket: string
  readonly operations: Operations
  readonly log: Log
  /** For tests; 15 s when left out. */
  readonly heartbeatMs?: number
}

/**
 * Serves `operations` on a unix socket. A socket file that nobody answers at is taken over; when somebody does, or the
 * path cannot be used, this throws an AppError.
 */
export async function createAdminServer({
  socket,
  operations,
  log,
  heartbeatMs,
}: AdminServerOptions): Promise<AdminServer> {
  const events = createEventStream(operations, heartbeatMs)
  const server = createServer({requestTimeout: REQUEST_MS, headersTimeout: REQUEST_MS}, (request, response) => {
    answer(request, response, operations, events).catch(error => {
      log.error('admin request failed', {path: request.url, error})
      fail(response, 500, 'internal', messageOf(error))
    })
  })
  server.maxConnections = CONNECTIONS
  try {
    await listenAlone(server, socket, log)
  } catch (error) {
    events.close()
    throw error
  }
  server.on('error', error => log.error('admin socket failed', {socket, error}))
  return {close: () => close(server, events)}
}

// ---

async function answer(
  request: IncomingMessage,
  response: ServerResponse,
  operations: Operations,
  events: EventStream,
): Promise<void> {
  const forbidden = whyForbidden(request)
  if (forbidden) return fail(response, 403, 'forbidden', forbidden)
  const [path = '', query = ''] = splitQuery(request.url ?? '')
  const action = findAction(path)
  if (action) return act(request, response, operations, action)
  const resource = RESOURCES.get(path)
  if (!resource) return fail(response, 404, 'not-found', `there is no ${path}`)
  if (request.method !== 'GET' && request.method !== 'HEAD') {
    response.setHeader('allow', 'GET, HEAD')
    return fail(response, 405, 'method-not-allowed', `${path} answers GET only`)
  }
  if ((await readBody(request)) === null) return failTooLarge(response)
  if (resource === 'explain') return respond(response, await explain(operations, query))
  if (resource !== 'events') return reply(response, 200, resource(operations))
  if (request.method === 'HEAD') return reply(response, 200, null)
  if (!events.add(response)) fail(response, 503, 'too-many-readers', 'as many as may are reading events already')
}

type Resource = 'events' | 'explain' | ((operations: Operations) => unknown)

const RESOURCES: ReadonlyMap<string, Resource> = new Map<string, Resource>([
  ['/v1/status', operations => operations.status()],
  ['/v1/routes', operations => operations.routes()],
  ['/v1/services', operations => operations.services()],
  ['/v1/instances', operations => operations.instances()],
  ['/v1/certs', operations => operations.certs.rows()],
  ['/v1/config', operations => operations.config()],
  ['/v1/history', operations => operations.history()],
  ['/v1/explain', 'explain'],
  ['/v1/events', 'events'],
])

function splitQuery(url: string): [path: string, query: string] {
  const mark = url.indexOf('?')
  return mark < 0 ? [url, ''] : [url.slice(0, mark), url.slice(mark + 1)]
}

// A page that a rebound name points here sends that name as Host, and such a name has a dot.
function whyForbidden(request: IncomingMessage): string | null {
  const {host, origin} = request.headers
  const site = request.headers['sec-fetch-site']
  if (origin !== undefined) return 'requests of web pages are refused (Origin)'
  if (site !== undefined && site !== 'none') return 'requests of web pages are refused (Sec-Fetch-Site)'
  const name = (host ?? '').replace(/:\d*$/, '').replace(/^\[(.*)\]$/, '$1')
  if (name.includes('.') && !name.endsWith('.localhost') && isIP(name) === 0) return `Host ${name} is not this daemon`
  return null
}

async function act(
  request: IncomingMessage,
  response: ServerResponse,
  operations: Operations,
  action: Action,
): Promise<void> {
  if (request.method !== 'POST') {
    response.setHeader('allow', 'POST')
    return fail(response, 405, 'method-not-allowed', 'this changes something, and answers POST only')
  }
  const body = await readBody(request)
  if (body === null) return failTooLarge(response)
  respond(response, await action(operations, body))
}

function respond(response: ServerResponse, outcome: Outcome<unknown>): void {
  if ('answer' in outcome) {
    reply(response, 200, outcome.answer)
    return
  }
  const {status, code, message} = outcome.refused
  fail(response, status, code, message)
}

// Of what is too much nothing is kept, so a body of unknown length may run on until the request times out; leaving the
// loop early would close the connection before the refusal is sent.
async function readBody(request: IncomingMessage): Promise<string | null> {
  if (Number(request.headers['content-length'] ?? 0) > BODY_BYTES) return null
  const chunks: Buffer[] = []
  let bytes = 0
  for await (const chunk of request) {
    bytes += (chunk as Buffer).length
    if (bytes <= BODY_BYTES) chunks.push(chunk as Buffer)
  }
  return bytes <= BODY_BYTES ? Buffer.concat(chunks).toString() : null
}

function failTooLarge(response: ServerResponse): void {
  fail(response, 413, 'body-too-large', `a request body may have ${BODY_BYTES} bytes`)
}

function reply(response: ServerResponse, status: number, value: unknown): void {
  const text = `${JSON.stringify(value)}\n`
  response.writeHead(status, {
    'content-type': 'application/json',
    'content-length': Buffer.byteLength(text),
    'cache-control': 'no-store',
    // After a failure the rest of the request may still be on its way.
    ...(status >= 400 && {connection: 'close'}),
  })
  response.end(text)
}

function fail(response: ServerResponse, status: number, code: string, message: string): void {
  if (response.headersSent) {
    response.destroy()
    return
  }
  reply(response, status, {error: {code, message}} satisfies ErrorBody)
}

function close(server: Server, events: EventStream): Promise<void> {
  events.close()
  return new Promise(resolve => {
    const timer = setTimeout(() => server.closeAllConnections(), CLOSE_MS)
    server.close(() => {
      clearTimeout(timer)
      resolve()
    })
    server.closeIdleConnections()
  })
}
