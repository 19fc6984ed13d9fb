// A collector of OpenTelemetry that takes OTLP/HTTP in JSON and nothing but what trace_service.proto, trace.proto, common.proto
// and resource.proto allow: an unknown field, a number where a text has to be, an id of the wrong length is a violation.

import {createServer, type IncomingMessage, type ServerResponse} from 'node:http'
import type {AddressInfo} from 'node:net'
import type {Scope} from '../../src/base/scope.ts'
import type {SpanChunk} from '../../src/snapshot/spans.ts'
import {freePort} from './ports.ts'

export type Span = {
  readonly traceId: string
  readonly spanId: string
  /** '' for the first of its trace. */
  readonly parentSpanId: string
  readonly flags: number
  readonly name: string
  readonly kind: 'server' | 'client'
  readonly beganNs: bigint
  readonly endedNs: bigint
  readonly attributes: Readonly<Record<string, string | number | boolean>>
  readonly isError: boolean
}

export type Collector = {
  readonly url: string
  /** All spans of batches that were answered with 200. */
  readonly spans: readonly Span[]
  /** Attributes of the resource of the last batch. */
  resource(): Readonly<Record<string, unknown>>
  /** Number of spans of every batch that came, whatever was answered. */
  readonly batches: readonly number[]
  readonly requests: readonly IncomingMessage[]
  readonly violations: readonly string[]
  /** Answers the next requests so, one by one, and then 200 again. */
  answer(...answers: Answer[]): void
  close(): Promise<void>
}

export type Answer = {
  /** 0: no answer at all. */
  readonly status: number
  readonly headers?: Readonly<Record<string, string>>
  readonly body?: string
}

export async function collectorOf(scope: Scope, port?: number): Promise<Collector> {
  const spans: Span[] = []
  const batches: number[] = []
  const requests: IncomingMessage[] = []
  const violations: string[] = []
  const answers: Answer[] = []
  let resource: Readonly<Record<string, unknown>> = {}

  function take(request: IncomingMessage, body: string, response: ServerResponse): void {
    requests.push(request)
    if (request.method !== 'POST' || request.url !== '/v1/traces') violations.push(`${request.method} ${request.url}`)
    if (request.headers['content-type'] !== 'application/json')
      violations.push(`content-type ${request.headers['content-type']}`)
    const read = readRequest(JSON.parse(body), violations)
    batches.push(read.spans.length)
    const {status, headers = {}, body: text = '{}'} = answers.shift() ?? {status: 200}
    if (status === 0) return
    if (status === 200) {
      spans.push(...read.spans)
      resource = read.resource
    }
    response.writeHead(status, {'content-type': 'application/json', ...headers}).end(text)
  }

  const server = createServer((request, response) => {
    const pieces: Buffer[] = []
    request.on('data', piece => pieces.push(piece))
    request.on('end', () => take(request, Buffer.concat(pieces).toString('utf8'), response))
  })
  // One that a test may take again when this collector is closed.
  const at = port ?? (await freePort())
  await new Promise<void>(resolve => server.listen(at, '127.0.0.1', resolve))
  const close = () =>
    new Promise<void>(resolve => {
      server.close(() => resolve())
      server.closeAllConnections()
    })
  scope.defer(close)
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/v1/traces`,
    spans,
    resource: () => resource,
    batches,
    requests,
    violations,
    answer: (...next) => void answers.push(...next),
    close,
  }
}

/** Spans as a worker hands them over; throws when one of them is none. */
export function spansIn({bytes, ends}: SpanChunk): Span[] {
  const text = Buffer.from(bytes).toString('latin1')
  return [...ends].map((end, at) => {
    const violations: string[] = []
    const json = text.slice(at === 0 ? 0 : (ends[at - 1] ?? 0) + 1, end)
    if (/[^\0-\x7f]/.test(json)) violations.push(`not ASCII: ${json}`)
    const span = readSpan(JSON.parse(json), 'span', violations)
    if (violations.length > 0) throw new Error(violations.join('\n'))
    return span
  })
}

// ---

type Fields = Readonly<Record<string, unknown>>

function readRequest(value: unknown, violations: string[]): {spans: Span[]; resource: Fields} {
  const spans: Span[] = []
  let resource: Fields = {}
  const request = fields(value, 'request', ['resourceSpans'], violations)
  for (const each of list(request['resourceSpans'], 'resourceSpans', violations)) {
    const resourceSpans = fields(each, 'resourceSpans', ['resource', 'scopeSpans', 'schemaUrl'], violations)
    const from = fields(resourceSpans['resource'], 'resource', ['attributes', 'droppedAttributesCount'], violations)
    resource = readAttributes(from['attributes'], 'resource', violations)
    for (const inner of list(resourceSpans['scopeSpans'], 'scopeSpans', violations)) {
      const scopeSpans = fields(inner, 'scopeSpans', ['scope', 'spans', 'schemaUrl'], violations)
      const scope = fields(scopeSpans['scope'], 'scope', ['name', 'version', 'attributes'], violations)
      for (const name of ['name', 'version'])
        if (typeof scope[name] !== 'string') violations.push(`scope.${name} is no text`)
      for (const span of list(scopeSpans['spans'], 'spans', violations)) spans.push(readSpan(span, 'span', violations))
    }
  }
  return {spans, resource}
}

const SPAN = [
  'traceId',
  'spanId',
  'traceState',
  'parentSpanId',
  'flags',
  'name',
  'kind',
  'startTimeUnixNano',
  'endTimeUnixNano',
  'attributes',
  'droppedAttributesCount',
  'events',
  'droppedEventsCount',
  'links',
  'droppedLinksCount',
  'status',
]

function readSpan(value: unknown, where: string, violations: string[]): Span {
  const span = fields(value, where, SPAN, violations)
  const expect = (is: boolean, what: string) => {
    if (!is) violations.push(`${where}.${what}: ${JSON.stringify(value)}`)
  }
  const matches = (name: string, pattern: RegExp) => {
    expect(typeof span[name] === 'string' && pattern.test(span[name]), name)
    return String(span[name])
  }
  matches('traceId', /^(?!0{32})[0-9a-f]{32}$/)
  matches('spanId', /^(?!0{16})[0-9a-f]{16}$/)
  if (span['parentSpanId'] !== undefined) matches('parentSpanId', /^(?!0{16})[0-9a-f]{16}$/)
  matches('name', /^./)
  const [began, ended] = ['startTimeUnixNano', 'endTimeUnixNano'].map(name => BigInt(matches(name, /^[1-9]\d{18}$/)))
  expect(began !== undefined && ended !== undefined && ended >= began, 'endTimeUnixNano before startTimeUnixNano')
  expect(span['kind'] === 2 || span['kind'] === 3, 'kind')
  expect(Number.isInteger(span['flags']), 'flags')
  const status = span['status'] === undefined ? {} : fields(span['status'], 'status', ['message', 'code'], violations)
  expect(status['code'] === undefined || [0, 1, 2].includes(Number(status['code'])), 'status.code')
  return {
    traceId: String(span['traceId']),
    spanId: String(span['spanId']),
    parentSpanId: String(span['parentSpanId'] ?? ''),
    flags: Number(span['flags']),
    name: String(span['name']),
    kind: span['kind'] === 2 ? 'server' : 'client',
    beganNs: began ?? 0n,
    endedNs: ended ?? 0n,
    attributes: readAttributes(span['attributes'], where, violations),
    isError: status['code'] === 2,
  }
}

function readAttributes(value: unknown, where: string, violations: string[]): Span['attributes'] {
  const read: Record<string, string | number | boolean> = {}
  for (const each of list(value, `${where}.attributes`, violations)) {
    const {key, value: any} = fields(each, `${where}.attributes`, ['key', 'value'], violations)
    if (typeof key !== 'string' || key === '' || key in read) violations.push(`${where}.attributes has the key ${key}`)
    const entries = Object.entries(Object(any) as Fields)
    const [kind, own] = entries[0] ?? []
    const isValid =
      entries.length === 1 &&
      ((kind === 'stringValue' && typeof own === 'string') ||
        (kind === 'boolValue' && typeof own === 'boolean') ||
        (kind === 'intValue' && typeof own === 'string' && /^-?\d+$/.test(own)))
    if (!isValid) violations.push(`${where}.attributes.${key} is ${JSON.stringify(any)}`)
    read[String(key)] = kind === 'intValue' ? Number(own) : (own as string | boolean)
  }
  return read
}

function fields(value: unknown, where: string, known: readonly string[], violations: string[]): Fields {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) {
    violations.push(`${where} is ${JSON.stringify(value)}`)
    return {}
  }
  for (const name of Object.keys(value)) if (!known.includes(name)) violations.push(`${where} has a field ${name}`)
  return value as Fields
}

function list(value: unknown, where: string, violations: string[]): readonly unknown[] {
  if (Array.isArray(value)) return value
  violations.push(`${where} is no list`)
  return []
}
