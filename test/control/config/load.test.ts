import {createHash} from 'node:crypto'
import {readdirSync, readFileSync} from 'node:fs'
import {join} from 'node:path'
import {test} from 'uvu'
import * as assert from 'uvu/assert'
import type {SourceFile} from '../../../src/base/source-file.ts'
import {createParseCache, loadConfig} from '../../../src/control/config/load.ts'

const options = {label: 'routes.d', denyTargets: ['169.254.0.0/16']}
const ROUTE = '- id: x.localhost\n  target: http://127.0.0.1:3000\n'

test('the single route of the mission is accepted verbatim', () => {
  const loaded = loadConfig(
    [source('api-route.yaml', '# api-route.yaml\nid: "api.example.com"\ntarget: "http://1backend:11337"\n')],
    options,
  )
  assert.equal(loaded.diagnostics, [])
  assert.equal(loaded.config?.routes, [
    {value: {id: 'api.example.com', target: 'http://1backend:11337'}, file: 'routes.d/api-route.yaml', line: 2},
  ])
})

test('the list of four of the mission is accepted verbatim, and each route knows its line', () => {
  const text = [
    '# routes.yaml',
    '- id: "api.example.com"',
    '  target: "http://1backend:11337"',
    '- id: "example.com"',
    '  target: "http://frontend:8080"',
    '- id: "cdn.example.com"',
    '  target: "http://nginx:80"',
    '- id: "app.example.com"',
    '  target: "http://react-app:3000"',
    '',
  ].join('\n')
  const loaded = loadConfig([source('routes.yaml', text)], options)
  assert.equal(loaded.diagnostics, [])
  assert.equal(
    loaded.config?.routes.map(({value, line}) => [value.id, line]),
    [
      ['api.example.com', 2],
      ['example.com', 4],
      ['cdn.example.com', 6],
      ['app.example.com', 8],
    ],
  )
})

test('the three microfrontends of the mission are accepted verbatim, blank lines and all', () => {
  const text = [
    '- id: "x.localhost"  ',
    '  target: "http://root-frontend:8080"',
    '',
    '- id: "x.localhost/app"  ',
    '  target: "http://app-frontend:3000"',
    '',
    '- id: "x.localhost/app/admin"  ',
    '  target: "http://admin-frontend:4000"',
    '',
  ].join('\n')
  const loaded = loadConfig([source('x.yaml', text)], options)
  assert.equal(loaded.diagnostics, [])
  assert.equal(loaded.counts, {files: 1, routes: 3, services: 0, tests: 0})
})

test('every route file of the golden inputs gives the same result twice', () => {
  const folder = join(import.meta.dirname, '../../golden/diagnostics')
  for (const name of readdirSync(folder)) {
    const files = [source('a.yaml', readFileSync(join(folder, name), 'utf8').split('\n----\n')[0] ?? '')]
    assert.equal(loadConfig(files, options), loadConfig(files, options), name)
  }
})

test('no error leaves a config, and any error leaves none', () => {
  assert.is.not(loadConfig([source('a.yaml', ROUTE)], options).config, null)
  assert.is(loadConfig([source('a.yaml', ROUTE), source('b.yaml', 'routez: []\n')], options).config, null)
})

test('a warning leaves the config in place', () => {
  const text = `${ROUTE}---\nhosts: [{name: y.localhost}]\n`
  const {config, diagnostics} = loadConfig([source('a.yaml', text)], options)
  assert.equal(
    diagnostics.map(({rule, severity}) => [rule, severity]),
    [['unused-host', 'warning']],
  )
  assert.is(config?.hosts.length, 1)
})

test('diagnostics come by file and line, whatever found them', () => {
  const files = [
    source(
      'a.yaml',
      `${ROUTE}- id: y.localhost\n  service: nobody\n- id: Z.localhost:80\n  target: http://127.0.0.1\n`,
    ),
    source('b.yaml', `${ROUTE}- id: q.localhost\n`),
  ]
  const {diagnostics} = loadConfig(files, options)
  assert.equal(
    diagnostics.map(({file, line, rule}) => `${file}:${line} ${rule}`),
    [
      'routes.d/a.yaml:4 unknown-service',
      'routes.d/a.yaml:5 bad-id',
      'routes.d/b.yaml:1 duplicate-id',
      'routes.d/b.yaml:3 destination',
    ],
  )
})

test('a file that cannot be parsed does not make its services unknown', () => {
  const files = [
    source('a.yaml', '- id: x.localhost\n  service: orders\n'),
    source('b.yaml', 'services: [{slug: orders\n'),
  ]
  assert.equal(
    loadConfig(files, options).diagnostics.map(({rule}) => rule),
    ['yaml-syntax'],
  )
})

test('an unchanged file is neither parsed nor checked again, and a changed one is', () => {
  const cache = createParseCache()
  const asked: string[] = []
  const watched = {
    ...cache,
    get(sha256: string) {
      const known = cache.get(sha256)
      asked.push(known ? 'hit' : 'miss')
      return known
    },
  }
  const first = loadConfig([source('a.yaml', ROUTE)], {...options, cache: watched})
  const second = loadConfig([source('a.yaml', ROUTE), source('b.yaml', 'id: y.localhost\ntarget: http://a\n')], {
    ...options,
    cache: watched,
  })
  assert.equal(asked, ['miss', 'hit', 'miss'])
  // The very same object: nothing was parsed.
  assert.is(second.config?.routes[0]?.value, first.config?.routes[0]?.value)
})

test('a cached file keeps its diagnostics, under the name it has now', () => {
  const cache = createParseCache()
  const broken = '- id: x.localhost\n'
  loadConfig([source('a.yaml', broken)], {...options, cache})
  const {diagnostics} = loadConfig([source('b.yaml', broken)], {...options, cache})
  assert.equal(
    diagnostics.map(({file, rule}) => `${file} ${rule}`),
    ['routes.d/b.yaml destination'],
  )
})

test('the cache holds the files of the last load and no others', () => {
  const cache = createParseCache()
  const old = source('a.yaml', ROUTE)
  loadConfig([old], {...options, cache})
  loadConfig([source('b.yaml', 'id: y.localhost\ntarget: http://a\n')], {...options, cache})
  assert.is(cache.get(old.sha256), undefined)
})

test('a file with thousands of mistakes reports a hundred and counts the rest', () => {
  const text = Array.from({length: 5000}, (_, index) => `- id: h${index}.localhost\n  targt: http://a\n`).join('')
  const {diagnostics} = loadConfig([source('a.yaml', text)], options)
  assert.is(diagnostics.length, 101)
  assert.match(diagnostics.at(-1)?.message ?? '', 'and 4900 more problems')
})

test('10,000 routes in one file load within seconds, and at once when they are known', () => {
  const text = Array.from(
    {length: 10_000},
    (_, index) =>
      `- id: host${index}.example.com/app\n  target: http://frontend-${index}:8080\n  timeouts: {connect: 5s}\n`,
  ).join('')
  const files = [source('big.yaml', text)]
  const cache = createParseCache()
  const cold = timed(() => loadConfig(files, {...options, cache}))
  const warm = timed(() => loadConfig(files, {...options, cache}))
  assert.is(cold.value.config?.routes.length, 10_000)
  // Bounds of a slow machine under load; a quiet one needs a tenth.
  assert.ok(cold.ms < 15_000, `${cold.ms} ms`)
  assert.ok(warm.ms < cold.ms / 3, `${warm.ms} ms of ${cold.ms} ms`)
})

test('a mapping of a hundred thousand keys is checked for duplicates in linear time', () => {
  const cpuMsOf = (count: number) => {
    const keys = Array.from({length: count}, (_, index) => `k${index}: 1\n`).join('')
    const before = process.cpuUsage()
    const {diagnostics} = loadConfig([source('a.yaml', `${keys}k0: 1\n`)], options)
    const {user, system} = process.cpuUsage(before)
    assert.ok(diagnostics.some(({rule}) => rule === 'duplicate-key'))
    return (user + system) / 1000
  }
  const few = cpuMsOf(10_000)
  const many = cpuMsOf(100_000)
  // Ten times the keys: ten times the work if it is linear, a hundred times if each key is compared with all.
  assert.ok(many < 30 * few, `${few} ms for 10,000 keys, ${many} ms for 100,000`)
})

test.run()

// ---

function source(path: string, text: string): SourceFile {
  return {path, text, sha256: createHash('sha256').update(text).digest('hex')}
}

function timed<T>(work: () => T): {ms: number; value: T} {
  const began = performance.now()
  const value = work()
  return {ms: performance.now() - began, value}
}
