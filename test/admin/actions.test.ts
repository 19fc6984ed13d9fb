// What POST asks for, over a real socket: paths, ids and bodies.

import {request} from 'node:http'
import {test} from 'uvu'
import * as assert from 'uvu/assert'
import {createAdminClient} from '../../src/admin/client.ts'
import type {Operations} from '../../src/admin/protocol.ts'
import {createAdminServer} from '../../src/admin/server.ts'
import {silentLog} from '../../src/base/log.ts'
import {type Folder, withFolder} from '../helpers/folder.ts'
import {NO_CERTS} from '../helpers/no-certs.ts'

const ID = 'orders@10.0.0.1:8080/base'
const LEASE = {id: ID, since: '', until: '', who: '', why: ''}

// A server whose operations note what they were asked.
async function serverIn(folder: Folder): Promise<{socket: string; asked: unknown[]}> {
  const asked: unknown[] = []
  const never = () => {
    throw new Error('not asked for')
  }
  const operations: Operations = {
    status: never,
    routes: never,
    services: never,
    instances: never,
    certs: NO_CERTS,
    config: never,
    history: never,
    explain: never,
    sync: never,
    confirm: never,
    resume: never,
    async suspend(wish) {
      asked.push(['suspend', wish])
      return {answer: {since: '', ...wish}}
    },
    async rollback(wish) {
      asked.push(['rollback', wish])
      return {answer: {from: 'b', to: 'a', quarantined: []}}
    },
    subscribe: () => () => {},
    async drain(id, wish) {
      asked.push(['drain', id, wish])
      if (id !== ID) return {refused: {status: 404, code: 'not-found', message: `there is no instance '${id}'`}}
      return {answer: {...LEASE, service: 'orders', usable: 1}}
    },
    async undrain(id) {
      asked.push(['undrain', id])
      return {answer: {id, lifted: null}}
    },
    async weigh(id, weight, wish) {
      asked.push(['weigh', id, weight, wish])
      return {answer: {...LEASE, weight, configuredWeight: 1, service: 'orders', usable: 1}}
    },
    async unweigh(id) {
      asked.push(['unweigh', id])
      return {answer: {id, lifted: null}}
    },
  }
  const socket = folder.at('admin.sock')
  folder.scope.own(await createAdminServer({socket, operations, log: silentLog}), server => server.close())
  return {socket, asked}
}

function post(socketPath: string, path: string, body = '', method = 'POST', headers = {}) {
  return new Promise<{status: number | undefined; allow: string | undefined; body: string}>((resolve, reject) => {
    const call = request({socketPath, path, method, headers: {host: 'localhost', ...headers}}, async response => {
      let text = ''
      for await (const chunk of response) text += chunk
      resolve({status: response.statusCode, allow: response.headers.allow, body: text})
    })
    call.on('error', reject)
    call.end(body)
  })
}

const DRAIN = `/v1/instances/${encodeURIComponent(ID)}/drain`

test(
  'an instance is drained for an hour, or for as long as the body says',
  withFolder(async folder => {
    const {socket, asked} = await serverIn(folder)
    assert.is((await post(socket, DRAIN)).status, 200)
    assert.is((await post(socket, DRAIN, '{"for": "10m", "why": "new", "who": "ada"}')).status, 200)
    const client = createAdminClient(socket)
    assert.is((await client.drain(ID, {for: '1h30m'})).usable, 1)
    assert.equal(await client.undrain(ID), {id: ID, lifted: null})
    assert.equal(asked, [
      ['drain', ID, {forMs: 3_600_000, who: '', why: ''}],
      ['drain', ID, {forMs: 600_000, who: 'ada', why: 'new'}],
      ['drain', ID, {forMs: 5_400_000, who: '', why: ''}],
      ['undrain', ID],
    ])
  }),
)

const BAD: readonly (readonly [body: string, message: RegExp])[] = [
  ['no json', /not a JSON object/],
  ['null', /not a JSON object/],
  ['[]', /not a JSON object/],
  ['"10m"', /not a JSON object/],
  ['{"for": 10}', /'for' is a duration/],
  ['{"for": "soon"}', /'for' is a duration/],
  ['{"for": "10ms"}', /between 1s and 30d/],
  ['{"for": "31d"}', /between 1s and 30d/],
  ['{"why": 1}', /'why' is a text/],
  ['{"why": "a\\u001b[2J"}', /'why' is a text/],
  [`{"why": "${'x'.repeat(501)}"}`, /'why' is a text/],
  ['{"who": "a\\nb"}', /'who' is a text/],
  ['{"fro": "10m"}', /there is no 'fro'/],
  ['{"__proto__": {"for": "10m"}}', /there is no '__proto__'/],
]

test(
  'an instance is given a weight for a while, and nothing that is none',
  withFolder(async folder => {
    const {socket, asked} = await serverIn(folder)
    const client = createAdminClient(socket)
    const answer = await client.weigh(ID, {weight: 0, for: '10m', why: 'canary', who: 'ada'})
    assert.equal([answer.weight, answer.configuredWeight], [0, 1])
    assert.equal(await client.unweigh(ID), {id: ID, lifted: null})
    const path = `/v1/instances/${encodeURIComponent(ID)}/weight`
    for (const body of ['', '{}', '{"weight": 1.5}', '{"weight": -1}', '{"weight": 1001}', '{"weight": "3"}']) {
      assert.match(await post(socket, path, body).then(got => got.body), /'weight' is a whole number from 0 to 1000/)
    }
    assert.match((await post(socket, path, '{"weight": 1, "untl": "x"}')).body, /it has weight, for, why and who/)
    assert.equal(asked, [
      ['weigh', ID, 0, {forMs: 600_000, who: 'ada', why: 'canary'}],
      ['unweigh', ID],
    ])
  }),
)

test(
  'a body that is not what it must be is refused, and nothing is drained',
  withFolder(async folder => {
    const {socket, asked} = await serverIn(folder)
    for (const [body, message] of BAD) {
      const got = await post(socket, DRAIN, body)
      assert.is(got.status, 400, body)
      assert.match(JSON.parse(got.body).error.message, message)
    }
    assert.is((await post(socket, DRAIN, 'x'.repeat(100_000))).status, 413)
    assert.equal(asked, [])
  }),
)

test(
  'other methods, unknown ids and paths, and web pages are refused',
  withFolder(async folder => {
    const {socket, asked} = await serverIn(folder)
    const got = await post(socket, DRAIN, '', 'GET')
    assert.equal([got.status, got.allow], [405, 'POST'])
    assert.is((await post(socket, DRAIN, '', 'POST', {origin: 'https://evil.example'})).status, 403)
    assert.is((await post(socket, '/v1/instances/%ff/drain')).status, 400)
    assert.is((await post(socket, '/v1/instances/a/kill')).status, 404)
    assert.is((await post(socket, '/v1/instances//drain')).status, 404)
    assert.is((await post(socket, '/v1/instances/a/b/drain')).status, 404)
    assert.equal(asked, [])
    const unknown = await post(socket, '/v1/instances/nobody/drain')
    assert.is(unknown.status, 404)
    assert.equal(JSON.parse(unknown.body), {error: {code: 'not-found', message: "there is no instance 'nobody'"}})
  }),
)

test(
  'suspend and rollback take what they know, and nothing else',
  withFolder(async folder => {
    const {socket, asked} = await serverIn(folder)
    assert.is((await post(socket, '/v1/suspend')).status, 200)
    assert.is((await post(socket, '/v1/suspend', '{"until":"2030-01-31T18:00:00+01:00","who":"ada"}')).status, 200)
    assert.is((await post(socket, '/v1/rollback', '{"revision":"4f3c2b1","why":"slow"}')).status, 200)
    assert.equal(asked, [
      ['suspend', {until: null, who: '', why: ''}],
      ['suspend', {until: '2030-01-31T17:00:00.000Z', who: 'ada', why: ''}],
      ['rollback', {revision: '4f3c2b1', who: '', why: 'slow'}],
    ])
    const wrong = [
      ['suspend', '{"until":"tomorrow"}', "'until' is a time in RFC 3339"],
      ['suspend', '{"for":"1h","until":"2030-01-31T18:00:00Z"}', 'two ways to say the same'],
      ['suspend', '{"for":"20y"}', "'for' is a year at the most"],
      ['suspend', '{"forever":true}', "there is no 'forever'"],
      ['rollback', '{"revision":7}', "'revision' is a text of one line"],
      ['rollback', '{"to":"4f3c2b1"}', "there is no 'to'"],
      ['rollback', '[]', 'not a JSON object'],
    ]
    for (const [verb, body, message = ''] of wrong) {
      const answer = await post(socket, `/v1/${verb}`, body)
      assert.is(answer.status, 400, body)
      assert.match((JSON.parse(answer.body) as {error: {message: string}}).error.message, message)
    }
    assert.is(asked.length, 3)
    assert.is((await post(socket, '/v1/rollback', '', 'GET')).status, 405)
  }),
)

test.run()
