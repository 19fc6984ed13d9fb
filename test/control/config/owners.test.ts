import {test} from 'uvu'
import * as assert from 'uvu/assert'
import {decodeSource} from '../../../src/control/config/files.ts'
import {loadConfig} from '../../../src/control/config/load.ts'
import type {SettingsOwner} from '../../../src/control/config/types.ts'

/** 'file:line: message' for every breach. */
function breaches(owners: readonly SettingsOwner[], files: Readonly<Record<string, string>>): string[] {
  const sources = Object.entries(files).map(([path, text]) => {
    const source = decodeSource(path, Buffer.from(text), path)
    if ('rule' in source) throw new Error(source.message)
    return source
  })
  const {diagnostics} = loadConfig(sources, {label: 'routes.d', denyTargets: [], owners})
  return diagnostics.filter(({rule}) => rule === 'owners').map(({file, line, message}) => `${file}:${line}: ${message}`)
}

function route(...ids: string[]): string {
  return ids.map(id => `- {id: "${id}", target: "http://a"}\n`).join('')
}

const TEAMS: readonly SettingsOwner[] = [
  {files: 'team-a/**', routes: ['a.example.com', 'x.com/a'], services: ['team-a-*']},
  {files: 'team-b/*.yaml', routes: ['x.com/a/b', '*.b.example.com'], services: ['team-a-shared']},
]

test('what an entry names belongs to its files; what no entry names is free for all', () => {
  const files = {
    'team-a/routes.yaml': route('a.example.com', 'a.example.com/deep', 'x.com/a', 'x.com/a/c', 'free.com'),
    'team-b/routes.yaml': route('x.com/a/b', 'x.com/a/b/c', 'q.b.example.com'),
    'other.yaml': route('x.com', 'x.com/apple', 'q.r.b.example.com', 'free.org'),
  }
  assert.equal(breaches(TEAMS, files), [])
})

test('a claim of what belongs to others names its place, and whose it is', () => {
  assert.equal(breaches(TEAMS, {'other.yaml': route('x.com/ok', 'x.com/a/c')}), [
    'routes.d/other.yaml:2: route "x.com/a/c" belongs to "team-a/**", which owns "x.com/a"',
  ])
})

test('the most specific entry decides, also against the owner of what is around it', () => {
  assert.equal(breaches(TEAMS, {'team-a/routes.yaml': route('x.com/a/b/c')}), [
    'routes.d/team-a/routes.yaml:1: route "x.com/a/b/c" belongs to "team-b/*.yaml", which owns "x.com/a/b"',
  ])
})

test('an exact host would take everything from the wildcard of its owner, whatever the prefixes', () => {
  const owners = [{files: 'edge.yaml', routes: ['*.x.com/login']}]
  assert.equal(breaches(owners, {'other.yaml': route('shop.x.com/cart', '*.x.com/free', 'x.com', 'a.b.x.com')}), [
    'routes.d/other.yaml:1: route "shop.x.com/cart" belongs to "edge.yaml", which owns "*.x.com/login"',
  ])
})

test('the owner of "*" owns every host that nobody else does', () => {
  const owners = [{files: 'platform/**', routes: ['*']}, ...TEAMS]
  const files = {'team-a/x.yaml': route('a.example.com', 'free.com'), 'platform/x.yaml': route('*', 'free.org')}
  assert.equal(breaches(owners, files), [
    'routes.d/team-a/x.yaml:2: route "free.com" belongs to "platform/**", which owns "*"',
  ])
})

test('services and hosts are claimed as routes are', () => {
  const service = (slug: string) => `services: [{slug: ${slug}, instances: ["http://a"]}]\n`
  assert.equal(
    breaches(TEAMS, {
      'team-a/ok.yaml': service('team-a-orders'),
      'team-a/shared.yaml': service('team-a-shared'),
      'x.yaml': service('team-a-x'),
      'hosts.yaml': 'hosts: [{name: a.example.com}]\n',
    }),
    [
      'routes.d/hosts.yaml:1: host "a.example.com" belongs to "team-a/**"',
      'routes.d/team-a/shared.yaml:1: service "team-a-shared" belongs to "team-b/*.yaml"',
      'routes.d/x.yaml:1: service "team-a-x" belongs to "team-a/**", which owns "team-a-*"',
    ],
  )
})

test('patterns of files: * stays in a folder, ** does not, and a dot is a dot', () => {
  const allows = (files: string, path: string) =>
    breaches([{files, routes: ['x.com']}], {[path]: route('x.com')}).length === 0
  assert.ok(allows('a/*.yaml', 'a/x.yaml'))
  assert.not(allows('a/*.yaml', 'a/b/x.yaml'))
  assert.not(allows('a/*.yaml', 'a/xyaml'))
  assert.ok(allows('a/**', 'a/b/c/x.yaml'))
  assert.not(allows('a/**', 'ab/x.yaml'))
  assert.ok(allows('**/x.yaml', 'x.yaml'))
  assert.ok(allows('**/x.yaml', 'a/b/x.yaml'))
  assert.ok(allows('./x.yaml', 'x.yaml'))
})

test('two entries with the same words share it', () => {
  const owners = [
    {files: 'a/**', routes: ['x.com']},
    {files: 'b/**', routes: ['X.com']},
  ]
  assert.equal(breaches(owners, {'a/x.yaml': route('x.com'), 'b/x.yaml': route('x.com/b')}), [])
  assert.equal(breaches(owners, {'c.yaml': route('x.com')}), [
    'routes.d/c.yaml:1: route "x.com" belongs to "a/**" and "b/**"',
  ])
})

test.run()
