// Variants, over the wire: who answers, with what the route says of heads, and who counts.

import {test} from 'uvu'
import * as assert from 'uvu/assert'
import {exchange} from '../helpers/client.ts'
import {namedOrigins} from '../helpers/named.ts'
import {proxyServing} from '../helpers/proxy.ts'
import {scoped} from '../helpers/scoped.ts'
import {until} from '../helpers/until.ts'
import {compiled, messageOf, requestFor} from '../helpers/written.ts'

const ROUTE = `
- id: x.localhost/app
  target: ROOT
  stripPrefix: true
  headers: {response: {set: {x-route: app}}}
  variants:
    - {name: beta, when: {headers: {X-Beta: "1"}, cookies: {user: ada}}, target: BETA/base}
    - {name: writes, when: {methods: [PUT]}, target: WRITES}
    - {name: gone, when: {query: {"old page": "1"}}, respond: {status: 410, body: gone}}
    - {name: moved, when: {query: {moved: ""}}, redirect: {to: "https://new.localhost"}}
    - {name: late, when: {headers: {x-beta: "1"}}, target: LATE}
`

// What is asked, and the answer's status and body, or where it leads.
const CASES: readonly (readonly [string, number, string])[] = [
  [requestFor('x.localhost/app/a'), 200, 'ROOT /a'],
  [requestFor('x.localhost/app/a', {fields: 'x-BETA: 1\r\nCookie: a=b; user=ada\r\n'}), 200, 'BETA /base/a'],
  [requestFor('x.localhost/app/a', {fields: 'X-Beta: 1\r\n'}), 200, 'LATE /a'],
  [requestFor('x.localhost/app/a', {fields: 'X-Beta: 2\r\nCookie: user=ada\r\n'}), 200, 'ROOT /a'],
  [requestFor('x.localhost/app/a', {method: 'PUT', body: 'hello'}), 200, 'WRITES /a'],
  [requestFor('x.localhost/app/a?b=1&old+page=1'), 410, 'gone'],
  [requestFor('x.localhost/app/a?moved=1'), 308, 'https://new.localhost/a?moved=1'],
]

test(
  'the first variant that holds takes the request, with the path and the heads of the route',
  scoped(async scope => {
    const {port, plane} = await proxyServing(scope, compiled({'a.yaml': await namedOrigins(scope, ROUTE)}))
    for (const [request, status, body] of CASES) {
      const answer = messageOf(await exchange(scope, port, request))
      assert.match(answer.line, new RegExp(`^HTTP/1.1 ${status} `), request)
      assert.is(answer.body || answer.values('location')[0], body, request)
      assert.equal(answer.values('x-route'), ['app'], request)
    }
    const counted = await until('the requests to be counted', () => {
      const stats = plane.routeStats('x.localhost/app')
      return stats.inFlight === 0 && stats
    })
    assert.is(counted.requests, CASES.length)
  }),
)

test(
  'requests on one connection are each decided for themselves',
  scoped(async scope => {
    const {port} = await proxyServing(scope, compiled({'a.yaml': await namedOrigins(scope, ROUTE)}))
    const get = (fields: string) => `GET /app HTTP/1.1\r\nHost: x.localhost\r\n${fields}\r\n`
    const text = await exchange(scope, port, get('') + get('X-Beta: 1\r\n') + get('Connection: close\r\n'))
    assert.equal(
      text.match(/\b[A-Z]{4,} \//g)?.filter(found => /ROOT|LATE/.test(found)),
      ['ROOT /', 'LATE /', 'ROOT /'],
    )
  }),
)

test(
  'a variant has instances of its own: while they are down it answers 503, and the route goes on',
  scoped(async scope => {
    const yaml = `
routes:
  - id: x.localhost
    target: ROOT
    variants: [{name: beta, when: {headers: {x-beta: "1"}}, service: beta}]
services: [{slug: beta, instances: [{url: "http://127.0.0.1:9", down: true}]}]
`
    const {port} = await proxyServing(scope, compiled({'a.yaml': await namedOrigins(scope, yaml)}))
    const beta = await exchange(scope, port, requestFor('x.localhost/', {fields: 'X-Beta: 1\r\n'}))
    assert.match(beta, /^HTTP\/1\.1 503 /)
    assert.match(await exchange(scope, port, requestFor('x.localhost/')), /ROOT \/$/)
  }),
)

test.run()
