// explain for routes that send some requests elsewhere: which variant, which part, and why.

import {test} from 'uvu'
import * as assert from 'uvu/assert'
import {destinationOf} from '../../src/router/destination.ts'
import {createExplainer, type Explanation, type Said} from '../../src/router/explain.ts'
import {choosePart} from '../../src/router/split.ts'
import {compiled} from '../helpers/written.ts'

const SNAPSHOT = compiled({
  'a.yaml': `
routes:
  - {id: x.localhost, target: "http://root"}
  - id: x.localhost/app
    target: "http://app"
    stripPrefix: true
    mirror: {service: shadow, share: 12.5%}
    variants:
      - {name: beta, when: {headers: {X-Beta: "é"}, cookies: {user: ada}}, target: "http://beta/base"}
      - {name: writes, when: {methods: [PUT, POST]}, target: "http://writes"}
      - {name: gone, when: {query: {old: ""}}, respond: {status: 410}}
      - {name: any-beta, when: {headers: {x-beta: ""}}, target: "http://any"}
  - {id: split.localhost, split: [{service: shadow, share: 70%}, {target: "http://next:8080", share: 30%}]}
services: [{slug: shadow, instances: ["http://10.0.0.1:8080"]}]
`,
})

function explained(url: string, said?: Partial<Said>, method = 'GET'): Explanation {
  return createExplainer(SNAPSHOT)(method, url, {fields: '', clientIp: null, ...said})
}

test('the variant wins, its route and the other variants lose, each with its reason', () => {
  const fields = 'x-beta: \xc3\xa9\r\nCookie: user=ada\r\n'
  const {variant, forward, upstream, candidates, route} = explained('http://x.localhost/app/a', {fields}, 'PUT')
  assert.equal([route?.id, variant, forward], ['x.localhost/app', 'beta', 'http://beta/base/a'])
  assert.is(upstream?.url, 'http://beta/base')
  const id = 'x.localhost/app'
  assert.equal(candidates, [
    {id, variant: 'beta', outcome: 'won', why: 'the request has the header x-beta=é, the cookie user=ada'},
    {id, outcome: 'lost', why: 'its variant beta takes the request'},
    {id, variant: 'writes', outcome: 'lost', why: 'beta stands before it'},
    {id, variant: 'gone', outcome: 'lost', why: 'it needs the parameter old'},
    {id, variant: 'any-beta', outcome: 'lost', why: 'beta stands before it'},
    {id: 'x.localhost', outcome: 'lost', why: '/app is longer'},
  ])
})

test('without a variant that holds the route wins, and they tell what they need', () => {
  const {variant, forward, candidates} = explained('http://x.localhost/app/a')
  assert.equal([variant, forward], [null, 'http://app/a'])
  assert.equal(
    candidates.slice(0, 3).map(({variant: name, outcome, why}) => [name, outcome, why]),
    [
      [undefined, 'won', 'longest prefix that covers /app/a'],
      ['beta', 'lost', 'it needs the header x-beta=é'],
      ['writes', 'lost', 'it needs the method PUT or POST'],
    ],
  )
})

test('a variant that answers by itself is explained as a route that does', () => {
  const {variant, answer, forward} = explained('http://x.localhost/app?old=1')
  assert.equal([variant, answer?.status, forward], ['gone', 410, null])
})

test('a split tells its parts, and of a client that is known the one it is sent to', () => {
  const unknown = explained('http://split.localhost/a')
  assert.equal([unknown.upstream, unknown.forward, unknown.answer], [null, null, null])
  assert.equal(unknown.split, [
    {service: 'shadow', url: 'http://10.0.0.1:8080', share: '70%', taken: false},
    {service: 'http://next:8080', url: 'http://next:8080', share: '30%', taken: false},
  ])
  const action = SNAPSHOT.routes.find(({id}) => id === 'split.localhost')?.action
  if (action?.kind !== 'split') throw new Error('no split')
  for (let i = 0; i < 20; i++) {
    const clientIp = `203.0.113.${i}`
    const {split, forward} = explained('http://split.localhost/a', {clientIp})
    const part = choosePart(action.parts, 'split.localhost', clientIp)
    assert.is(
      split?.findIndex(({taken}) => taken),
      part,
    )
    assert.is(forward, ['http://10.0.0.1:8080/a', 'http://next:8080/a'][part])
  }
})

test('a mirror is a policy', () => {
  const {policies} = explained('http://x.localhost/app')
  assert.is(policies.find(({name}) => name === 'mirror')?.value, 'a copy of 12.5% of the requests to shadow')
  assert.not.ok(explained('http://x.localhost/').policies.some(({name}) => name === 'mirror'))
})

test('a list shows the parts of a split', () => {
  const [split] = SNAPSHOT.routes.filter(({id}) => id === 'split.localhost')
  if (!split) throw new Error('no route')
  assert.equal(destinationOf(split.action), {kind: 'split', destination: '70% shadow, 30% http://next:8080'})
})

test.run()
