// Routes as people write them: YAML through the checks and the compiler, and served.

import * as assert from 'uvu/assert'
import type {Scope} from '../../src/base/scope.ts'
import type {SourceFile} from '../../src/base/source-file.ts'
import {compile} from '../../src/control/compile/compile.ts'
import {decodeSource} from '../../src/control/config/files.ts'
import {loadConfig} from '../../src/control/config/load.ts'
import {NO_REFERENCES, type References} from '../../src/control/config/references.ts'
import {renderDiagnostics} from '../../src/control/config/render.ts'
import type {ForwardHeaders, Snapshot} from '../../src/snapshot/snapshot.ts'
import {clientOf} from './client.ts'
import {OK} from './origin.ts'
import {type ProxyOptions, proxyServing, type Proxy as ServedProxy} from './proxy.ts'
import {type Recorder, recorderOf} from './recorder.ts'

export type WrittenOptions = {
  readonly forward?: Partial<ForwardHeaders>
  readonly references?: References
}

/** Files by their names in routes.d, compiled; fails with the errors when they are not valid. */
export function compiled(files: Readonly<Record<string, string>>, options: WrittenOptions = {}): Snapshot {
  const sources = Object.entries(files).map(([path, text]) => sourceOf(path, text))
  const {config, diagnostics} = loadConfig(sources, {label: 'routes.d', denyTargets: []})
  const errors = diagnostics.filter(({severity}) => severity === 'error')
  assert.is(renderDiagnostics(errors, 'pretty', {color: false}), '', 'the routes are not valid')
  if (config === null) throw new Error('no configuration and no diagnostic')
  const forward = {forwarded: false, via: false, requestId: false, traceparent: false, ...options.forward}
  return compile(config, {revision: 'test', forward, references: options.references ?? NO_REFERENCES})
}

export type Message = {
  /** First line, without its CRLF. */
  readonly line: string
  /** Field lines as they came, without their CRLFs. */
  readonly fields: readonly string[]
  readonly body: string
  /** Every value of the field, in any case of its name. */
  values(name: string): string[]
}

/** A request or an answer in its parts. */
export function messageOf(text: string): Message {
  const end = text.indexOf('\r\n\r\n')
  assert.ok(end >= 0, `no whole head in ${JSON.stringify(text)}`)
  const [line = '', ...fields] = text.slice(0, end).split('\r\n')
  return {
    line,
    fields,
    body: text.slice(end + 4),
    values: name =>
      fields
        .filter(field => field.slice(0, field.indexOf(':')).toLowerCase() === name.toLowerCase())
        .map(field => field.slice(field.indexOf(':') + 1).replace(/^[ \t]+|[ \t]+$/g, '')),
  }
}

export type Written = ServedProxy & {
  readonly instance: Recorder
  /** Sends one request on a connection of its own; what came back, and what the instance was asked, null for nothing. */
  ask(request: string): Promise<{answer: Message; asked: Message | null}>
  /** What the instance will answer from now on. */
  answerWith(text: string): void
}

/** Serves the routes; INSTANCE in them stands for the address of an instance, which holds requests to strict rules. */
export async function served(
  scope: Scope,
  yaml: string,
  options: WrittenOptions & ProxyOptions = {},
): Promise<Written> {
  let answer = OK
  const instance = await recorderOf(scope, () => answer)
  const snapshot = compiled({'test.yaml': yaml.replaceAll('INSTANCE', `127.0.0.1:${instance.port}`)}, options)
  const proxy = await proxyServing(scope, snapshot, options)
  return {
    ...proxy,
    instance,
    async ask(request) {
      const before = instance.requests.length
      const client = await clientOf(scope, proxy.port)
      client.send(request)
      const {text} = await client.ended()
      assert.equal(instance.violations, [])
      const asked = instance.requests[before]
      return {answer: messageOf(text), asked: asked === undefined ? null : messageOf(asked)}
    },
    answerWith(text) {
      answer = text
    },
  }
}

/** A request with a Host that asks to close behind its answer; `fields` are whole lines. */
export function requestFor(url: string, {method = 'GET', fields = '', body = ''} = {}): string {
  const slash = url.indexOf('/')
  const length = body === '' ? '' : `Content-Length: ${Buffer.byteLength(body, 'latin1')}\r\n`
  return `${method} ${url.slice(slash)} HTTP/1.1\r\nHost: ${url.slice(0, slash)}\r\n${fields}${length}Connection: close\r\n\r\n${body}`
}

// ---

function sourceOf(path: string, text: string): SourceFile {
  const source = decodeSource(path, Buffer.from(text), `routes.d/${path}`)
  if ('sha256' in source) return source
  throw new Error(source.message)
}
