// Who takes a URL and why, from the same index as the data plane.

import {test} from 'uvu'
import * as assert from 'uvu/assert'
import {createExplainer, type Explanation} from '../../src/router/explain.ts'
import {compiled} from '../helpers/written.ts'

const ROUTES = `
- {id: x.localhost, target: "http://root-frontend:8080"}
- {id: x.localhost/app, target: "http://app-frontend"}
- {id: x.localhost/app/admin, target: "https://admin-frontend:443/base"}
- {id: strip.localhost/app, target: "http://app/base", stripPrefix: true}
- {id: put.localhost/app, target: "http://[::1]:80", rewrite: {prefix: /v2}}
- {id: tls.localhost, target: "https://app", upstreamTls: {insecure: true}}
- {id: "*.example.com", target: "http://wild"}
- {id: shop.example.com/api, target: "http://shop"}
- {id: "*", respond: {status: 418}}
- {id: old.localhost/a, redirect: {to: "https://new.localhost/b"}}
- {id: bücher.localhost, target: "http://bücher"}
- id: heads.localhost
  target: "http://app"
  hostHeader: target
  timeouts: {connect: 1s}
  retry: {times: 2, for: [connect, timeout, 503], budget: 12.5%, unsafe: true}
  headers: {request: {set: {X-A: "1"}, remove: [x-b]}, response: {add: {X-C: "é"}}, security: default}
`

function explained(url: string, method = 'GET'): Explanation {
  return createExplainer(compiled({'a.yaml': ROUTES}))(method, url)
}

// URL, the route that takes it, where it is forwarded
const FORWARDS: readonly (readonly [string, string, string])[] = [
  ['http://x.localhost', 'x.localhost', 'http://root-frontend:8080/'],
  ['https://x.localhost/app/page?a=1', 'x.localhost/app', 'http://app-frontend/app/page?a=1'],
  ['x.localhost/apple', 'x.localhost', 'http://root-frontend:8080/apple'],
  ['http://x.localhost/app/admin', 'x.localhost/app/admin', 'https://admin-frontend/base/app/admin'],
  ['http://X.Localhost.:8080/app/./x/../admin/#top', 'x.localhost/app/admin', 'https://admin-frontend/base/app/admin/'],
  ['http://x.localhost//app', 'x.localhost', 'http://root-frontend:8080//app'],
  ['http://x.localhost/app%2Fadmin', 'x.localhost', 'http://root-frontend:8080/app%2Fadmin'],
  ['http://strip.localhost/app', 'strip.localhost/app', 'http://app/base/'],
  ['http://strip.localhost/app/x?q', 'strip.localhost/app', 'http://app/base/x?q'],
  ['http://put.localhost/app/x', 'put.localhost/app', 'http://[::1]/v2/x'],
  ['http://tls.localhost/x', 'tls.localhost', 'https://app/x'],
  ['http://a.example.com/', '*.example.com', 'http://wild/'],
  ['http://xn--bcher-kva.localhost/', 'xn--bcher-kva.localhost', 'http://xn--bcher-kva/'],
]

for (const [url, id, forward] of FORWARDS) {
  test(`${url} is taken by ${id} and goes to ${forward}`, () => {
    const {route, forward: seen, answer, candidates, upstream} = explained(url)
    assert.equal([route?.id, seen, answer], [id, forward, null])
    assert.equal([candidates[0]?.id, candidates[0]?.outcome], [id, 'won'])
    assert.is(candidates.filter(({outcome}) => outcome === 'won').length, 1)
    assert.ok(forward.startsWith(upstream?.url ?? '-'), upstream?.url)
  })
}

test('the losers follow the winner from the longest prefix down, then other patterns, each with its reason', () => {
  assert.equal(explained('http://x.localhost/app/page').candidates, [
    {id: 'x.localhost/app', outcome: 'won', why: 'longest prefix that covers /app/page'},
    {id: 'x.localhost/app/admin', outcome: 'lost', why: '/app/admin does not cover /app/page'},
    {id: 'x.localhost', outcome: 'lost', why: '/app is longer'},
    {id: '*', outcome: 'lost', why: 'x.localhost is the more specific host'},
  ])
  assert.equal(
    explained('http://x.localhost/app/administrator').candidates.map(({why}) => why),
    [
      'longest prefix that covers /app/administrator',
      '/app/admin ends inside a segment of /app/administrator',
      '/app is longer',
      'x.localhost is the more specific host',
    ],
  )
})

test('a host that owns the request and has no prefix for it answers 404, whatever the other patterns have', () => {
  const {route, answer, candidates, forward, upstream} = explained('http://shop.example.com/shop')
  assert.equal([route, forward, upstream], [null, null, null])
  assert.equal(answer, {status: 404, why: 'no prefix of shop.example.com covers /shop', location: null})
  assert.equal(candidates, [
    {id: 'shop.example.com/api', outcome: 'lost', why: '/api does not cover /shop'},
    {id: '*.example.com', outcome: 'lost', why: 'shop.example.com is the more specific host'},
    {id: '*', outcome: 'lost', why: 'shop.example.com is the more specific host'},
  ])
})

test('answers of our own are told with their status and place', () => {
  assert.equal(explained('http://a.b.example.com/').answer, {status: 418, why: 'a fixed response', location: null})
  const location = 'https://new.localhost/b/c?d'
  assert.equal(explained('http://old.localhost/a/c?d').answer, {
    status: 308,
    why: `a redirect to ${location}`,
    location,
  })
})

test('a host that no route has is a 404 without candidates', () => {
  const explain = createExplainer(compiled({'a.yaml': '- {id: x.localhost, target: "http://app"}'}))
  const {route, candidates, answer} = explain('GET', 'http://y.localhost/')
  assert.equal([route, candidates], [null, []])
  assert.equal(answer, {status: 404, why: 'no route has the host y.localhost', location: null})
})

const REFUSED = [
  'http://x.localhost/..',
  'http://x.localhost/%00',
  'http://x.localhost/é',
  'http://u@x.localhost/',
  '/app',
  '',
]

for (const url of REFUSED) {
  test(`${JSON.stringify(url)} is refused`, () => {
    const {route, answer, candidates, forward} = explained(url)
    assert.equal([route, candidates, forward, answer?.status], [null, [], null, 400])
    assert.ok((answer?.why.length ?? 0) > 10)
  })
}

test('the place of the route and what it does to a request are told', () => {
  const {route, policies, method, revision} = explained('http://heads.localhost/', 'post')
  assert.equal([route, method, revision], [{id: 'heads.localhost', file: 'routes.d/a.yaml', line: 13}, 'POST', 'test'])
  const told = Object.fromEntries(policies.map(({name, value}) => [name, value]))
  assert.equal(told, {
    'timeouts.connect': '1s',
    'timeouts.send': '1m',
    'timeouts.response': '1m',
    'timeouts.idle': '1m',
    'timeouts.tunnel': '1h',
    retry: '2 more for connect, timeout, 503; at most 12.5% of the requests; also what may not be done twice',
    hostHeader: 'target',
    'headers.request.remove': 'x-b',
    'headers.request.set': 'X-A: 1',
    'headers.response.set':
      'X-C: é, X-Content-Type-Options: nosniff, X-Frame-Options: SAMEORIGIN, Referrer-Policy: strict-origin-when-cross-origin',
  })
})

test('at most 50 losers are told, and the winner always', () => {
  const many = Array.from({length: 100}, (_, index) => `- {id: x.localhost/p${index}, target: "http://app"}`)
  const explain = createExplainer(compiled({'a.yaml': many.join('\n')}))
  const {candidates} = explain('GET', 'http://x.localhost/p7')
  assert.is(candidates.length, 51)
  assert.equal([candidates[0]?.id, candidates[0]?.outcome], ['x.localhost/p7', 'won'])
})

test.run()
