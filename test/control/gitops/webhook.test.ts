// Deliveries of forges, over the wire.

import {createHmac} from 'node:crypto'
import {request} from 'node:http'
import {test} from 'uvu'
import * as assert from 'uvu/assert'
import {silentLog} from '../../../src/base/log.ts'
import type {Scope} from '../../../src/base/scope.ts'
import {createWebhook} from '../../../src/control/gitops/webhook.ts'
import {judgeDelivery, WINDOW_MS} from '../../../src/control/gitops/webhook-signature.ts'
import {createFakeClock, type FakeClock} from '../../helpers/clock.ts'
import {scoped} from '../../helpers/scoped.ts'

const SECRET = 'a secret'
const PUSH = JSON.stringify({ref: 'refs/heads/main', after: '4f3c2b1'})
const hex = (body: string, secret = SECRET) => createHmac('sha256', secret).update(body).digest('hex')
const standard = (id: string, at: number, body: string, key: string | Buffer = SECRET) => ({
  'webhook-id': id,
  'webhook-timestamp': String(at),
  'webhook-signature': `v1,${createHmac('sha256', key).update(`${id}.${at}.${body}`).digest('base64')}`,
})
const NOW_MS = Date.UTC(2026, 0, 1)
const NOW_S = NOW_MS / 1000

type Case = {readonly headers: Record<string, string>; readonly kind: string; readonly secret?: string}

const CASES: Readonly<Record<string, Case>> = {
  GitHub: {headers: {'x-hub-signature-256': `sha256=${hex(PUSH)}`}, kind: 'good'},
  'GitHub, another secret': {headers: {'x-hub-signature-256': `sha256=${hex(PUSH, 'other')}`}, kind: 'bad'},
  'GitHub, another body': {headers: {'x-hub-signature-256': `sha256=${hex(`${PUSH} `)}`}, kind: 'bad'},
  'GitHub, without the prefix': {headers: {'x-hub-signature-256': hex(PUSH)}, kind: 'bad'},
  'GitHub, cut short': {headers: {'x-hub-signature-256': `sha256=${hex(PUSH).slice(0, 10)}`}, kind: 'bad'},
  'GitHub, empty': {headers: {'x-hub-signature-256': ''}, kind: 'bad'},
  'GitHub, SHA-1 alone': {headers: {'x-hub-signature': 'sha1=00'}, kind: 'unsigned'},
  Gitea: {headers: {'x-gitea-signature': hex(PUSH)}, kind: 'good'},
  Forgejo: {headers: {'x-forgejo-signature': hex(PUSH)}, kind: 'good'},
  'Forgejo, bad': {headers: {'x-forgejo-signature': hex('x')}, kind: 'bad'},
  'a good one does not make up for a bad one': {
    headers: {'x-hub-signature-256': 'sha256=00', 'x-gitlab-token': SECRET},
    kind: 'bad',
  },
  'GitLab, token': {headers: {'x-gitlab-token': SECRET}, kind: 'good'},
  'GitLab, wrong token': {headers: {'x-gitlab-token': 'A secret'}, kind: 'bad'},
  'GitLab, signed': {headers: standard('m1', NOW_S, PUSH), kind: 'good'},
  'GitLab, signed, two signatures': {
    headers: {
      ...standard('m1', NOW_S, PUSH),
      'webhook-signature': `v1,AAAA ${standard('m1', NOW_S, PUSH)['webhook-signature']}`,
    },
    kind: 'good',
  },
  'GitLab, signed with a key in base64': {
    headers: standard('m1', NOW_S, PUSH, Buffer.from('0123456789abcdef')),
    secret: `whsec_${Buffer.from('0123456789abcdef').toString('base64')}`,
    kind: 'good',
  },
  'GitLab, signed, too old': {headers: standard('m1', NOW_S - WINDOW_MS / 1000 - 1, PUSH), kind: 'bad'},
  'GitLab, signed, from the future': {headers: standard('m1', NOW_S + WINDOW_MS / 1000 + 1, PUSH), kind: 'bad'},
  'GitLab, signed, another time written over it': {
    headers: {...standard('m1', NOW_S - 9000, PUSH), 'webhook-timestamp': String(NOW_S)},
    kind: 'bad',
  },
  anybody: {headers: {'x-signature': `sha256=${hex(PUSH)}`}, kind: 'good'},
  nobody: {headers: {}, kind: 'unsigned'},
}

for (const [name, {headers, kind, secret = SECRET}] of Object.entries(CASES)) {
  test(`${name} is ${kind}`, () => {
    assert.is(judgeDelivery(secret, {headers, body: Buffer.from(PUSH)}, NOW_MS).kind, kind)
  })
}

test(
  'a signed delivery is taken with 202 and an id, once, and only for the branch that is served',
  scoped(async scope => {
    const {post, news, clock} = await listening(scope)
    const first = await post(PUSH, {...signed(PUSH), 'x-github-delivery': 'd1'})
    assert.is(first.status, 202)
    const {id, status} = JSON.parse(first.body)
    assert.match(id, /^[0-9a-f-]{36}$/)
    assert.equal([status, news()], ['accepted', 1])
    await clock.advance(10_000)
    assert.is(JSON.parse((await post(PUSH, {...signed(PUSH), 'x-github-delivery': 'd1'})).body).status, 'duplicate')
    const other = JSON.stringify({ref: 'refs/heads/topic'})
    assert.is(JSON.parse((await post(other, signed(other))).body).status, 'ignored')
    assert.is(news(), 1)
    const form = `payload=${encodeURIComponent(PUSH)}`
    assert.is(JSON.parse((await post(form, signed(form))).body).status, 'accepted')
    assert.is(news(), 2)
    const ping = '{"zen": "Speak like a human."}'
    await clock.advance(10_000)
    assert.is(JSON.parse((await post(ping, signed(ping))).body).status, 'accepted')
    assert.is(news(), 3)
  }),
)

test(
  'many deliveries at once are two pieces of news',
  scoped(async scope => {
    const {post, news, clock} = await listening(scope)
    await Promise.all(Array.from({length: 20}, () => post(PUSH, signed(PUSH))))
    assert.is(news(), 1)
    await clock.advance(2_000)
    assert.is(news(), 2)
    await clock.advance(60_000)
    assert.is(news(), 2)
  }),
)

test(
  'everything else is told apart, and none of it is news',
  scoped(async scope => {
    const {post, news} = await listening(scope)
    const large = 'x'.repeat((1 << 20) + 1)
    const answers = {
      unsigned: await post(PUSH, {}),
      forged: await post(PUSH, signed('{}')),
      elsewhere: await post(PUSH, signed(PUSH), {path: '/hooks'}),
      get: await post('', {}, {method: 'GET'}),
      large: await post('', {...signed(large), 'content-length': String(large.length)}),
      largeInChunks: await post(large, {...signed(large), 'transfer-encoding': 'chunked'}),
      query: await post(PUSH, signed(PUSH), {path: '/hook?from=forge'}),
    }
    assert.equal(
      Object.entries(answers).map(([name, {status}]) => `${name} ${status}`),
      ['unsigned 401', 'forged 403', 'elsewhere 404', 'get 405', 'large 413', 'largeInChunks 413', 'query 202'],
    )
    assert.is(answers.get.headers['allow'], 'POST')
    assert.is(news(), 1)
  }),
)

test(
  'a secret that is changed counts at once, and a missing one is refused at the start',
  scoped(async scope => {
    let secret = SECRET
    const {post} = await listening(scope, async () => secret)
    secret = 'new'
    assert.is((await post(PUSH, signed(PUSH))).status, 403)
    assert.is((await post(PUSH, {'x-hub-signature-256': `sha256=${hex(PUSH, 'new')}`})).status, 202)
    const failure = await listening(scope, async () => {
      throw new Error('the environment has no HOOK')
    }).then(String, String)
    assert.match(failure, 'the secret of git.webhook cannot be read: the environment has no HOOK')
  }),
)

test.run()

// ---

type Answer = {status: number; headers: Record<string, unknown>; body: string}
type Post = (body: string, headers: Record<string, string>, how?: {path?: string; method?: string}) => Promise<Answer>

function signed(body: string): Record<string, string> {
  return {'x-hub-signature-256': `sha256=${hex(body)}`}
}

async function listening(
  scope: Scope,
  readSecret = async () => SECRET,
): Promise<{post: Post; news(): number; clock: FakeClock}> {
  let news = 0
  const clock = createFakeClock()
  const webhook = await createWebhook({
    listen: {host: '127.0.0.1', port: 0},
    path: '/hook',
    branch: 'main',
    readSecret,
    clock,
    log: silentLog,
    onNews: () => news++,
  })
  scope.defer(() => webhook.close())
  const post: Post = (body, headers, {path = '/hook', method = 'POST'} = {}) =>
    new Promise((resolve, reject) => {
      const sent = request(`http://${webhook.address}${path}`, {method, headers, agent: false}, response => {
        let text = ''
        response.setEncoding('utf8')
        response.on('data', chunk => (text += chunk))
        response.on('end', () => resolve({status: response.statusCode ?? 0, headers: response.headers, body: text}))
      })
      // A server that has said no may close before all of a large body is out.
      sent.on('error', reject)
      if (headers['content-length'] && body === '') sent.flushHeaders()
      else sent.end(body)
    })
  return {post, news: () => news, clock}
}
