// The head of an instance's answer as the client gets it: as it came, when nothing that may go on is changed, and else in our
// words, as a text that policies have edited.

import type {HeadPolicy} from '../../snapshot/snapshot.ts'
import type {Exchange} from '../exchange.ts'
import {editFields, restorePaths, withHsts} from '../head-policy.ts'
import {stickyField} from '../sticky.ts'
import {hasField} from './field.ts'
import {lendCopy} from './lend-copy.ts'
import {fieldsOf, type ResponseHead, reasonOf, saysAny, saysField} from './response-head.ts'

/**
 * Writes the beginning of an answer, or all of it: `bytes[0, bodyEnd)`, with a head that ends at `end`, as it came, but for
 * fields that go no further or that we add; its length stays as the instance has said it. False when more is to be done.
 */
export function passAnswer(
  exchange: Exchange,
  head: ResponseHead,
  bytes: Buffer,
  end: number,
  bodyEnd: number,
): boolean {
  if (!isPassable(exchange, head)) return false
  const {client} = exchange
  const {writeBuffer} = client.thread
  const put = putBehind(exchange, head, bytes)
  if (put === null) return false
  const added = put + addedTo(exchange, head.hasDate || (put !== '' && hasField(put, 'date')))
  if (!writeBuffer.holds(bodyEnd + added.length)) return false
  const {runs, runsLength} = head
  const last = runsLength - 2
  for (let i = 0; i < last; i += 2) writeBuffer.add(bytes, runs[i] as number, runs[i + 1] as number)
  if (added === '') {
    // Behind the last run come the line that ends the head, and the body.
    writeBuffer.add(bytes, runs[last] as number, bodyEnd)
  } else {
    writeBuffer.add(bytes, runs[last] as number, runs[last + 1] as number)
    writeBuffer.addText(added)
    writeBuffer.add(bytes, runs[last + 1] as number, bodyEnd)
  }
  const message = writeBuffer.take()
  // The head is no part of what is counted.
  exchange.bytesOut = bodyEnd - end - message.length
  if (client.secured === null) {
    client.write(message)
    if (client.isHolding()) writeBuffer.leave()
  } else if (client.isHolding()) {
    // Of many that wait, each would keep memory for the longest.
    client.write(Buffer.from(message))
  } else {
    // TLS tells only a turn later that it is done with what it was given.
    lendCopy(client, message, copy => client.write(copy))
  }
  return true
}

/** The head for the client, whole. `isBodyless`: the instance has said so in another way than by a length. */
export function composeAnswer(exchange: Exchange, head: ResponseHead, bytes: Buffer, isBodyless: boolean): string {
  const {client} = exchange
  const policy = exchange.route?.head ?? null
  const told = fieldsOf(head, bytes)
  const edited = policy === null ? told : applyPolicy(exchange, policy, told)
  const fields = client.hsts === '' ? edited : withHsts(edited, client.hsts)
  const reason = reasonOf(head, bytes)
  const added = addedTo(exchange, policy === null ? head.hasDate : hasField(fields, 'date'))
  const line = `HTTP/1.1 ${head.status}${reason === '' ? ' ' : reason}\r\n`
  return `${line}${fields}${framingOf(exchange, head, isBodyless)}${added}\r\n`
}

/** The fields of an instance's answer as the route wants the client to see them. */
export function applyPolicy(exchange: Exchange, policy: HeadPolicy, fields: string): string {
  const edited = editFields(fields, policy.response)
  if (policy.rewrite === null) return edited
  const {cut, put} = policy.rewrite
  const base = exchange.member?.basePath ?? ''
  const hosts = [exchange.client.hostValue.toLowerCase(), exchange.member?.origin.authority ?? '']
  if (policy.host.kind === 'literal') hosts.push(policy.host.value.toLowerCase())
  return restorePaths(edited, {cut, put: base + put}, exchange.route?.prefix ?? '', hosts)
}

// ---

const HSTS = 'strict-transport-security'
/** Fields whose paths are restored. */
const PATHS = ['location', 'set-cookie']

function isPassable({client, minor}: Exchange, head: ResponseHead): boolean {
  return (
    head.isPlain &&
    head.contentLength >= 0 &&
    head.status !== 204 &&
    minor < 2 &&
    // Of many that wait, each would keep memory for the longest.
    (client.secured !== null || !client.isHolding())
  )
}

// What policies add to the fields of the instance; null when they change some of those.
function putBehind({client, route}: Exchange, head: ResponseHead, bytes: Buffer): string | null {
  const policy = route === null ? null : route.head
  let put = ''
  if (policy !== null) {
    if (policy.response !== null) {
      const {drop, ifMissing, append} = policy.response
      if (saysAny(head, bytes, drop)) return null
      for (const [name, line] of ifMissing) if (!saysField(head, bytes, name)) put += line
      put += append
    }
    if (policy.rewrite !== null && (saysAny(head, bytes, PATHS) || addsPaths(put))) return null
  }
  if (client.hsts === '') return put
  return hasField(put, HSTS) || saysField(head, bytes, HSTS) ? null : put + client.hsts
}

function addsPaths(put: string): boolean {
  return put !== '' && PATHS.some(name => hasField(put, name))
}

// What we say for ourselves, behind the fields of the instance.
function addedTo(exchange: Exchange, hasDate: boolean): string {
  const {client, isPersistent, minor, sticky} = exchange
  const date = hasDate ? '' : client.thread.ticks.dateField
  const cookie = sticky === null ? '' : stickyField(exchange)
  return date + cookie + (isPersistent ? (minor === 0 ? 'Connection: keep-alive\r\n' : '') : 'Connection: close\r\n')
}

// How this client is told where the body ends (RFC 9112 §6).
function framingOf(exchange: Exchange, head: ResponseHead, isBodyless: boolean): string {
  if (head.status === 204) return ''
  if (head.contentLength >= 0) return `Content-Length: ${head.contentLength}\r\n`
  if (exchange.method === 'HEAD' || head.status === 304) return ''
  if (isBodyless) return exchange.minor > 1 ? '' : 'Content-Length: 0\r\n'
  if (exchange.minor !== 1) return ''
  const hasTrailer = exchange.takesTrailers && head.isChunked && head.trailer !== ''
  return `Transfer-Encoding: chunked\r\n${hasTrailer ? `Trailer: ${head.trailer}\r\n` : ''}`
}
