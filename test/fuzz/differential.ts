// Requests, ours against Node's parser: whatever it rejects we refuse, whatever we accept it reads in the same way, to the
// byte where the message ends. Ours may be stricter; how and how often is counted.

import {isFramingName} from '../../src/proxy/http1/field.ts'
import {BAD_REQUESTS, REQUESTS} from './corpus.ts'
import {generate} from './generate.ts'
import {createNodeParser, pairsIn, pairsOf, trimSpace} from './node-parser.ts'
import {type OwnMessage, REQUEST_HEAD_BYTES, readRequests} from './own-reader.ts'
import {createRandom} from './random.ts'
import {type Budget, count, createFindings, type Finding, guarded, type Report, repeat, tableOf} from './report.ts'

export async function fuzzDifferential(budget: Budget): Promise<Report> {
  const random = createRandom(budget.seed)
  const findings = createFindings()
  const corpus = [...REQUESTS, ...REQUESTS, ...BAD_REQUESTS]
  const stricter = new Map<string, number>()
  const counts = new Map<string, number>()
  const seen = (name: string, isStricter: boolean) => count(isStricter ? stricter : counts, name)
  for (const text of REQUESTS) expectAccepted(text, findings.add)
  const {inputs, ms} = repeat(budget.seconds, findings, () => {
    const finding = compareRequests(generate(random, corpus), seen)
    if (finding) findings.add(finding, text => compareRequests(text))
  })
  const notes = [...tableOf('messages:', counts), ...tableOf('stricter than llhttp, which took the message:', stricter)]
  return {name: 'differential', inputs, ms, findings: findings.list(), notes}
}

/** The first way in which we are looser than Node's parser on this connection's bytes, or null. */
export function compareRequests(
  text: string,
  seen: (name: string, isStricter: boolean) => void = () => {},
): Finding | null {
  const bytes = Buffer.from(text, 'latin1')
  const own = guarded(text, () => readRequests(bytes))
  if ('what' in own) return own
  for (const message of own.messages) {
    if (message.local === 'bad-host' || message.local === 'bad-path') {
      node.begin()
      seen(
        node.feed(bytes.subarray(message.start, message.end)) === '' ? message.local : 'refused by both',
        node.messages[0]?.isDone ?? false,
      )
      continue
    }
    const finding = compareMessage(text, bytes, message)
    if (finding) return finding
    seen('accepted by both', false)
  }
  if (own.stop === 'end' || own.stop === 'closed') return null
  node.begin()
  const error = node.feed(bytes.subarray(own.at))
  const first = node.messages[0]
  if (own.stop === 'more-body' && error !== '' && !first?.isDone) {
    return {
      what: `a body that llhttp refuses (${error}) is passed on`,
      input: text,
      expected: 'bad-chunk',
      got: own.stop,
    }
  }
  if (own.stop === 'more-head' || own.stop === 'more-body') seen(`incomplete: ${own.stop}`, false)
  else if (first?.isDone) seen(own.stop, true)
  else seen(error === '' ? 'refused by us before it was complete' : 'refused by both', false)
  return null
}

// ---

const node = createNodeParser('request', REQUEST_HEAD_BYTES)

function expectAccepted(text: string, add: (finding: Finding) => void): void {
  const {messages, stop} = readRequests(Buffer.from(text, 'latin1'))
  if (messages.length !== 1)
    add({what: `an ordinary request is refused: ${stop}`, input: text, expected: 'accepted', got: stop})
}

function compareMessage(input: string, bytes: Buffer, own: OwnMessage): Finding | null {
  const differs = (what: string, expected: unknown, got: unknown): Finding => ({
    what,
    input,
    expected: JSON.stringify(expected),
    got: JSON.stringify(got),
  })
  // All but the last byte, then the last: the message ends there and nowhere else.
  node.begin()
  const early = node.feed(bytes.subarray(own.start, own.end - 1))
  if (early !== '') return differs(`accepted, but llhttp says ${early}`, early, 'accepted')
  if (node.messages[0]?.isDone) return differs('the message ends earlier for llhttp', 'before', own.end)
  const late = node.feed(bytes.subarray(own.end - 1, own.end))
  if (late !== '') return differs(`accepted, but llhttp says ${late}`, late, 'accepted')
  const theirs = node.messages[0]
  if (!theirs?.isDone) return differs('the message ends later for llhttp', 'after', own.end)

  if (theirs.method !== own.method) return differs('method', theirs.method, own.method)
  const target =
    own.authority === '' ? own.target : theirs.target.slice(theirs.target.indexOf(own.authority) + own.authority.length)
  const expectedTarget =
    own.authority === '' ? theirs.target : own.target.startsWith('/') && !target.startsWith('/') ? `/${target}` : target
  if (own.authority !== '' && !theirs.target.toLowerCase().startsWith('http'))
    return differs('absolute-form', theirs.target, own.authority)
  if (expectedTarget !== own.target) return differs('target', expectedTarget, own.target)
  // llhttp reads Proxy-Connection like Connection; RFC 9112 §C.2.2 has it ignored.
  const isNamed = theirs.fields.some(name => name.toLowerCase() === 'proxy-connection')
  if (own.isKeptAlive && !theirs.isKeptAlive && !isNamed)
    return differs('the connection is kept, llhttp closes it', false, true)
  if (theirs.body !== own.body) return differs('body', theirs.body, own.body)
  return compareFields(differs, bytes, own, theirs.fields) ?? compareCoded(differs, own, theirs.trailers)
}

function compareFields(
  differs: (what: string, expected: unknown, got: unknown) => Finding,
  bytes: Buffer,
  own: OwnMessage,
  raw: readonly string[],
): Finding | null {
  const theirs = pairsOf(raw)
  const lines = bytes
    .latin1Slice(own.start, own.headEnd - 4)
    .split('\r\n')
    .slice(1)
  if (lines.length !== theirs.length) return differs('number of fields', theirs.length, lines.length)
  const of = (name: string) => theirs.filter(([other]) => other.toLowerCase() === name).map(([, value]) => value)
  const hosts = of('host')
  if (hosts.length > 1 || (hosts[0] ?? '') !== own.host) return differs('host', hosts, own.host)
  const lengths = of('content-length')
  if (lengths.length > 1 || Number(lengths[0] ?? -1) !== own.contentLength)
    return differs('content-length', lengths, own.contentLength)
  const codings = of('transfer-encoding')
  if (codings.length > 1 || (codings[0]?.toLowerCase() === 'chunked') !== own.isChunked)
    return differs('transfer-encoding', codings, own.isChunked)

  const options = of('connection').flatMap(value => value.toLowerCase().split(',').map(trimSpace))
  let kept = 0
  const keptLines = own.fields === '' ? [] : own.fields.slice(0, -2).split('\r\n')
  for (const [index, [name, value]] of theirs.entries()) {
    const line = lines[index] ?? ''
    if (line.slice(0, name.length + 1) !== `${name}:` || trimSpace(line.slice(name.length + 1)) !== trimSpace(value))
      return differs('field', [name, value], line)
    if (keptLines[kept] === line && !isHopField(name.toLowerCase())) kept++
    else if (!mayBeTaken(name.toLowerCase(), options)) return differs('a field is lost', line, keptLines[kept] ?? null)
  }
  return kept === keptLines.length ? null : differs('a field is passed on that must not be', 'nothing', keptLines[kept])
}

// What we pass on of a chunked body must be a chunked body of its own, with the same data and nothing behind it.
function compareCoded(
  differs: (what: string, expected: unknown, got: unknown) => Finding,
  own: OwnMessage,
  trailers: readonly string[],
): Finding | null {
  if (!own.isChunked) return null
  node.begin()
  const error = node.feed(
    Buffer.from(`POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n${own.coded}`, 'latin1'),
  )
  const [first, second] = node.messages
  if (error !== '' || !first?.isDone || second)
    return differs('the chunks passed on are not one body', 'one body', own.coded)
  if (JSON.stringify(pairsIn(own.trailers)) !== JSON.stringify(trailers))
    return differs('trailers', trailers, own.trailers)
  return first.body === own.body ? null : differs('the chunks passed on hold other data', own.body, first.body)
}

/** Never passed on as it came. */
function isHopField(name: string): boolean {
  return (
    isFramingName(name.replace(/[_.]/g, '-')) ||
    /^(?:proxy|proxy-connection|http2-settings|forwarded|x-real-ip)$/.test(name) ||
    (name.length > 12 && name.startsWith('x-forwarded-'))
  )
}

function mayBeTaken(name: string, options: readonly string[]): boolean {
  const plain = name.replace(/[_.]/g, '-')
  return (
    isHopField(name) ||
    plain.startsWith('x-forwarded-') ||
    isHopField(plain) ||
    /^(?:host|expect|proxy-auth.*)$/.test(plain) ||
    options.includes(name)
  )
}
