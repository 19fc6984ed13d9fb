import {test} from 'uvu'
import * as assert from 'uvu/assert'
import {parseText} from '../../../src/control/config/documents.ts'
import {entriesOf} from '../../../src/control/config/entries.ts'
import {readSimpleRoutes} from '../../../src/control/config/simple-routes.ts'
import {createRandom, type Random} from '../../fuzz/random.ts'

const TEXTS = 40_000

test('a list of flat routes is read as people write it', () => {
  const text = `# yaml-language-server: $schema=x\n\n- id: "x.localhost"  \n  target: 'http://a:1'\n# note\n- id: y.localhost/app\n  target: http://b:2/base\n`
  assert.equal(readSimpleRoutes(text), [
    {value: {id: 'x.localhost', target: 'http://a:1'}, line: 3},
    {value: {id: 'y.localhost/app', target: 'http://b:2/base'}, line: 6},
  ])
})

for (const [why, text] of [
  ['a nested value', '- id: a\n  timeouts: {connect: 1s}\n'],
  ['a key on the dash line of a mapping of mappings', '- id:\n    x: 1\n'],
  ['a comment behind a value', '- id: a # b\n'],
  ['an escape', '- id: "a\\n"\n'],
  ['a quote within quotes', "- id: 'it''s'\n"],
  ['a word that is no text', '- id: true\n'],
  ['a number', '- id: 10\n'],
  ['a key twice', '- id: a\n  id: b\n'],
  ['another indentation', '-  id: a\n   target: b\n'],
  ['a tab', '- id:\ta\n'],
  ['CRLF', '- id: a\r\n'],
  ['a document marker', '---\n- id: a\n'],
  ['a directive', '%YAML 1.1\n---\n- id: a\n'],
  ['an anchor', '- id: &a b\n'],
  ['a mapping', 'routes:\n  - id: a\n'],
  ['a key before the first item', '  id: a\n'],
  ['nothing', '# empty\n'],
] as const) {
  test(`${why} is left to the parser`, () => assert.is(readSimpleRoutes(text), null))
}

test('whatever is read here, the parser reads alike', () => {
  const random = createRandom(20261121)
  let read = 0
  for (let i = 0; i < TEXTS; i++) {
    const text = textOf(random)
    const simple = readSimpleRoutes(text)
    if (simple === null) continue
    read++
    const parsed = parseText(text)
    assert.equal(parsed.problems, [], JSON.stringify(text))
    const entries = entriesOf(parsed).map(({kind, value, line, pointer}) => ({kind, value, line, pointer}))
    const expected = simple.map(({value, line}, index) => ({kind: 'route', value, line, pointer: `/${index}`}))
    // An entry is a route when it has an id, or stands in a list.
    assert.equal(entries, expected, JSON.stringify(text))
  }
  assert.ok(read > TEXTS / 10, `only ${read} of ${TEXTS} texts were simple`)
})

test.run()

// ---

const VALUES = [
  'x.localhost',
  '"x.localhost"',
  "'x'",
  'http://a:1',
  '"http://a:1/#x"',
  'a:b',
  'a::b',
  'a:',
  'a/b%2F',
  'yes',
  'no',
  'on',
  'y',
  'true',
  'null',
  'Null',
  'nuLL',
  'e1',
  'x1e5',
  '""',
  "''",
  '" "',
  '"- a: b"',
  '"# c"',
  "'a: b'",
  "'#'",
  '"a\\"',
  '1',
  '0x1',
  'a b',
  'a #b',
  'a#b',
  '{a',
  '[a',
  '&a',
  '*a',
  '!a',
  '|',
  '>',
  '@a',
  '`a',
  '-',
  '- a',
  '?',
  'a@b',
  'a+b',
  '~',
  'a~',
  '.inf',
  'a.',
  'é',
] as const
const KEYS = [
  'id',
  'target',
  'service',
  'a',
  'aB',
  '__proto__',
  'constructor',
  'toString',
  'id ',
  '"id"',
  'A',
  'i-d',
  '<<',
] as const
const LINES = [
  '',
  '   ',
  '# comment',
  '  # comment',
  '#',
  '---',
  '...',
  '%TAG ! a',
  '\t',
  '- ',
  '-',
  '- a',
  '  a',
  'a: b',
] as const

function textOf(random: Random): string {
  const lines: string[] = []
  const count = 1 + random.below(6)
  for (let i = 0; i < count; i++) {
    if (random.chance(0.08)) lines.push(random.pick(LINES))
    const isItem = i === 0 || random.chance(0.4)
    const lead = random.chance(0.02) ? random.pick(['-  ', '   ', ' ', '-']) : isItem ? '- ' : '  '
    const key = random.chance(0.9) ? random.pick(KEYS.slice(0, 5)) : random.pick(KEYS)
    const colon = random.chance(0.97) ? ': ' : random.pick([':', ':  ', ' : ', ':\t'])
    const tail = random.chance(0.95) ? '' : random.pick([' ', '  ', ' # c', '\t', '#'])
    const value = random.chance(0.8) ? random.pick(VALUES.slice(0, 16)) : random.pick(VALUES)
    lines.push(lead + key + colon + value + tail)
  }
  return lines.join('\n') + (random.chance(0.9) ? '\n' : '')
}
