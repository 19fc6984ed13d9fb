// Which variant takes a request, as a table: what is asked, what the request has, and whether they meet.

import {test} from 'uvu'
import * as assert from 'uvu/assert'
import {compileCondition} from '../../src/control/compile/variants.ts'
import type {RouteCondition} from '../../src/control/config/types.ts'
import {chooseVariant, unmetBy} from '../../src/router/variants.ts'
import type {Variant} from '../../src/snapshot/snapshot.ts'

type Request = {readonly method?: string; readonly fields?: readonly string[]; readonly query?: string}

const CASES: readonly (readonly [string, RouteCondition, Request, string | null])[] = [
  ['nothing holds for everything', {}, {}, null],
  ['one of the methods', {methods: ['GET', 'PUT']}, {method: 'PUT'}, null],
  ['another method', {methods: ['GET', 'PUT']}, {method: 'HEAD'}, 'methods'],
  ['a header, its name in any case', {headers: {'X-Beta': '1'}}, {fields: ['x-bEtA:1']}, null],
  ['space around a value is none of it', {headers: {'x-beta': '1'}}, {fields: ['x-beta: \t1 \t']}, null],
  ['a value in another case', {headers: {'x-beta': 'On'}}, {fields: ['x-beta: on']}, 'headers'],
  ['a value that only begins alike', {headers: {'x-beta': '1'}}, {fields: ['x-beta: 10']}, 'headers'],
  ['a name that only begins alike', {headers: {'x-beta': '1'}}, {fields: ['x-beta-2: 1']}, 'headers'],
  ['a name that only ends alike', {headers: {beta: '1'}}, {fields: ['x-beta: 1']}, 'headers'],
  ['the name of a header in a value', {headers: {'x-beta': '1'}}, {fields: ['x-other: x-beta: 1']}, 'headers'],
  ['any line of a header', {headers: {'x-beta': '1'}}, {fields: ['x-beta: 0', 'a: b', 'x-beta: 1']}, null],
  ['a header that is there', {headers: {'x-beta': ''}}, {fields: ['x-beta: 0']}, null],
  ['a header that is not there', {headers: {'x-beta': ''}}, {fields: ['x-alpha: 0']}, 'headers'],
  ['beyond ASCII, as bytes', {headers: {'x-beta': 'é'}}, {fields: ['x-beta: \xc3\xa9']}, null],
  ['all headers', {headers: {a: '1', b: '2'}}, {fields: ['a: 1']}, 'headers'],
  ['a cookie', {cookies: {beta: '1'}}, {fields: ['Cookie: a=2; beta=1; c=3']}, null],
  ['a cookie in another line', {cookies: {beta: '1'}}, {fields: ['Cookie: a=2', 'cookie: beta=1']}, null],
  ['the first cookie of a name', {cookies: {beta: '1'}}, {fields: ['Cookie: beta=0; beta=1']}, 'cookies'],
  [
    'the first cookie over all lines',
    {cookies: {beta: '1'}},
    {fields: ['Cookie: beta=0', 'Cookie: beta=1']},
    'cookies',
  ],
  ['a cookie with = in it', {cookies: {beta: 'a=b'}}, {fields: ['Cookie: beta=a=b']}, null],
  ['the name of a cookie in another case', {cookies: {beta: '1'}}, {fields: ['Cookie: Beta=1']}, 'cookies'],
  ['a cookie that is there', {cookies: {beta: ''}}, {fields: ['Cookie: beta=']}, null],
  ['no cookie at all', {cookies: {beta: ''}}, {fields: ['x: beta=1']}, 'cookies'],
  ['a parameter', {query: {preview: '1'}}, {query: '?a=2&preview=1'}, null],
  ['a parameter with another value', {query: {preview: '1'}}, {query: '?preview=2'}, 'query'],
  ['any parameter of a name', {query: {preview: '1'}}, {query: '?preview=2&preview=1'}, null],
  ['a parameter, decoded', {query: {'a b': 'é é'}}, {query: '?a%20b=%C3%A9+%c3%a9'}, null],
  ['an escape that is none', {query: {a: '%zz'}}, {query: '?a=%zz'}, null],
  ['a parameter that is there', {query: {preview: ''}}, {query: '?preview'}, null],
  ['no query', {query: {preview: ''}}, {}, 'query'],
  ['all kinds', {methods: ['GET'], headers: {a: '1'}, query: {b: '2'}}, {fields: ['a: 1'], query: '?b=2'}, null],
  ['all kinds but one', {methods: ['GET'], headers: {a: '1'}, query: {b: '2'}}, {fields: ['a: 1']}, 'query'],
]

for (const [name, when, {method = 'GET', fields = [], query = ''}, unmet] of CASES) {
  test(`${name}: ${unmet === null ? 'holds' : 'does not hold'}`, () => {
    const lines = fields.map(line => `${line}\r\n`).join('')
    assert.is(unmetBy(compileCondition(when), method, lines, query), unmet)
  })
}

test('the first variant that holds takes the request, and none leaves it to the route', () => {
  const variants = [{a: '1'}, {b: '1'}, {b: '1'}].map((headers, index): Variant => {
    const action = {kind: 'forward', pool: String(index)} as const
    return {name: String(index), when: compileCondition({headers} as RouteCondition), action}
  })
  assert.is(chooseVariant(variants, 'GET', 'b: 1\r\n', ''), 1)
  assert.is(chooseVariant(variants, 'GET', 'b: 1\r\na: 1\r\n', ''), 0)
  assert.is(chooseVariant(variants, 'GET', 'c: 1\r\n', ''), -1)
  assert.is(chooseVariant([], 'GET', 'c: 1\r\n', ''), -1)
})

// Quadratic, this would take minutes.
test('a long run of white space costs what it is long', () => {
  const fields = `x-beta: a${' '.repeat(1 << 20)}b\r\ncookie: beta=a${' '.repeat(1 << 20)}b\r\n`
  const when = compileCondition({headers: {'x-beta': 'c'}})
  const cookies = compileCondition({cookies: {beta: 'c'}})
  const began = performance.now()
  assert.is(unmetBy(when, 'GET', fields, ''), 'headers')
  assert.is(unmetBy(cookies, 'GET', fields, ''), 'cookies')
  assert.ok(performance.now() - began < 10_000)
})

test.run()
