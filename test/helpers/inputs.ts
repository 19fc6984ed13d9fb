// The frame of the tests of bad input. A stage is one proxy before one recorder, shared by the cases of a file. Each case
// has a connection of its own, and all four questions are asked of each: what was answered, did the connection end, what
// did the instance see, and does the next request still work?

import {test} from 'uvu'
import * as assert from 'uvu/assert'
import {createScope, type Scope} from '../../src/base/scope.ts'
import {clientOf, exchange} from './client.ts'
import {type ProxyOptions, proxyOf, type Proxy as ServedProxy, type SnapshotOptions} from './proxy.ts'
import {type Recorder, recorderOf} from './recorder.ts'

export type Stage = {
  readonly scope: Scope
  readonly proxy: ServedProxy
  readonly origin: Recorder
  /** Forgets what was seen so far. */
  begin(): void
  /**
   * Fails unless another connection is served and the instance has seen, since `begin`, just the requests whose
   * beginnings are given, and the one of this check behind them.
   */
  settled(seen?: readonly string[]): Promise<void>
}

export type StageOptions = ProxyOptions & SnapshotOptions & {readonly answer?: (request: string) => string}

/** The stage of a file: opened for the first case that asks, begun anew for each, closed when the file has run. */
export function stageOf(options: StageOptions = {}): () => Promise<Stage> {
  let opened: Promise<Stage> | null = null
  test.after(async () => {
    const stage = await opened
    await stage?.scope.close()
  })
  return async () => {
    opened ??= openStage(options)
    const stage = await opened
    stage.begin()
    return stage
  }
}

/** An answer that takes longer than this waits for something it should not: the time for a head is 10 s. */
const LIMIT_MS = 8_000

export type Refusal = {
  readonly status: number | readonly number[]
  /** A part of the request may have been forwarded before it went wrong; never a whole one. */
  readonly mayStart?: boolean
}

/** Registers one test per input: the answer has the status, the connection ends, and the instance has seen nothing. */
export function refuses(
  stage: () => Promise<Stage>,
  name: string,
  {status, mayStart = false}: Refusal,
  inputs: readonly (string | readonly string[])[],
): void {
  for (const input of inputs) {
    const bytes = typeof input === 'string' ? input : input.join('')
    test(`${name}: ${shown(input)}`, async () => {
      const {proxy, origin, scope, settled} = await stage()
      const before = receivedBytes(origin)
      const client = await clientOf(scope, proxy.port)
      client.send(bytes)
      const answer = await client.until('\r\n\r\n', LIMIT_MS)
      assert.ok(
        [status].flat().includes(statusOf(answer)),
        `${[status].flat()} was expected, not ${JSON.stringify(answer)}`,
      )
      assert.match(answer, /\r\nConnection: close\r\n/)
      const {text, reset} = await client.ended(LIMIT_MS)
      assert.is(reset, false, 'the connection was reset')
      assert.is(statusesOf(text).length, 1, `one answer was expected, not ${JSON.stringify(text)}`)
      if (!mayStart) assert.is(receivedBytes(origin), before, 'bytes of the request were forwarded')
      await settled()
      client.destroy()
    })
  }
}

export type Acceptance = {
  /** Statuses of the answers; one 200 unless given. */
  readonly statuses?: readonly number[]
  /** Beginnings of the requests that the instance sees, or patterns for the whole of them. */
  readonly seen: readonly (string | RegExp)[]
}

/** Registers a test: the bytes are answered, and the instance sees what is given and nothing else. */
export function accepts(
  stage: () => Promise<Stage>,
  name: string,
  bytes: string,
  {statuses = [200], seen}: Acceptance,
): void {
  test(`${name}: ${shown(bytes)}`, async () => {
    const {proxy, origin, scope, settled} = await stage()
    const from = origin.requests.length
    const client = await clientOf(scope, proxy.port)
    client.send(bytes)
    await client.until(new RegExp(`(?:HTTP/1\\.1 [2-5]\\d\\d [^]*?\\r\\n\\r\\n[^]*?){${statuses.length}}`), LIMIT_MS)
    const received = origin.requests.slice(from)
    assert.is(received.length, seen.length, `${seen.length} requests were expected, not ${JSON.stringify(received)}`)
    for (const [index, pattern] of seen.entries()) {
      const request = received[index] ?? ''
      const fits = typeof pattern === 'string' ? request.startsWith(pattern) : pattern.test(request)
      assert.ok(fits, `${pattern} was expected, not ${JSON.stringify(request)}`)
    }
    await settled(received)
    assert.equal(statusesOf(client.text()), statuses)
    client.destroy()
  })
}

/** The status of the first final answer in `text`; 0 when there is none. */
export function statusOf(text: string): number {
  return statusesOf(text)[0] ?? 0
}

/** The statuses of the final answers in `text`; bodies must not hold status lines. */
export function statusesOf(text: string): number[] {
  return [...text.matchAll(/HTTP\/1\.1 ([2-5]\d\d) /g)].map(([, status]) => Number(status))
}

/** 'GET /t' with a Host and the field lines given, each without its CRLF. */
export function get(...fields: readonly string[]): string {
  return request('GET /t HTTP/1.1', ['Host: x.localhost', ...fields])
}

/** 'POST /t' with a Host, the field lines given and a body. */
export function post(fields: readonly string[], body: string): string {
  return request('POST /t HTTP/1.1', ['Host: x.localhost', ...fields]) + body
}

/** A request that must never be seen behind the proxy: what a smuggler would put behind a body of unclear length. */
export const SMUGGLED = 'GET /smuggled HTTP/1.1\r\nHost: x.localhost\r\n\r\n'

/** Bytes for the name of a test. */
export function shown(input: string | readonly string[]): string {
  const text = JSON.stringify(typeof input === 'string' ? input : input.join('')).slice(1, -1)
  const short = text
    .replaceAll('HTTP/1.1\\r\\nHost: x.localhost', '…')
    .replace(/GET \/smuggled ….*$/, '+ GET /smuggled')
  return short.length > 100 ? `${short.slice(0, 100)}… (${text.length})` : short
}

// ---

async function openStage({answer, ...options}: StageOptions): Promise<Stage> {
  const scope = createScope()
  const origin = await recorderOf(scope, answer)
  const proxy = await proxyOf(scope, {'x.localhost': origin.url}, options)
  let told = 0
  let checks = 0
  return {
    scope,
    proxy,
    origin,
    begin() {
      told = origin.requests.length
      origin.violations.splice(0)
    },
    async settled(seen = []) {
      const path = `/check/${++checks}`
      const text = await exchange(
        scope,
        proxy.port,
        `GET ${path} HTTP/1.1\r\nHost: x.localhost\r\nConnection: close\r\n\r\n`,
      )
      assert.is(statusOf(text), 200, `the next request was answered with ${JSON.stringify(text)}`)
      const fresh = origin.requests.slice(told)
      told = origin.requests.length
      const expected = [...seen, `GET ${path} HTTP/1.1\r\nHost: x.localhost\r\nX-Forwarded-For: `]
      assert.equal(
        fresh.map((request, index) => request.slice(0, expected[index]?.length)),
        expected,
      )
      assert.equal(origin.violations.splice(0), [])
    },
  }
}

function request(line: string, fields: readonly string[]): string {
  return `${line}\r\n${fields.map(field => `${field}\r\n`).join('')}\r\n`
}

function receivedBytes(origin: Recorder): number {
  return origin.received.reduce((total, text) => total + text.length, 0)
}
