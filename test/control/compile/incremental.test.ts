// A judge that has seen other sets before says the same of a set as one that has not.

import {createHash} from 'node:crypto'
import {test} from 'uvu'
import * as assert from 'uvu/assert'
import type {SourceFile} from '../../../src/base/source-file.ts'
import {compile, createCompiler} from '../../../src/control/compile/compile.ts'
import type {RouteDefaults} from '../../../src/control/compile/route-defaults.ts'
import {createParseCache, loadConfig} from '../../../src/control/config/load.ts'
import {NO_REFERENCES} from '../../../src/control/config/references.ts'
import {diffSnapshots} from '../../../src/router/diff.ts'
import type {Snapshot} from '../../../src/snapshot/snapshot.ts'
import {randomEdits} from '../../helpers/edits.ts'

const load = {label: 'routes.d', denyTargets: ['10.0.0.9/32']}
const forward = {forwarded: false, via: false, requestId: false, traceparent: false}
const options = {revision: 'test', forward, references: NO_REFERENCES}

const SEEDS = 12
const EDITS = 80

test('random edits: an incremental load, compile and diff is that of doing it all anew', () => {
  let valid = 0
  let invalid = 0
  for (let seed = 1; seed <= SEEDS; seed++) {
    const edits = randomEdits(seed)
    const cache = createParseCache()
    const compiler = createCompiler()
    let before: Snapshot | null = null
    for (let edit = 0; edit < EDITS; edit++) {
      const files = Object.entries(edits.next()).map(([path, text]) => source(path, text))
      const full = loadConfig(files, load)
      const incremental = loadConfig(files, {...load, cache})
      assert.equal(incremental, full, `seed ${seed}, edit ${edit}`)
      if (full.config === null || incremental.config === null) {
        invalid++
        continue
      }
      valid++
      const snapshot = compile(full.config, options)
      const other = compiler(incremental.config, options)
      assert.is(other.content, snapshot.content, `content: seed ${seed}, edit ${edit}`)
      assert.is(JSON.stringify(other), JSON.stringify(snapshot), `seed ${seed}, edit ${edit}`)
      // Without a common object there is nothing that a diff could leave out.
      if (before) assert.equal(diffSnapshots(before, other), diffSnapshots(structuredClone(before), snapshot))
      before = other
    }
  }
  // The edits are worth nothing when they make only one of the two.
  assert.ok(valid > 100 && invalid > 100, `${valid} valid, ${invalid} invalid`)
})

test('what has not changed is the very same objects', () => {
  const cache = createParseCache()
  const compiler = createCompiler()
  const judge = (files: readonly SourceFile[]): Snapshot => {
    const {config} = loadConfig(files, {...load, cache})
    assert.ok(config)
    return compiler(config, options)
  }
  const service = source('s.yaml', 'services: [{slug: s, instances: ["http://10.0.1.1"]}]\n')
  const a = source('a.yaml', '- {id: a.test, target: "http://10.0.0.1"}\n- {id: b.test, service: s}\n')
  const before = judge([a, source('c.yaml', '- {id: c.test, target: "http://10.0.0.2"}\n'), service])
  const after = judge([a, source('c.yaml', '- {id: c.test, target: "http://10.0.0.3"}\n'), service])
  assert.is.not(after.content, before.content)
  assert.is(after.routes[0], before.routes[0])
  assert.is(after.routes[1], before.routes[1])
  assert.is.not(after.routes[2], before.routes[2])
  assert.is(after.pools[0], before.pools[0])
  assert.is(after.instances[0], before.instances[0])
  const later = judge([a, source('c.yaml', '- {id: c.test, target: "http://10.0.0.2"}\n'), service])
  assert.equal(later, before)
})

test('other defaults are in every route that does not say otherwise, and in service mode', () => {
  const cache = createParseCache()
  const compiler = createCompiler()
  const {config} = loadConfig(
    [
      source('a.yaml', '- {id: a.test, service: s}\n- {id: b.test, service: s, timeouts: {idle: 3s}, retry: off}\n'),
      source('c.yaml', '- {id: c.test, service: s, retry: {times: 3}}\n- {id: d.test, respond: {status: 204}}\n'),
      source('s.yaml', 'services: [{slug: s, instances: ["http://10.0.1.1"]}]\n'),
    ],
    {...load, cache},
  )
  assert.ok(config)
  const before = compiler(config, options)
  const defaults = {timeouts: {response: '1s', idle: '2s'}, retry: {times: 1, for: [502]}} satisfies RouteDefaults
  const after = compiler(config, {...options, defaults})
  assert.is.not(after.content, before.content)
  assert.equal(
    after.routes.map(({timeouts}) => [timeouts.responseMs, timeouts.idleMs]),
    [
      [1000, 2000],
      [1000, 3000],
      [1000, 2000],
      [1000, 2000],
    ],
  )
  assert.equal(
    after.routes.map(({retry}) => retry && [retry.times, retry.statuses]),
    [[1, [502]], null, [3, [502]], null],
  )
  assert.is(after.services[0]?.timeouts.responseMs, 1000)
  // The same defaults once more are no reason to compile anything.
  assert.is(compiler(config, {...options, defaults: structuredClone(defaults)}).routes[0], after.routes[0])
  assert.equal(compiler(config, options), before)
})

test('another service under the same slug is another content, and its routes are those of before', () => {
  const cache = createParseCache()
  const compiler = createCompiler()
  const judge = (instance: string) => {
    const files = [
      source('a.yaml', '- {id: a.test, service: s}\n'),
      source('s.yaml', `services: [{slug: s, instances: ["${instance}"]}]\n`),
    ]
    const {config} = loadConfig(files, {...load, cache})
    assert.ok(config)
    return compiler(config, options)
  }
  const before = judge('http://10.0.0.1')
  const after = judge('http://10.0.0.2')
  assert.is(after.routes[0], before.routes[0])
  assert.equal(
    after.pools.flatMap(({members}) => members.map(({instance}) => instance)),
    ['http://10.0.0.2:80'],
  )
  assert.is.not(after.content, before.content)
})

test('a certificate behind a reference is read again although nothing was written anew', () => {
  const {config} = loadConfig(
    [source('a.yaml', '- {id: a.test, target: "https://one", upstreamTls: {ca: ./ca.pem}}\n')],
    load,
  )
  assert.ok(config)
  const compiler = createCompiler()
  const withText = (text: string) =>
    compiler(config, {...options, references: {textOf: reference => (reference === undefined ? '' : text)}})
  assert.is(withText('old').instances[0]?.tls?.ca, 'old')
  assert.is(withText('new').instances[0]?.tls?.ca, 'new')
  assert.is(withText('new').instances.length, 1)
})

test.run()

// ---

function source(path: string, text: string): SourceFile {
  return {path, text, sha256: createHash('sha256').update(text).digest('hex')}
}
