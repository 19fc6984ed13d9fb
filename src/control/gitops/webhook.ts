// Hears from a forge that there is news, on a listener of its own. All that a delivery can do is have the remote fetched a
// little earlier, and that at most once in two seconds: neither its content nor its branch is believed.

import {randomUUID} from 'node:crypto'
import {createServer, type IncomingMessage, type ServerResponse} from 'node:http'
import type {AddressInfo} from 'node:net'
import {type Address, formatAddress} from '../../base/address.ts'
import type {Clock} from '../../base/clock.ts'
import {AppError, messageOf} from '../../base/errors.ts'
import type {Log} from '../../base/log.ts'
import {judgeDelivery} from './webhook-signature.ts'

export type WebhookParts = {
  readonly listen: Address
  readonly path: string
  /** The branch that is served; news of another one are none. */
  readonly branch: string
  /** Read for every delivery, so that a new secret counts at once. */
  readonly readSecret: () => Promise<string>
  readonly clock: Clock
  readonly log: Log
  /** Called for news; must not throw. */
  readonly onNews: () => void
}

export type Webhook = {
  /** 'host:port' that it listens on. */
  readonly address: string
  close(): Promise<void>
}

const BODY_MAX = 1 << 20
const HEAD_MAX = 16 << 10
const CONNECTIONS_MAX = 64
const REQUEST_LIMIT_MS = 10_000
const SPACING_MS = 2_000
/** Deliveries that are remembered, so that one that is sent again does nothing. */
const REMEMBERED = 1_000
/** Whoever guesses fills no log. */
const COMPLAINT_EVERY_MS = 60_000

/** Listens until closed. Throws AppError when it cannot, or when there is no secret. */
export async function createWebhook(parts: WebhookParts): Promise<Webhook> {
  const {listen, clock, log} = parts
  await parts.readSecret().catch((error: unknown) => {
    throw new AppError(`the secret of git.webhook cannot be read: ${messageOf(error)}`, {cause: error})
  })
  const news = createSpacer(clock, parts.onNews)
  const seen = new Set<string>()
  let complainedAt = Number.NEGATIVE_INFINITY

  async function answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const url = request.url ?? ''
    const {path} = parts
    if (url !== path && !url.startsWith(`${path}?`)) return reply(response, 404, {error: 'there is nothing here'})
    if (request.method !== 'POST') {
      response.setHeader('Allow', 'POST')
      return reply(response, 405, {error: 'deliveries are POST'})
    }
    const body = await readBody(request)
    if (body === null) return reply(response, 413, {error: `a delivery has at most ${BODY_MAX} bytes`})
    const judged = judgeDelivery(await parts.readSecret(), {headers: request.headers, body}, clock.now())
    if (judged.kind !== 'good') {
      const why = judged.kind === 'bad' ? judged.why : 'the delivery is not signed'
      if (Math.abs(clock.now() - complainedAt) >= COMPLAINT_EVERY_MS) {
        complainedAt = clock.now()
        log.warn('a webhook is refused', {why, from: request.socket.remoteAddress})
      }
      return reply(response, judged.kind === 'bad' ? 403 : 401, {error: why})
    }
    reply(response, 202, {id: randomUUID(), status: take(judged.id, body)})
  }

  function take(id: string | null, body: Buffer): 'accepted' | 'duplicate' | 'ignored' {
    const delivery = id?.slice(0, ID_MAX) ?? null
    if (delivery !== null && seen.has(delivery)) return 'duplicate'
    if (delivery !== null) remember(delivery)
    const ref = refOf(body)
    if (ref !== null && ref !== `refs/heads/${parts.branch}`) return 'ignored'
    log.info('a webhook says that there is news', {ref})
    news.ask()
    return 'accepted'
  }

  // The oldest goes first: a Set keeps the order of insertion.
  function remember(id: string): void {
    seen.add(id)
    for (const oldest of seen) {
      if (seen.size <= REMEMBERED) break
      seen.delete(oldest)
    }
  }

  const server = createServer({maxHeaderSize: HEAD_MAX, requestTimeout: REQUEST_LIMIT_MS}, (request, response) => {
    answer(request, response).catch((error: unknown) => {
      log.error('a webhook could not be answered', {why: messageOf(error)})
      if (!response.headersSent) reply(response, 500, {error: 'it could not be looked at'})
    })
  })
  server.maxConnections = CONNECTIONS_MAX
  const bound = await new Promise<Address>((resolve, reject) => {
    server.once('error', error => reject(new AppError(`git.webhook cannot listen: ${error.message}`, {cause: error})))
    server.listen(listen.port, listen.host, () => resolve(addressOf(server.address(), listen)))
  })
  return {
    address: formatAddress(bound),
    async close() {
      news.stop()
      server.closeAllConnections()
      await new Promise(resolve => server.close(resolve))
    },
  }
}

// ---

const ID_MAX = 200

// The first at once, those after it together and not too soon.
function createSpacer(clock: Clock, call: () => void): {ask(): void; stop(): void} {
  let calledAt = Number.NEGATIVE_INFINITY
  let cancel: (() => void) | null = null
  const fire = () => {
    cancel = null
    calledAt = clock.now()
    call()
  }
  return {
    ask() {
      if (cancel !== null) return
      // A clock that was set back must not make it wait for hours.
      const waitMs = Math.min(calledAt + SPACING_MS - clock.now(), SPACING_MS)
      if (waitMs <= 0) fire()
      else cancel = clock.after(waitMs, fire)
    },
    stop: () => cancel?.(),
  }
}

// null when there is more of it than is taken.
async function readBody(request: IncomingMessage): Promise<Buffer | null> {
  if (Number(request.headers['content-length'] ?? 0) > BODY_MAX) return null
  const chunks: Buffer[] = []
  let size = 0
  // Without destroying, because the answer goes over the same socket.
  for await (const chunk of request.iterator({destroyOnReturn: false}) as AsyncIterable<Buffer>) {
    size += chunk.length
    if (size > BODY_MAX) return null
    chunks.push(chunk)
  }
  return Buffer.concat(chunks)
}

// GitHub may be set up to send a form with the JSON in it.
function refOf(body: Buffer): string | null {
  const text = body.toString()
  try {
    const value: unknown = JSON.parse(
      text.startsWith('payload=') ? (new URLSearchParams(text).get('payload') ?? '') : text,
    )
    const ref = typeof value === 'object' && value !== null && 'ref' in value ? value.ref : null
    return typeof ref === 'string' ? ref : null
  } catch {
    return null // others send what they like
  }
}

function reply(response: ServerResponse, status: number, body: Readonly<Record<string, string>>): void {
  // What is left of a body that was not read must not be taken for the next request.
  if (status !== 202) response.setHeader('Connection', 'close')
  response.writeHead(status, {'Content-Type': 'application/json'}).end(`${JSON.stringify(body)}\n`)
}

function addressOf(bound: AddressInfo | string | null, {host}: Address): Address {
  return typeof bound === 'object' && bound !== null ? {host: bound.address, port: bound.port} : {host, port: 0}
}
