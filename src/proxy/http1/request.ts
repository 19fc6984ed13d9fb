// A parsed head becomes an exchange: who takes it, what the instance is told, and who answers.

import {normalizeHost} from '../../router/host.ts'
import {decidePath} from '../../router/path.ts'
import {rewritePath} from '../../router/rewrite.ts'
import {findHost, matchPrefix} from '../../router/routing.ts'
import {findChallenge} from '../challenge.ts'
import {choose} from '../choose.ts'
import type {RouteEntry} from '../entries.ts'
import {countRequest, Exchange, type Requester} from '../exchange.ts'
import type {FailureCode} from '../failure.ts'
import {
  type Asker,
  forwardingFields,
  hasOptional,
  isLoop,
  optionalFields,
  traceOf,
  trustedFields,
} from '../forwarding.ts'
import {isCall} from '../grpc.ts'
import {editFields} from '../head-policy.ts'
import {copyFor} from '../mirror.ts'
import {pick} from '../pick.ts'
import {challengeAnswer, elsewhereAnswer, optionsAnswer, redirectAnswer, respondAnswer} from '../respond.ts'
import type {Table} from '../table.ts'
import {secureLocation, takeRules} from '../tls/host-rules.ts'
import {beginTrace} from '../tracing/trace.ts'
import {ChunkScanner} from './chunked.ts'
import {hasField, withoutFields} from './field.ts'
import {isHandshake} from './handshake.ts'
import {openTunnel} from './open-tunnel.ts'
import type {RequestHead} from './request-head.ts'
import {forward} from './upstream.ts'

/** Begins the exchange for the head that was just parsed; every way out of here leads to an answer. */
export function beginRequest(client: Requester, head: RequestHead): void {
  const {edge, isDraining, table} = client.thread
  const isPersistent = head.isPersistent && !isDraining && client.requests < edge.requestsPerConnection
  const bodyLeft = head.isChunked ? -1 : Math.max(head.contentLength, 0)
  const exchange = new Exchange(client, head.method, head.minor, bodyLeft, isPersistent, head.expectsContinue)
  if (head.isChunked) exchange.chunks = new ChunkScanner(false)
  if (bodyLeft !== 0) client.startPace()
  if (head.minor > 1) exchange.isGrpc = isCall(head.method, head.fields)
  client.exchange = exchange
  const {access, tracer} = client.thread
  if (access !== null) exchange.logged = access.begin(client, head)
  if (tracer !== null) exchange.trace = beginTrace(tracer, client, head)
  if (head.target === '*') {
    if (normalizeHost(head.host) === '') {
      client.fail(exchange, 'bad-host')
      return
    }
    // What follows may be its body: it must not be read as a request.
    exchange.isPersistent &&= exchange.isRequestDone
    exchange.status = 204
    client.answer(exchange, optionsAnswer(client.thread.ticks.dateField, !exchange.isPersistent))
    return
  }
  const failure = route(client, exchange, head, table)
  if (failure) client.fail(exchange, failure)
}

// ---

function route(client: Requester, exchange: Exchange, head: RequestHead, table: Table): FailureCode | null {
  const hostValue = head.authority === '' ? head.host : head.authority
  if (hostValue !== client.hostValue || table !== client.hostTable) takeHost(client, table, hostValue)
  if (client.host === '') return 'bad-host'
  // RFC 9112 §3.2.2 lets the target win; two names for one request are refused instead.
  if (head.authority !== '' && head.host !== '' && head.host.toLowerCase() !== head.authority.toLowerCase())
    return 'bad-host'
  let path = head.pathChars === head.target.length ? head.target : head.target.slice(0, head.pathChars)
  if (head.isUndecided) {
    const decided = decidePath(path)
    if (decided === null) return 'bad-path'
    path = decided
  }
  const query = head.pathChars === head.target.length ? '' : head.target.slice(head.pathChars)
  const {challenges} = client.thread
  const challenge = challenges === null ? null : findChallenge(challenges, head.method, client.host, path)
  if (challenge !== null && !client.isService) {
    client.answer(exchange, challengeAnswer(exchange, challenge))
    return null
  }
  if (client.refusal !== null) return client.refusal
  if (client.isRedirected && !isSecureBefore(client, head)) {
    const location = secureLocation(client, path + query)
    client.answer(exchange, elsewhereAnswer(exchange, location))
    return null
  }
  const place = client.hostRoutes === null ? null : matchPrefix(client.hostRoutes, path)
  if (place === null) return 'no-route'
  const entry = place.choice === null ? place : choose(place, place.choice, client, head, query)
  countRequest(exchange, entry)
  switch (entry.action.kind) {
    case 'redirect':
      client.answer(exchange, redirectAnswer(exchange, entry, entry.action, path, query))
      return null
    case 'respond':
      client.answer(exchange, respondAnswer(exchange, entry, entry.action))
      return null
    // A split that chose nobody would have no pool, and says so.
    case 'split':
    case 'forward':
      return passOn(client, exchange, head, table, entry, path, query)
  }
}

function takeHost(client: Requester, table: Table, hostValue: string): void {
  client.hostValue = hostValue
  client.hostTable = table
  if (client.isService) {
    client.host = normalizeHost(hostValue)
    client.hostRoutes = table.services
  } else {
    takeRoutes(client, table, hostValue)
  }
  const {address} = client
  client.forwarding = forwardingFields(address, {address, proto: protoOf(client), host: hostValue})
  takeRules(client)
}

// A proxy of ours that speaks https with the client must not be sent in a circle.
function isSecureBefore(client: Requester, head: RequestHead): boolean {
  return client.isTrusted && head.forwardedProto.toLowerCase() === 'https'
}

function protoOf(client: Requester): 'http' | 'https' {
  return client.secured === null ? 'http' : 'https'
}

function takeRoutes(client: Requester, table: Table, hostValue: string): void {
  // A name that is a key of the table is in normal form: most are, and need no more than this look.
  const exact = table.routing.exact.get(hostValue)
  client.host = exact ? hostValue : normalizeHost(hostValue)
  client.hostRoutes = exact ?? (client.host === '' ? null : findHost(table.routing, client.host))
}

function passOn(
  client: Requester,
  exchange: Exchange,
  head: RequestHead,
  table: Table,
  entry: RouteEntry,
  path: string,
  query: string,
): FailureCode | null {
  const {pseudonym} = client.thread.edge
  if (table.forward.via && isLoop(head.via, pseudonym)) return 'loop-detected'
  const target = rewritePath(path, entry.head?.rewrite ?? null) + query
  // What a call came to stands in its trailers; not every client says that it takes them.
  exchange.takesTrailers = (head.takesTrailers || exchange.isGrpc) && head.minor > 0
  const isUpgrade = head.upgrade === 'websocket'
  if (isUpgrade && !isHandshake(head)) {
    // What comes behind it may be a request or may be frames.
    exchange.isPersistent = false
    return 'upgrade-invalid'
  }
  exchange.member = entry.pool && pick(entry.pool, exchange, head, target)
  exchange.requestHead = composeHead(client, exchange, head, table, entry, target)
  if (isUpgrade) {
    openTunnel(exchange)
    return null
  }
  if (entry.mirror !== null) exchange.copy = copyFor(exchange, head, target, entry.mirror)
  forward(exchange)
  return null
}

function composeHead(
  client: Requester,
  exchange: Exchange,
  head: RequestHead,
  table: Table,
  entry: RouteEntry,
  target: string,
): string {
  const policy = entry.head
  const base = exchange.member?.basePath ?? ''
  const host = hostFor(exchange, entry, head)
  const sent =
    host === null ? head.fields : head.fields.slice(0, head.hostLineStart) + host + head.fields.slice(head.hostLineEnd)
  // W3C trace-context §3.3.1.4: the state of a trace that was not understood does not belong to the one that begins here.
  const isNewTrace = table.forward.traceparent && traceOf(head.traceparent) === null
  const kept = isNewTrace && hasField(sent, 'tracestate') ? withoutFields(sent, ['tracestate']) : sent
  // A route may write what is said about the client, too; nothing is ever said twice.
  const told = kept + askerFields(client, exchange, head, table)
  const fields = policy === null ? told : editFields(told, policy.request)
  const framing = head.isChunked
    ? 'Transfer-Encoding: chunked\r\n'
    : head.contentLength >= 0
      ? `Content-Length: ${head.contentLength}\r\n`
      : ''
  // RFC 9112 §9.6: an instance that knows that nothing follows can close by itself.
  const closes = exchange.member?.origin.idleKept === 0
  const hops = exchange.takesTrailers
    ? `TE: trailers\r\nConnection: TE${closes ? ', close' : ''}\r\n`
    : closes
      ? 'Connection: close\r\n'
      : ''
  return `${head.method} ${base}${target} HTTP/1.1\r\n${fields}${framing}${hops}\r\n`
}

// The Host line for the instance, or null when that of the client stays where it is.
function hostFor(exchange: Exchange, entry: RouteEntry, head: RequestHead): string | null {
  const host = entry.head?.host
  if (host === undefined || host.kind === 'preserve') return head.host === '' ? `Host: ${head.authority}\r\n` : null
  return `Host: ${host.kind === 'literal' ? host.value : (exchange.member?.origin.authority ?? '')}\r\n`
}

function askerFields(client: Requester, exchange: Exchange, head: RequestHead, table: Table): string {
  if (!client.isTrusted && !hasOptional(table.forward)) return client.forwarding
  const asker = askerOf(client, head)
  const always = client.isTrusted ? trustedFields(client.address, head, asker) : client.forwarding
  if (!hasOptional(table.forward)) return always
  const {pseudonym} = client.thread.edge
  return always + optionalFields(table.forward, head, asker, client.isTrusted, pseudonym, exchange.trace)
}

function askerOf(client: Requester, head: RequestHead): Asker {
  const {address, hostValue: host} = client
  if (!client.isTrusted) return {address, proto: protoOf(client), host}
  return {
    address: client.thread.trust.clientOf(head.forwardedFor, address),
    proto: trustedProto(client, head.forwardedProto.toLowerCase()),
    host: normalizeHost(head.forwardedHost) === '' ? host : head.forwardedHost,
  }
}

function trustedProto(client: Requester, told: string): 'http' | 'https' {
  return told === 'https' || told === 'http' ? told : protoOf(client)
}
