import {test} from 'uvu'
import * as assert from 'uvu/assert'
import {compile} from '../../../src/control/compile/compile.ts'
import {failuresOf, runTests, type TestRun} from '../../../src/control/compile/request-tests.ts'
import {decodeSource} from '../../../src/control/config/files.ts'
import {loadConfig} from '../../../src/control/config/load.ts'
import {NO_REFERENCES} from '../../../src/control/config/references.ts'
import {renderDiagnostics} from '../../../src/control/config/render.ts'

const ROUTES = `
routes:
  - {id: x.localhost, target: "http://root:8080"}
  - {id: x.localhost/app, target: "http://app:80/base", stripPrefix: true, hostHeader: target,
     headers: {request: {set: {x-tenant: acme}, remove: [x-secret]}}}
  - {id: x.localhost/orders, service: orders}
  - {id: old.localhost, redirect: {to: "https://new.example.com", status: 301}}
  - {id: x.localhost/health, respond: {status: 204, headers: {x-who: edge}}, headers: {response: {set: {x-more: "1"}}}}
  - {id: late.localhost, service: late, headers: {request: {set: {x-a: "1"}}}}
  - {id: v.localhost, service: orders, variants: [{name: beta, when: {headers: {x-beta: "1"}, query: {q: ""}}, target: "http://beta"}]}
  - {id: s.localhost, split: [{service: orders, share: 50%}, {target: "http://next", share: 50%}]}
services: [{slug: late, instances: []}, {slug: orders, instances: ["http://10.0.0.1:8080", "http://10.0.0.2:8080/v1"]}]
`

function run(...tests: string[]): TestRun {
  const text = `${ROUTES}${tests.length === 0 ? '' : 'tests:\n'}${tests.map((entry, index) => `  - {name: t${index}, ${entry}}\n`).join('')}`
  const source = decodeSource('a.yaml', Buffer.from(text), 'a.yaml')
  if ('rule' in source) throw new Error(source.message)
  const {config, diagnostics} = loadConfig([source], {label: '', denyTargets: []})
  assert.is(renderDiagnostics(diagnostics, 'pretty', {color: false}), '')
  if (config === null) throw new Error('not valid')
  const forward = {forwarded: false, via: false, requestId: false, traceparent: false}
  return runTests(config.tests, compile(config, {revision: 'test', forward, references: NO_REFERENCES}))
}

function failures(...tests: string[]): string[][] {
  return run(...tests).results.map(failuresOf)
}

test('everything that can be expected comes true', () => {
  const {ok, results} = run(
    'request: GET https://x.localhost/app/page?a=1, expect: {route: X.localhost/app/, forward: "http://app/base/page?a=1"}',
    'request: "https://x.localhost/app", expect: {forward: "http://APP:80/base/"}',
    'request: POST http://x.localhost/orders/1, expect: {service: orders, forward: "http://10.0.0.1:8080/orders/1"}',
    'request: GET http://x.localhost/orders/1, expect: {forward: "http://10.0.0.2:8080/v1/orders/1"}',
    'request: GET http://old.localhost/a?b, expect: {status: 301, redirect: "https://new.example.com/a?b"}',
    'request: GET http://x.localhost/health, expect: {status: 204, headers: {X-Who: edge, x-more: "1"}}',
    'request: GET http://v.localhost/?q, expect: {variant: null, service: orders}',
    'request: {url: "http://v.localhost/?q", headers: {X-Beta: "1"}}, expect: {route: v.localhost, variant: beta, forward: "http://beta/?q"}',
    'request: GET http://s.localhost/a, expect: {service: orders, forward: "http://10.0.0.2:8080/v1/a"}',
    'request: GET http://s.localhost/a, expect: {forward: "http://next/a"}',
    'request: GET http://late.localhost/, expect: {service: late, headers: {x-a: "1", host: late.localhost}}',
    'request: GET http://nobody.localhost/, expect: {route: null, status: 404}',
    'request: "GET http://x.localhost/%5c", expect: {status: 400}',
    'request: {url: "http://y.localhost/app", headers: {Host: x.localhost}}, expect: {route: x.localhost/app}',
  )
  assert.equal(
    results.flatMap(result => failuresOf(result)),
    [],
  )
  assert.ok(ok)
})

test('headers are those that the instance gets', () => {
  const request =
    '{url: "https://x.localhost/app", headers: {x-secret: s, x-keep: k, x-forwarded-for: 6.6.6.6}, clientIp: 203.0.113.7}'
  const expected =
    '{host: app, x-tenant: acme, x-keep: k, x-forwarded-for: 203.0.113.7, x-forwarded-proto: https, x-forwarded-host: x.localhost}'
  assert.equal(failures(`request: ${request}, expect: {headers: ${expected}}`), [[]])
  assert.equal(failures(`request: ${request}, expect: {headers: {x-secret: s}}`), [
    ['headers.x-secret is null, not "s"'],
  ])
})

test('a client that is named belongs to one part of a split', () => {
  const from = (ip: string, to: string) =>
    `request: {url: "http://s.localhost/a", clientIp: ${ip}}, expect: {forward: "${to}"}`
  const ips = Array.from({length: 20}, (_, i) => `203.0.113.${i}`)
  const {results} = run(...ips.flatMap(ip => [from(ip, 'http://next/a'), from(ip, 'http://10.0.0.1:8080/a')]))
  const passed = ips.map((_, i) => [results[2 * i]?.ok, results[2 * i + 1]?.ok])
  assert.ok(
    passed.every(([next, orders]) => next !== orders),
    'each client has one part',
  )
  assert.equal([...new Set(passed.map(([next]) => next))].sort(), [false, true], 'and not all the same one')
})

test('a test that fails says what came out, and why', () => {
  const {ok, passed, failed, results} = run(
    'request: GET http://x.localhost/apple, expect: {route: x.localhost/app, forward: "http://app/base/le"}',
    'request: GET http://x.localhost/, expect: {route: x.localhost}',
  )
  assert.equal([ok, passed, failed], [false, 1, 1])
  const [first] = results
  assert.equal(first, {
    name: 't0',
    ok: false,
    file: 'a.yaml',
    line: 14,
    expected: {route: 'x.localhost/app', forward: 'http://app/base/le'},
    actual: {route: 'x.localhost', forward: 'http://root:8080/apple'},
    why: 'x.localhost wins: it takes every path of x.localhost; x.localhost/app loses: /app ends inside a segment of /apple',
  })
})

test('coverage counts the routes that some request reaches', () => {
  const none = run()
  assert.equal([none.ok, none.coverage, none.uncovered.length], [true, 0, 8])
  const two = run(
    'request: GET http://x.localhost/, expect: {route: x.localhost}',
    'request: GET http://x.localhost/app, expect: {status: 404}',
    'request: GET http://x.localhost/app/x, expect: {route: x.localhost/app}',
  )
  assert.is(two.coverage, 25)
  assert.equal(
    two.uncovered.map(({id}) => id),
    ['late.localhost', 'old.localhost', 's.localhost', 'v.localhost', 'x.localhost/health', 'x.localhost/orders'],
  )
})

test.run()
