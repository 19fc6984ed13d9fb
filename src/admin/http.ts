// admin.http: what a monitoring system asks, read only. It listens on TCP, where a web page can send requests too: the name
// that it is asked by must be ours (DNS rebinding), and no page may ask at all.

import {createServer, type IncomingMessage, type Server, type ServerResponse} from 'node:http'
import {isIP} from 'node:net'
import {hostname} from 'node:os'
import {type Address, formatAddress} from '../base/address.ts'
import {AppError, codeOf, messageOf} from '../base/errors.ts'
import type {Log} from '../base/log.ts'
import {CONTENT_TYPE} from './exposition.ts'

const CONNECTIONS = 64
const REQUEST_MS = 10_000
/** A scrape that is read more slowly than this is cut off. */
const ANSWER_MS = 30_000
const CLOSE_MS = 1_000

export type MonitorServer = {
  /** As bound. */
  readonly address: Address
  close(): Promise<void>
}

export type MonitorOptions = {
  readonly address: Address
  readonly metrics: () => Iterable<string>
  /** Why requests should go to another one; null when this one takes them. */
  readonly whyNotReady: () => string | null
  readonly log: Log
}

/** Serves /metrics, /healthz, /livez and /readyz; throws an AppError when the address cannot be had. */
export async function createMonitorServer({
  address,
  metrics,
  whyNotReady,
  log,
}: MonitorOptions): Promise<MonitorServer> {
  const names = namesOf(address)
  const server = createServer({requestTimeout: REQUEST_MS, headersTimeout: REQUEST_MS}, (request, response) => {
    response.setTimeout(ANSWER_MS, () => response.destroy())
    answer(request, response, names, metrics, whyNotReady).catch(error => {
      log.error('a request for metrics failed', {path: request.url, error})
      if (response.headersSent) response.destroy()
      else reply(response, 500, `500 ${messageOf(error)}\n`)
    })
  })
  server.maxConnections = CONNECTIONS
  await listen(server, address)
  server.on('error', error => log.error('the listener for metrics failed', {error}))
  const bound = server.address()
  const port = bound !== null && typeof bound === 'object' ? bound.port : address.port
  return {address: {...address, port}, close: () => close(server)}
}

// ---

type Names = (name: string) => boolean

async function answer(
  request: IncomingMessage,
  response: ServerResponse,
  names: Names,
  metrics: () => Iterable<string>,
  whyNotReady: () => string | null,
): Promise<void> {
  const forbidden = whyForbidden(request, names)
  if (forbidden !== null) return reply(response, 403, `403 ${forbidden}\n`)
  const path = (request.url ?? '').split('?', 1)[0] ?? ''
  if (!PATHS.includes(path)) return reply(response, 404, `404 there is no such path: there are ${PATHS.join(', ')}\n`)
  if (request.method !== 'GET' && request.method !== 'HEAD') {
    response.setHeader('allow', 'GET, HEAD')
    return reply(response, 405, '405 this is read only\n')
  }
  if (path === '/metrics') return sendMetrics(response, metrics, request.method === 'HEAD')
  const why = path === '/readyz' ? whyNotReady() : null
  reply(response, why === null ? 200 : 503, why === null ? 'ok\n' : `${why}\n`)
}

const PATHS = ['/metrics', '/healthz', '/livez', '/readyz']

// A rebound name is sent as Host by the page that uses it: only names that are ours are answered.
function whyForbidden({headers}: IncomingMessage, names: Names): string | null {
  if (headers.origin !== undefined) return 'requests of web pages are refused (Origin)'
  const site = headers['sec-fetch-site']
  // A person who types the address into a browser is no page.
  if (site !== undefined && site !== 'none') return 'requests of web pages are refused (Sec-Fetch-Site)'
  const {host} = headers
  // HTTP/1.0 has none, and no browser speaks it.
  if (host === undefined) return null
  const name = host
    .replace(/:\d*$/, '')
    .replace(/^\[(.*)\]$/, '$1')
    .replace(/\.$/, '')
    .toLowerCase()
  return names(name) ? null : 'Host is not a name of this daemon'
}

// Addresses cannot be rebound. Of names those of this machine itself are ours, and what was written in the settings. A
// listener that others may reach is asked by the name of its container or machine too, which has no dot: no page can be
// served under such a name from outside.
function namesOf({host}: Address): Names {
  const own = [host.toLowerCase(), hostname().toLowerCase()]
  const isLocal = host === 'localhost' || host === '::1' || host.startsWith('127.')
  return name =>
    isIP(name) !== 0 ||
    name === 'localhost' ||
    name.endsWith('.localhost') ||
    (!isLocal && !name.includes('.')) ||
    own.includes(name)
}

// One piece for each turn of the loop, and none while the reader does not take them.
async function sendMetrics(response: ServerResponse, metrics: () => Iterable<string>, isHead: boolean): Promise<void> {
  response.writeHead(200, {'content-type': CONTENT_TYPE, 'cache-control': 'no-store'})
  if (!isHead) {
    for (const piece of metrics()) {
      if (response.destroyed) return
      if (!response.write(piece)) await drained(response)
      else await new Promise(resolve => setImmediate(resolve))
    }
  }
  response.end()
}

function drained(response: ServerResponse): Promise<void> {
  return new Promise(resolve => {
    const settle = () => {
      response.off('drain', settle).off('close', settle)
      resolve()
    }
    response.on('drain', settle).on('close', settle)
  })
}

function reply(response: ServerResponse, status: number, text: string): void {
  response.writeHead(status, {
    'content-type': 'text/plain; charset=utf-8',
    'content-length': Buffer.byteLength(text),
    'cache-control': 'no-store',
    'x-content-type-options': 'nosniff',
    // A body that was sent along is not read.
    ...(status >= 400 && {connection: 'close'}),
  })
  response.end(text)
}

async function listen(server: Server, address: Address): Promise<void> {
  try {
    await new Promise<void>((resolve, reject) => {
      server.once('error', reject)
      server.listen({host: address.host, port: address.port}, () => {
        server.off('error', reject)
        resolve()
      })
    })
  } catch (error) {
    const where = formatAddress(address)
    const code = codeOf(error)
    const message = code === 'EADDRINUSE' ? `${where} is in use` : `${where} cannot be opened: ${messageOf(error)}`
    throw new AppError(message, {hint: 'set admin.http to another address, or to off', cause: error})
  }
}

function close(server: Server): Promise<void> {
  return new Promise(resolve => {
    const timer = setTimeout(() => server.closeAllConnections(), CLOSE_MS)
    server.close(() => {
      clearTimeout(timer)
      resolve()
    })
    server.closeIdleConnections()
  })
}
