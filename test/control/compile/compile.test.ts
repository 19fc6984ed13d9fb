import {readFileSync} from 'node:fs'
import {join} from 'node:path'
import {test} from 'uvu'
import * as assert from 'uvu/assert'
import {asciiAuthority, asciiPath, asciiUrl, fieldLine} from '../../../src/control/compile/ascii.ts'
import {DEFAULT_HEALTH} from '../../../src/control/compile/checks.ts'
import {DEFAULT_CIRCUIT, DEFAULT_PASSIVE, DEFAULT_QUEUE} from '../../../src/control/compile/guards.ts'
import {DEFAULT_WORDS} from '../../../src/control/compile/keepalive.ts'
import {DEFAULT_RETRY} from '../../../src/control/compile/retry.ts'
import {readTarget} from '../../../src/control/compile/target.ts'
import {DEFAULT_TIMEOUTS} from '../../../src/control/compile/timeouts.ts'
import {compiled} from '../../helpers/written.ts'

const A = '- {id: a.localhost, target: "http://one"}\n'
const B = '- {id: b.localhost/app, target: "http://two/base", stripPrefix: true}\n'

test('the same set of routes has the same content, in whatever files and order it is written', () => {
  const {content} = compiled({'one.yaml': A + B})
  assert.match(content, /^[0-9a-f]{64}$/)
  for (const files of [
    {'one.yaml': B + A},
    {'one.yaml': A, 'two.yaml': B},
    {'one.yaml': B, 'two.yaml': `# note\n\n${A}`},
  ]) {
    assert.is(compiled(files).content, content)
  }
})

const CHANGES: readonly (readonly [string, string])[] = [
  ['another target', A.replace('one', 'three')],
  ['another base path', A.replace('one', 'one/base')],
  ['a timeout', A.replace('}', ', timeouts: {connect: 4s}}')],
  ['a header', A.replace('}', ', headers: {request: {set: {X-A: "1"}}}}')],
  ['how a certificate is checked', A.replace('http:', 'https:').replace('}', ', upstreamTls: {insecure: true}}')],
]

test('every change of what is served is another content', () => {
  const contents = CHANGES.map(([, yaml]) => compiled({'one.yaml': yaml}).content)
  assert.is(new Set([...contents, compiled({'one.yaml': A}).content]).size, CHANGES.length + 1)
})

test('what is set for all routes belongs to the content', () => {
  const plain = compiled({'one.yaml': A})
  assert.is.not(compiled({'one.yaml': A}, {forward: {via: true}}).content, plain.content)
})

test('another certificate behind the same reference is another instance', () => {
  const yaml = '- {id: a.localhost, target: "https://one", upstreamTls: {ca: ./ca.pem}}\n'
  const withText = (text: string) =>
    compiled({'one.yaml': yaml}, {references: {textOf: reference => (reference === undefined ? '' : text)}})
  assert.is.not(withText('new').instances[0]?.key, withText('old').instances[0]?.key)
  assert.is(withText('old').instances[0]?.key, withText('old').instances[0]?.key)
  assert.is(withText('old').instances[0]?.tls?.ca, 'old')
})

test('a snapshot is plain data: a structured clone says the same', () => {
  const snapshot = compiled({'one.yaml': A + B})
  assert.equal(structuredClone(snapshot), snapshot)
})

test('routes that say the same about time share one object', () => {
  const {routes} = compiled({'one.yaml': A + B})
  assert.is(routes[0]?.timeouts, routes[1]?.timeouts)
})

for (const [name, defaults] of Object.entries({
  timeouts: DEFAULT_TIMEOUTS,
  retry: DEFAULT_RETRY,
  keepalive: DEFAULT_WORDS,
  passive: DEFAULT_PASSIVE,
  circuit: DEFAULT_CIRCUIT,
  queue: DEFAULT_QUEUE,
})) {
  test(`the defaults of ${name} are those of the schema`, () => {
    const path = join(import.meta.dirname, '../../../schemas/defs.schema.json')
    const schema = JSON.parse(readFileSync(path, 'utf8')) as {
      $defs: Record<string, {properties: Record<string, {default: unknown}>}>
    }
    const written = Object.entries(schema.$defs[name]?.properties ?? {})
    assert.equal(Object.fromEntries(written.map(([key, property]) => [key, property.default])), defaults)
  })
}

test('the default health check is the one of the schema', () => {
  const schema = JSON.parse(readFileSync(join(import.meta.dirname, '../../../schemas/defs.schema.json'), 'utf8')) as {
    $defs: {health: {properties: Record<string, {default?: unknown}>}}
  }
  const written = Object.entries(schema.$defs.health.properties).filter(([, property]) => 'default' in property)
  assert.equal(Object.fromEntries(written.map(([name, property]) => [name, property.default])), DEFAULT_HEALTH)
})

// What is written, and the key of the instance, its host and its base path.
const TARGETS: readonly (readonly [string, string, string, string])[] = [
  ['http://app', 'http://app:80', 'app', ''],
  ['https://app/', 'https://app:443', 'app', ''],
  ['HTTP://App.Example.:8080/Base//', 'http://app.example:8080', 'app.example', '/Base'],
  ['http://app/a%2Fb/c', 'http://app:80', 'app', '/a%2Fb/c'],
  ['http://app/a//b', 'http://app:80', 'app', '/a//b'],
  ['http://[2001:DB8:0::1]:80/x', 'http://[2001:db8::1]:80', '2001:db8::1', '/x'],
  ['http://bücher.example', 'http://xn--bcher-kva.example:80', 'xn--bcher-kva.example', ''],
  ['http://snake_case:1', 'http://snake_case:1', 'snake_case', ''],
  ['http://10.0.0.1:65535', 'http://10.0.0.1:65535', '10.0.0.1', ''],
]
for (const [target, key, host, basePath] of TARGETS) {
  test(`the target ${target} is ${key}${basePath}`, () => {
    const read = readTarget(target, {})
    assert.equal([read.instance.key, read.instance.host, read.basePath], [key, host, basePath])
  })
}

test('what people write beyond ASCII becomes bytes that may stand in a head', () => {
  // 'Ċ' is U+010A: cut to one byte it would be a line feed.
  assert.is(fieldLine('X-A', 'Ċ é'), 'X-A: \xc4\x8a \xc3\xa9\r\n')
  assert.is(asciiPath('/é/Ċ%2F?ü= #x'), '/%C3%A9/%C4%8A%2F?%C3%BC=%20#x')
  assert.is(asciiPath('/plain/%C3%A9?a=b'), '/plain/%C3%A9?a=b')
  assert.is(asciiAuthority('Shop.Example:8080'), 'Shop.Example:8080')
  assert.is(asciiAuthority('bücher.example:8080'), 'xn--bcher-kva.example:8080')
  assert.is(asciiAuthority('[::1]:80'), '[::1]:80')
  assert.is(asciiUrl('https://bücher.example/é?ü#ö'), 'https://xn--bcher-kva.example/%C3%A9?%C3%BC#%C3%B6')
  assert.is(asciiUrl('/é'), '/%C3%A9')
})

test.run()
