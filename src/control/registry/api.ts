// The built-in services of service mode: proxy-svc tells what is served, registry-svc takes instances. Workers forward their
// requests to this server over a unix socket as they would to any instance, so bounds and timeouts are those of any request.

import {createServer, type IncomingMessage, type Server, type ServerResponse} from 'node:http'
import {messageOf} from '../../base/errors.ts'
import type {Log} from '../../base/log.ts'
import type {Leases} from './leases.ts'
import {RegistryRefusal} from './refusal.ts'
import {type ReadPlace, readRegistration} from './registration.ts'
import type {Tokens} from './tokens.ts'

/** Slugs that are answered here. */
export const BUILT_IN_SLUGS = ['proxy-svc', 'registry-svc'] as const

export type InstanceRow = {
  readonly id: string
  readonly url: string
  readonly scheme: string
  readonly host: string
  /** First address of the host; '' while it is not known. */
  readonly ip: string
  readonly port: number
  readonly path: string
  readonly slug: string
  readonly tags: readonly string[]
  readonly status: 'Healthy' | 'Unreachable' | 'Draining'
  /** RFC 3339; '' for instances that did not register. */
  readonly lastHeartbeat: string
  readonly deploymentId: string
  readonly source: 'declared' | 'discovered' | 'registered'
}

export type RegistryApiParts = {
  readonly log: Log
  readonly tokens: Tokens
  readonly leases: Leases
  readonly readPlace: ReadPlace
  readonly routes: () => readonly {readonly id: string}[]
  /** Without keys. */
  readonly certs: () => readonly {readonly id: string}[]
  readonly instances: () => readonly InstanceRow[]
  /** How git declares a service, and where; null when it does not. */
  readonly service: (slug: string) => {readonly register: boolean; readonly place: string} | null
  /** Resolves when the workers serve the instances as they are now. */
  readonly settled: () => Promise<void>
}

const BODY_BYTES = 64 << 10
const REQUEST_MS = 10_000
const CONNECTIONS = 1024

/** The server, not listening yet. */
export function createRegistryServer(parts: RegistryApiParts): Server {
  const server = createServer({requestTimeout: REQUEST_MS, headersTimeout: REQUEST_MS}, (request, response) => {
    answer(parts, request)
      .then(body => reply(response, 200, body))
      .catch((error: unknown) => refuse(parts.log, request, response, error))
  })
  server.maxConnections = CONNECTIONS
  return server
}

// ---

type Endpoint = (parts: RegistryApiParts, request: IncomingMessage, url: URL) => unknown

async function answer(parts: RegistryApiParts, request: IncomingMessage): Promise<unknown> {
  const url = new URL(request.url ?? '/', 'http://built-in')
  const path = url.pathname.startsWith(INSTANCE) ? INSTANCE : url.pathname
  const methods = ENDPOINTS[path]
  if (!methods) throw new RegistryRefusal(404, 'not-found', `there is no ${url.pathname}`)
  // Node leaves the body of an answer to HEAD out.
  const endpoint = methods[request.method === 'HEAD' ? 'GET' : (request.method ?? '')]
  if (!endpoint) throw wrongMethod(request.method ?? '', url.pathname, Object.keys(methods))
  return endpoint(parts, request, url)
}

const INSTANCE = '/registry-svc/instance/'

const ENDPOINTS: Readonly<Record<string, Readonly<Record<string, Endpoint>>>> = {
  '/proxy-svc/routes': {
    async POST({routes}, request) {
      const ids = await readIds(request)
      return {routes: routes().filter(({id}) => ids === null || ids.includes(id))}
    },
  },
  '/proxy-svc/certs': {
    async POST({certs}, request) {
      const ids = await readIds(request)
      return {certs: certs().filter(({id}) => ids === null || ids.includes(id))}
    },
  },
  '/registry-svc/instances': {GET: listInstances},
  '/registry-svc/instance': {PUT: putInstance},
  [INSTANCE]: {DELETE: removeInstance},
}

const FILTERS = ['slug', 'id', 'host', 'ip', 'path', 'deploymentId'] as const

function listInstances({instances}: RegistryApiParts, _: IncomingMessage, {searchParams}: URL): unknown {
  const unknown = [...searchParams.keys()].find(key => !FILTERS.some(filter => filter === key))
  if (unknown !== undefined)
    throw new RegistryRefusal(
      400,
      'bad-request',
      `unknown parameter ${JSON.stringify(unknown)}; there are ${FILTERS.join(', ')}`,
    )
  const wanted = FILTERS.filter(key => searchParams.has(key))
  return {instances: instances().filter(row => wanted.every(key => row[key] === searchParams.get(key)))}
}

async function putInstance(parts: RegistryApiParts, request: IncomingMessage): Promise<unknown> {
  const slug = writerOf(parts, request)
  const registration = readRegistration(await readJson(request), parts.readPlace)
  const {id} = parts.leases.put(slug, registration)
  await parts.settled()
  return {id}
}

async function removeInstance(parts: RegistryApiParts, request: IncomingMessage, url: URL): Promise<unknown> {
  const slug = writerOf(parts, request)
  const id = idIn(url.pathname)
  const lease = parts.leases.get(id)
  if (lease?.slug === slug) {
    parts.leases.remove(id)
    await parts.settled()
    return {}
  }
  if (lease) throw new RegistryRefusal(403, 'not-yours', `the token writes ${slug}, and ${id} is of ${lease.slug}`)
  if (parts.instances().some(row => row.id === id))
    throw new RegistryRefusal(403, 'not-registered', `${id} did not register: it is declared in git or found in DNS`)
  throw new RegistryRefusal(404, 'unknown-instance', `there is no instance ${JSON.stringify(id)}`)
}

// The service that the request may write, and that takes instances.
function writerOf({tokens, service}: RegistryApiParts, {headers}: IncomingMessage): string {
  const slug = tokens.slugOf(headers.authorization)
  if (slug === null) throw unauthorized(headers.authorization !== undefined)
  const declared = service(slug)
  if (!declared) throw new RegistryRefusal(404, 'unknown-service', `git declares no service ${JSON.stringify(slug)}`)
  if (!declared.register) {
    const message = `${slug} takes no registrations: ${declared.place} does not say "register: true"`
    throw new RegistryRefusal(403, 'registration-off', message)
  }
  return slug
}

// RFC 6750 §3: who sent no token is not told that it was wrong.
function unauthorized(hasToken: boolean): RegistryRefusal {
  const challenge = `Bearer realm="registry-svc"${hasToken ? ', error="invalid_token"' : ''}`
  const message = hasToken ? 'the token is not known' : 'writing needs a token: Authorization: Bearer …'
  return new RegistryRefusal(401, 'unauthorized', message, {'www-authenticate': challenge})
}

function wrongMethod(method: string, path: string, allowed: readonly string[]): RegistryRefusal {
  const written: Readonly<Record<string, string>> = {
    '/proxy-svc/routes': 'routes are written in git: use `routesd routes save` or `routesd routes rm`',
    '/proxy-svc/certs': 'certificates are not written here',
  }
  const isWrite = method === 'PUT' || method === 'PATCH' || method === 'DELETE'
  const why = isWrite ? written[path] : undefined
  const message = why ?? `${path} takes ${allowed.join(', ')}`
  return new RegistryRefusal(405, 'method-not-allowed', message, {allow: allowed.join(', ')})
}

// An id may have a path, whose slashes need not be escaped.
function idIn(pathname: string): string {
  try {
    return decodeURIComponent(pathname.slice(INSTANCE.length))
  } catch {
    throw new RegistryRefusal(400, 'bad-request', 'the id is not valid percent-encoding')
  }
}

// {ids: […]} asks for these; no body, or none of it, for all.
async function readIds(request: IncomingMessage): Promise<readonly unknown[] | null> {
  const body = await readJson(request)
  const isMapping = typeof body === 'object' && body !== null && !Array.isArray(body)
  const {ids = [], ...others} = isMapping ? (body as {ids?: unknown}) : {ids: null}
  if (!Array.isArray(ids) || Object.keys(others).length > 0)
    throw new RegistryRefusal(400, 'bad-request', 'the body is empty, {} or {"ids": [...]}')
  return ids.length === 0 ? null : ids
}

async function readJson(request: IncomingMessage): Promise<unknown> {
  const text = (await readBody(request)) || '{}'
  try {
    return JSON.parse(text) as unknown
  } catch (error) {
    throw new RegistryRefusal(400, 'bad-json', `the body is not JSON: ${messageOf(error)}`)
  }
}

async function readBody(request: IncomingMessage): Promise<string> {
  const tooLarge = () => new RegistryRefusal(413, 'body-too-large', `a body may have ${BODY_BYTES} bytes`)
  if (Number(request.headers['content-length'] ?? 0) > BODY_BYTES) throw tooLarge()
  const chunks: Buffer[] = []
  let bytes = 0
  // Leaving the loop early would close the connection before the refusal is sent: what is too much is dropped.
  for await (const chunk of request) {
    bytes += (chunk as Buffer).length
    if (bytes <= BODY_BYTES) chunks.push(chunk as Buffer)
  }
  if (bytes > BODY_BYTES) throw tooLarge()
  return Buffer.concat(chunks).toString('utf8')
}

function refuse(log: Log, request: IncomingMessage, response: ServerResponse, error: unknown): void {
  if (response.headersSent) {
    response.destroy()
    return
  }
  if (error instanceof RegistryRefusal) {
    const {status, code, message, fields} = error
    // What is left of the request may still be on its way.
    reply(response, status, {error: {code, message}}, {connection: 'close', ...fields})
    return
  }
  log.error('a built-in service failed', {path: request.url, why: messageOf(error)})
  reply(response, 500, {error: {code: 'internal', message: messageOf(error)}}, {connection: 'close'})
}

function reply(
  response: ServerResponse,
  status: number,
  body: unknown,
  fields: Readonly<Record<string, string>> = {},
): void {
  const text = `${JSON.stringify(body)}\n`
  response.writeHead(status, {
    'content-type': 'application/json',
    'content-length': Buffer.byteLength(text),
    'cache-control': 'no-store',
    ...fields,
  })
  response.end(text)
}
