// The layers of docs/architecture.md as a table, and the two sentences that follow from them.

import {readdirSync, readFileSync} from 'node:fs'
import {dirname, join, relative, resolve} from 'node:path'
import {test} from 'uvu'
import * as assert from 'uvu/assert'

const ROOT = join(import.meta.dirname, '..')
const SRC = join(ROOT, 'src')

// Which layers a layer may import values from, besides itself. Types of snapshot/ are everybody's.
const MAY_IMPORT: Readonly<Record<string, readonly string[]>> = {
  base: [],
  snapshot: [],
  router: ['base'],
  scoreboard: ['base'],
  'control/config': ['base'],
  'control/compile': ['base', 'router'],
  'control/gitops': ['base', 'scoreboard'],
  'control/health': ['base', 'scoreboard'],
  'control/registry': ['base', 'scoreboard'],
  'control/certs': ['base', 'scoreboard'],
  'control/tracing': ['base', 'scoreboard'],
  control: [
    'base',
    'router',
    'control/config',
    'control/compile',
    'control/gitops',
    'control/health',
    'control/registry',
    'control/certs',
    'control/tracing',
  ],
  proxy: ['base', 'router', 'scoreboard'],
  admin: ['base'],
  cli: ['base', 'admin', 'router', 'control/config', 'control/compile', 'control/gitops', 'control/certs'],
  tui: ['base', 'admin'],
  daemon: ['base', 'snapshot', 'router', 'scoreboard', 'control', 'control/*', 'proxy', 'admin'],
  main: ['cli'],
}
// Single files that may do more than their folder.
const ALSO: Readonly<Record<string, readonly string[]>> = {'cli/run.ts': ['daemon'], 'cli/tui.ts': ['tui']}

// Packages that the request path must not even load.
const NOT_IN_PROXY = /^(yaml|ajv|simple-git|chokidar|greenlock|ink|react)(\/|$)/

type Import = {readonly from: string; readonly to: string; readonly specifier: string}

const files = readdirSync(SRC, {recursive: true, encoding: 'utf8'}).filter(
  name => /\.ts$/.test(name) && !name.endsWith('.d.ts'),
)
const imports = files.flatMap(importsOf)

test('every layer imports only the layers below it', () => {
  const breaches = imports.filter(({from, to}) => to !== '' && !isAllowed(from, to))
  assert.equal(
    breaches.map(({from, to}) => `${from} imports ${to}`),
    [],
  )
})

test('no file imports itself in a circle', () => {
  assert.equal(circles(), [])
})

test('the request path loads no YAML, schema, git or ACME library', () => {
  const breaches = imports.filter(({from, specifier}) => layerOf(from) === 'proxy' && NOT_IN_PROXY.test(specifier))
  assert.equal(breaches, [])
})

test('proxy/ can be deleted without breaking check, test, explain and diff', () => {
  for (const verb of ['check', 'test', 'explain', 'diff']) {
    const start = join('cli', `${verb}.ts`)
    if (!files.includes(start)) continue
    assert.equal(
      reachable(start).filter(file => layerOf(file) === 'proxy'),
      [],
      verb,
    )
  }
})

test('control/ can be deleted without breaking a data plane that is handed a literal snapshot', () => {
  assert.equal(
    reachable(join('proxy', 'plane.ts'))
      .concat(reachable(join('proxy', 'worker.ts')))
      .filter(file => file.startsWith('control')),
    [],
  )
})

test('only main.ts ends the process', () => {
  const enders = files.filter(file => file !== 'main.ts' && /\bprocess\.exit\(/.test(read(file)))
  assert.equal(enders, [])
})

test('every test file runs its tests', () => {
  const tests = readdirSync(join(ROOT, 'test'), {recursive: true, encoding: 'utf8'}).filter(name =>
    name.endsWith('.test.ts'),
  )
  assert.equal(
    tests.filter(name => !/^\s*(test|\w+)\.run\(\)/m.test(readFileSync(join(ROOT, 'test', name), 'utf8'))),
    [],
  )
})

test.run()

// ---

function read(file: string): string {
  return readFileSync(join(SRC, file), 'utf8')
}

// Imports of values, static and dynamic; 'import type' and braces full of types leave nothing at run time.
function importsOf(from: string): Import[] {
  const text = read(from).replace(/^\s*(\/\/|\*|\/\*).*$/gm, '')
  const found: Import[] = []
  for (const [, what, , specifier = ''] of text.matchAll(
    /^\s*(?:import|export)\s+([^'"]*?\s+from\s+)?(['"])([^'"]+)\2/gm,
  )) {
    if (what && isTypeOnly(what)) continue
    found.push({from, to: target(from, specifier), specifier})
  }
  for (const [, , specifier = ''] of text.matchAll(/\bimport\(\s*(['"])([^'"]+)\1\s*\)/g)) {
    found.push({from, to: target(from, specifier), specifier})
  }
  return found
}

function isTypeOnly(what: string): boolean {
  if (/^type\b/.test(what)) return true
  const braces = /^\{([^}]*)\}/.exec(what.trim())
  if (!braces) return false
  return (braces[1] ?? '')
    .split(',')
    .map(name => name.trim())
    .filter(Boolean)
    .every(name => name.startsWith('type '))
}

function target(from: string, specifier: string): string {
  if (!specifier.startsWith('.')) return ''
  const path = relative(SRC, resolve(SRC, dirname(from), specifier))
  return path.startsWith('..') ? '' : path
}

function layerOf(file: string): string {
  const parts = file.split('/')
  if (parts.length === 1) return (parts[0] ?? '').replace(/\.ts$/, '')
  if (parts[0] === 'control') return parts.length > 2 ? `control/${parts[1]}` : 'control'
  return parts[0] ?? ''
}

function isAllowed(from: string, to: string): boolean {
  const mine = layerOf(from)
  const theirs = layerOf(to)
  if (mine === theirs) return true
  const allowed = [...(MAY_IMPORT[mine] ?? []), ...(ALSO[from] ?? [])]
  return allowed.includes(theirs) || (theirs.startsWith('control/') && allowed.includes('control/*'))
}

function reachable(start: string): string[] {
  const seen = new Set([start])
  for (const file of seen) {
    for (const {from, to} of imports) if (from === file && to !== '') seen.add(to)
  }
  return [...seen]
}

function circles(): string[] {
  const edges = new Map<string, string[]>()
  for (const {from, to} of imports) if (to !== '') edges.set(from, [...(edges.get(from) ?? []), to])
  const done = new Set<string>()
  const found: string[] = []
  const visit = (file: string, path: readonly string[]) => {
    const at = path.indexOf(file)
    if (at >= 0) {
      found.push([...path.slice(at), file].join(' → '))
      return
    }
    if (done.has(file)) return
    for (const next of edges.get(file) ?? []) visit(next, [...path, file])
    done.add(file)
  }
  for (const file of files) visit(file, [])
  return found
}
