// The formats that other programs read, held against what they publish about them. The SARIF schema is in test/schemas;
// for JUnit the rules of github.com/windyroad/JUnit-Schema stand below as a table, because nothing here reads XSD.

import {readFileSync} from 'node:fs'
import {join} from 'node:path'
import {Validator} from '@cfworker/json-schema'
import {test} from 'uvu'
import * as assert from 'uvu/assert'
import {fileCases, renderCodeQuality, renderSarif} from '../../src/cli/render-findings.ts'
import {renderJunit} from '../../src/cli/render-junit.ts'
import type {Diagnostic} from '../../src/control/config/diagnostic.ts'
import {type Element, readXml} from '../helpers/xml.ts'

const FOUND: Diagnostic = {
  rule: 'unknown-key',
  severity: 'error',
  file: 'routes.d/ä b,100%.yaml',
  line: 4,
  column: 3,
  endLine: 4,
  endColumn: 8,
  path: '/0/targt',
  message: 'unknown key "targt": <b> & \u0007\ud800',
  hint: 'Did you mean "target"?',
  excerpt: '  targt: http://a\n  ^^^^^',
}
const WARNING: Diagnostic = {...FOUND, rule: 'shadowed', severity: 'warning', file: '/etc/routes.d/x.yaml', hint: null}

const schema = JSON.parse(
  readFileSync(join(import.meta.dirname, '../schemas/sarif-2.1.0-rtm.5.json'), 'utf8'),
) as object
const sarif = new Validator(schema, '4', false)

test('SARIF is valid against its schema, also with nothing to say', () => {
  for (const found of [[], [FOUND, WARNING, FOUND]]) {
    const log: unknown = JSON.parse(renderSarif(found, '1.2.3'))
    assert.equal(sarif.validate(log).errors, [])
  }
  const wrong: unknown = JSON.parse(renderSarif([FOUND], '1.2.3').replace('"level": "error"', '"level": "bad"'))
  assert.not(sarif.validate(wrong).valid, 'the schema refuses a level that there is not')
})

test('SARIF names the place as a URI and tells findings apart', () => {
  const [run] = (JSON.parse(renderSarif([FOUND, WARNING, FOUND], '1.2.3')) as {runs: Run[]}).runs
  const places = run?.results.map(({locations}) => locations[0]?.physicalLocation)
  assert.equal(places?.[0], {
    artifactLocation: {uri: 'routes.d/%C3%A4%20b%2C100%25.yaml'},
    region: {startLine: 4, startColumn: 3, endLine: 4, endColumn: 8},
  })
  assert.is(places?.[1]?.artifactLocation.uri, 'file:///etc/routes.d/x.yaml')
  assert.equal(
    run?.results.map(({ruleId, ruleIndex, level}) => [ruleId, run.tool.driver.rules[ruleIndex]?.id, level]),
    [
      ['unknown-key', 'unknown-key', 'error'],
      ['shadowed', 'shadowed', 'warning'],
      ['unknown-key', 'unknown-key', 'error'],
    ],
  )
  assert.is(new Set(run?.results.map(({partialFingerprints}) => partialFingerprints['routesd/v1'])).size, 3)
})

test('Code Quality has what GitLab asks for', () => {
  const issues = JSON.parse(renderCodeQuality([FOUND, WARNING])) as Record<string, unknown>[]
  assert.equal(
    issues.map(({description, check_name, severity, location}) => ({description, check_name, severity, location})),
    [
      {
        description: `${FOUND.message}\nDid you mean "target"?`,
        check_name: 'unknown-key',
        severity: 'major',
        location: {path: 'routes.d/ä b,100%.yaml', lines: {begin: 4, end: 4}},
      },
      {
        description: FOUND.message,
        check_name: 'shadowed',
        severity: 'minor',
        location: {path: '/etc/routes.d/x.yaml', lines: {begin: 4, end: 4}},
      },
    ],
  )
  assert.equal([...new Set(issues.map(({fingerprint}) => typeof fingerprint))], ['string'])
  // A line above moves the finding and does not make it another one.
  const moved = JSON.parse(renderCodeQuality([{...FOUND, line: 9, endLine: 9}])) as Record<string, unknown>[]
  assert.is(moved[0]?.['fingerprint'], issues[0]?.['fingerprint'])
})

test('JUnit keeps to its schema', () => {
  const cases = fileCases(['routes.d/good.yaml', FOUND.file], [FOUND, {...FOUND, line: 5}, WARNING])
  for (const list of [[], cases]) {
    const root = readXml(renderJunit('routesd check', list, 'a < b\u0000', new Date('2026-01-02T03:04:05.678Z')))
    assert.equal(breaches(root), [])
  }
  const suite = readXml(renderJunit('routesd check', cases, '', new Date('2026-01-02T03:04:05.678Z'))).children[0]
  const {tests, failures, timestamp} = suite?.attributes ?? {}
  assert.equal([tests, failures, timestamp], ['2', '1', '2026-01-02T03:04:05'])
  const [good, bad] = suite?.children.filter(({name}) => name === 'testcase') ?? []
  assert.equal([good?.attributes['name'], good?.children.length], ['routes.d/good.yaml', 0])
  assert.is(bad?.children[0]?.attributes['message'], 'unknown key "targt": <b> & \ufffd\ufffd')
  assert.match(bad?.children[0]?.text ?? '', /^routes\.d\/ä b,100%\.yaml:4:3: error unknown-key: .*\n.*:5:3: error/)
})

test.run()

// ---

type Run = {
  tool: {driver: {rules: {id: string}[]}}
  results: {
    ruleId: string
    ruleIndex: number
    level: string
    locations: {physicalLocation: {artifactLocation: {uri: string}; region: object}}[]
    partialFingerprints: Record<string, string>
  }[]
}

/** Element → its attributes ('!' for those that must be there) and its children, in order. */
const JUNIT: Readonly<
  Record<string, {attributes: readonly string[]; children: readonly string[]; must: readonly string[]}>
> = {
  testsuites: {attributes: [], children: ['testsuite'], must: []},
  testsuite: {
    attributes: [
      '!id',
      '!package',
      '!name',
      '!timestamp',
      '!hostname',
      '!tests',
      '!failures',
      '!errors',
      '!time',
      'skipped',
    ],
    children: ['properties', 'testcase', 'system-out', 'system-err'],
    must: ['properties', 'system-out', 'system-err'],
  },
  properties: {attributes: [], children: ['property'], must: []},
  testcase: {attributes: ['!name', '!classname', '!time'], children: ['skipped', 'error', 'failure'], must: []},
  failure: {attributes: ['!type', 'message'], children: [], must: []},
  'system-out': {attributes: [], children: [], must: []},
  'system-err': {attributes: [], children: [], must: []},
}

function breaches({name, attributes, children}: Element): string[] {
  const rule = JUNIT[name]
  if (!rule) return [`there is no element ${name}`]
  const names = Object.keys(attributes)
  const missing = rule.attributes.filter(entry => entry.startsWith('!') && !names.includes(entry.slice(1)))
  const unknown = names.filter(entry => !rule.attributes.includes(entry) && !rule.attributes.includes(`!${entry}`))
  const places = children.map(child => rule.children.indexOf(child.name))
  const isInOrder = places.every((place, index) => place >= 0 && place >= (places[index - 1] ?? 0))
  const lacking = rule.must.filter(entry => children.filter(child => child.name === entry).length !== 1)
  const timestamp = attributes['timestamp'] ?? '2026-01-02T03:04:05'
  return [
    ...[...missing, ...unknown, ...lacking].map(entry => `${name}: ${entry}`),
    ...(isInOrder ? [] : [`${name}: children out of order`]),
    ...(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d$/.test(timestamp) ? [] : [`${name}: timestamp`]),
    ...(name === 'testcase' && children.length > 1 ? ['testcase: more than one outcome'] : []),
    ...children.flatMap(breaches),
  ]
}
