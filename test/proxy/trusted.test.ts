// Who asked, when proxies of ours stand before us. Everything the tests send comes from 127.0.0.1, which is trusted or not.

import {test} from 'uvu'
import * as assert from 'uvu/assert'
import {createTrust, plainAddress} from '../../src/proxy/trust.ts'
import {scoped} from '../helpers/scoped.ts'
import {requestFor, served} from '../helpers/written.ts'

const PLAIN = '- {id: x.localhost, target: "http://INSTANCE"}'
const NAMES = ['x-forwarded-for', 'x-real-ip', 'x-forwarded-proto', 'x-forwarded-host']

type Case = {
  readonly name: string
  readonly fields: readonly string[]
  /** X-Forwarded-For, X-Real-IP, X-Forwarded-Proto, X-Forwarded-Host. */
  readonly told: readonly [string, string, string, string]
}

const TRUSTED: readonly Case[] = [
  {name: 'says nothing', fields: [], told: ['127.0.0.1', '127.0.0.1', 'http', 'x.localhost']},
  {
    name: 'names the client',
    fields: ['X-Forwarded-For: 203.0.113.9', 'X-Forwarded-Proto: https', 'X-Forwarded-Host: shop.example'],
    told: ['203.0.113.9, 127.0.0.1', '203.0.113.9', 'https', 'shop.example'],
  },
  {
    name: 'passes on what the client made up: the last address that is not ours counts',
    fields: ['X-Forwarded-For: 6.6.6.6, 203.0.113.9'],
    told: ['6.6.6.6, 203.0.113.9, 127.0.0.1', '203.0.113.9', 'http', 'x.localhost'],
  },
  {
    name: 'is the last of several of ours',
    fields: ['X-Forwarded-For: 6.6.6.6, 203.0.113.9, 10.1.2.3, 10.9.9.9'],
    told: ['6.6.6.6, 203.0.113.9, 10.1.2.3, 10.9.9.9, 127.0.0.1', '203.0.113.9', 'http', 'x.localhost'],
  },
  {
    name: 'sends the chain on several lines',
    fields: ['X-Forwarded-For: 203.0.113.9', 'x-forwarded-for: 10.1.2.3'],
    told: ['203.0.113.9, 10.1.2.3, 127.0.0.1', '203.0.113.9', 'http', 'x.localhost'],
  },
  {
    name: 'names nobody but ours: the one farthest away asked',
    fields: ['X-Forwarded-For: 10.0.0.7, 10.1.2.3'],
    told: ['10.0.0.7, 10.1.2.3, 127.0.0.1', '10.0.0.7', 'http', 'x.localhost'],
  },
  {
    name: 'ends the chain with a word: what stands before it is not believed',
    fields: ['X-Forwarded-For: 203.0.113.9, unknown, 10.1.2.3'],
    told: ['203.0.113.9, unknown, 10.1.2.3, 127.0.0.1', '10.1.2.3', 'http', 'x.localhost'],
  },
  {
    name: 'names an IPv6 client, with a port',
    fields: ['X-Forwarded-For: [2001:db8::9]:4711'],
    told: ['[2001:db8::9]:4711, 127.0.0.1', '2001:db8::9', 'http', 'x.localhost'],
  },
  {
    name: 'names an IPv4 client with a port, or written as IPv6',
    fields: ['X-Forwarded-For: ::ffff:203.0.113.9, 10.1.2.3:80'],
    told: ['::ffff:203.0.113.9, 10.1.2.3:80, 127.0.0.1', '203.0.113.9', 'http', 'x.localhost'],
  },
  {
    name: 'claims another protocol',
    fields: ['X-Forwarded-Proto: gopher'],
    told: ['127.0.0.1', '127.0.0.1', 'http', 'x.localhost'],
  },
  {
    name: 'names a host that is none',
    fields: ['X-Forwarded-Host: "; evil="'],
    told: ['127.0.0.1', '127.0.0.1', 'http', 'x.localhost'],
  },
  {
    name: 'is the only one to speak of X-Real-IP',
    fields: ['X-Real-IP: 6.6.6.6'],
    told: ['127.0.0.1', '127.0.0.1', 'http', 'x.localhost'],
  },
]

test(
  'a trusted proxy is believed, and its account is continued',
  scoped(async scope => {
    const {ask} = await served(scope, PLAIN, {edge: {trustedProxies: ['127.0.0.0/8', '10.0.0.0/8']}})
    for (const {name, fields, told} of TRUSTED) {
      const {asked} = await ask(requestFor('x.localhost/', {fields: fields.map(field => `${field}\r\n`).join('')}))
      assert.equal(
        NAMES.map(field => asked?.values(field)),
        told.map(value => [value]),
        name,
      )
    }
  }),
)

test(
  'everybody else is not: the same fields are replaced by what the connection says',
  scoped(async scope => {
    const {ask} = await served(scope, PLAIN, {edge: {trustedProxies: ['10.0.0.0/8', '::1', '203.0.113.9']}})
    for (const {name, fields} of TRUSTED) {
      const {asked} = await ask(requestFor('x.localhost/', {fields: fields.map(field => `${field}\r\n`).join('')}))
      assert.equal(
        NAMES.map(field => asked?.values(field)),
        [['127.0.0.1'], ['127.0.0.1'], ['http'], ['x.localhost']],
        name,
      )
    }
  }),
)

test(
  'a route is chosen by Host: what a proxy says of the host is only passed on',
  scoped(async scope => {
    const routes = `${PLAIN}\n- {id: y.localhost, respond: {status: 418}}`
    const {ask} = await served(scope, routes, {edge: {trustedProxies: ['127.0.0.1']}})
    const {answer} = await ask(requestFor('x.localhost/', {fields: 'X-Forwarded-Host: y.localhost\r\n'}))
    assert.is(answer.line, 'HTTP/1.1 200 OK')
  }),
)

test('at most 32 addresses are looked at, from the right', () => {
  const {clientOf} = createTrust(['10.0.0.0/8'])
  const ours = (count: number) => Array.from({length: count}, (_, index) => `10.0.0.${index}`).join(', ')
  assert.is(clientOf(`203.0.113.9, ${ours(31)}`, '10.9.9.9'), '203.0.113.9')
  assert.is(clientOf(`203.0.113.9, ${ours(32)}`, '10.9.9.9'), '10.0.0.0')
})

test('an empty or broken list leaves the peer', () => {
  const {clientOf} = createTrust(['10.0.0.0/8'])
  for (const list of ['', ' ', ',', 'unknown', '_hidden', '999.1.1.1', '10.0.0.1 10.0.0.2', '1.2.3.4\t5']) {
    assert.is(clientOf(list, '10.9.9.9'), '10.9.9.9', list)
  }
})

test('nobody is trusted unless the settings say so', () => {
  const {isTrusted} = createTrust([])
  for (const address of ['127.0.0.1', '::1', '10.0.0.1', '']) assert.is(isTrusted(address), false)
})

test('addresses are compared as addresses, whatever way they are written', () => {
  const {isTrusted} = createTrust(['10.0.0.0/8', '2001:db8::/32'])
  const cases: readonly (readonly [string, boolean])[] = [
    ['10.255.255.255', true],
    ['11.0.0.0', false],
    ['2001:DB8:0::1', true],
    ['2001:db9::1', false],
    [plainAddress('::ffff:10.0.0.1'), true],
    [plainAddress('[2001:db8::1]:80'), true],
    ['10.0.0.1.evil.example', false],
    ['', false],
  ]
  for (const [address, trusted] of cases) assert.is(isTrusted(address), trusted, address)
})

test.run()
