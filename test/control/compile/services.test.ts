import {test} from 'uvu'
import * as assert from 'uvu/assert'
import {joinService, withBuiltIn, withJoined} from '../../../src/control/compile/services.ts'
import {NO_REFERENCES} from '../../../src/control/config/references.ts'
import type {Service} from '../../../src/control/config/types.ts'
import {compiled} from '../../helpers/written.ts'

const services = (...lines: readonly string[]) =>
  compiled({'a.yaml': `services:\n${lines.map(line => `  - ${line}\n`).join('')}`})
const placed = (value: Service) => ({value, file: 'routes.d/a.yaml', line: 1})
const joining = (url: string, weight = 1, backup = false) => ({url, weight, backup})

test('every service has a pool and a place in service mode, in the order of the slugs', () => {
  const snapshot = services('{slug: b, register: true}', '{slug: a, stripSlug: true, instances: ["http://10.0.0.1"]}')
  assert.equal(
    snapshot.services.map(({slug, pool, stripSlug, register}) => [slug, pool, stripSlug, register]),
    [
      ['a', 'a', true, false],
      ['b', 'b', false, true],
    ],
  )
  assert.equal(
    snapshot.pools.map(({key, members}) => [key, members.length]),
    [
      ['a', 1],
      ['b', 0],
    ],
  )
})

test('who may join is a part of the content: to change it is a reload', () => {
  const plain = services('{slug: a, instances: []}').content
  assert.is.not(services('{slug: a, instances: [], register: true}').content, plain)
  assert.is.not(services('{slug: a, instances: [], discover: {dns: a.test, port: 80}}').content, plain)
  assert.is.not(services('{slug: a, instances: [], stripSlug: true}').content, plain)
})

test('who joins is what it would be if it had been declared', () => {
  const service: Service = {
    slug: 'a',
    instances: ['http://10.0.0.1'],
    balance: 'hash',
    health: {path: '/health'},
    upstreamTls: {serverName: 'a.test'},
  }
  const written = {...service, instances: ['http://10.0.0.1', {url: 'https://10.0.0.2/x', weight: 3, backup: true}]}
  const joined = joinService(placed(service), NO_REFERENCES, [joining('https://10.0.0.2/x', 3, true)])
  assert.equal(joined, joinService(placed(written), NO_REFERENCES, []))
  assert.equal(
    joined.checks.map(({instance}) => instance),
    joined.pool.members.map(({instance}) => instance),
  )
})

test('a declared instance that joins counts once and as declared, and so does who joins twice', () => {
  const service: Service = {slug: 'a', instances: [{url: 'http://10.0.0.1:80/x', weight: 5}]}
  const {pool} = joinService(placed(service), NO_REFERENCES, [
    joining('http://10.0.0.1/x/'),
    joining('http://10.0.0.1/y'),
    joining('http://10.0.0.1:80/y', 7),
  ])
  assert.equal(
    pool.members.map(({id, weight}) => [id, weight]),
    [
      ['a@10.0.0.1:80/x', 5],
      ['a@10.0.0.1:80/y', 1],
    ],
  )
})

test('a joined snapshot keeps its content and names only instances that a pool has', () => {
  const snapshot = services('{slug: a, register: true, instances: ["http://10.0.0.1"]}')
  const service = placed({slug: 'a', register: true, instances: ['http://10.0.0.1']})
  const more = withJoined(snapshot, [joinService(service, NO_REFERENCES, [joining('http://10.0.0.2')])])
  assert.equal([more.content, more.instances.length, more.pools[0]?.members.length], [snapshot.content, 2, 2])
  assert.equal(withJoined(more, [joinService(service, NO_REFERENCES, [])]), snapshot)
})

test('built-in services are one instance, at a socket', () => {
  const {
    services: slugs,
    pools,
    instances,
  } = withBuiltIn(services('{slug: a, instances: []}'), ['x-svc', 'y-svc'], '/run/x.sock')
  assert.equal(
    slugs.map(({slug}) => slug),
    ['a', 'x-svc', 'y-svc'],
  )
  const [own] = pools.slice(-1)
  assert.equal(
    own?.members.map(({instance}) => instance),
    ['unix:/run/x.sock'],
  )
  const [instance] = instances
  assert.equal([instance?.key, instance?.host, instance?.port], ['unix:/run/x.sock', '/run/x.sock', 0])
})

test.run()
