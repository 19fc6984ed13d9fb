// What is said of an instance when several things are true of it at once.

import {test} from 'uvu'
import * as assert from 'uvu/assert'
import type {Lease} from '../../src/admin/protocol.ts'
import {type CheckVerdict, observe} from '../../src/control/instance-state.ts'
import {listMembers} from '../../src/router/member-list.ts'
import type {MemberState, Resolved} from '../../src/snapshot/data-plane.ts'
import {compiled} from '../helpers/written.ts'

const LEASE: Lease = {id: '', since: '', until: '2026-01-01T00:10:00.000Z', who: 'ada', why: 'new version'}
const WELL: MemberState = {isDown: false, isDrained: false, isEjected: false, ejectedForMs: 0}
const FOUND: Resolved = {addresses: ['10.0.0.1'], reason: ''}
const GONE: Resolved = {addresses: [], reason: 'app: ENOTFOUND'}
const KEPT: Resolved = {addresses: ['10.0.0.1'], reason: 'app: ESERVFAIL, last answer kept'}

type Facts = {
  readonly written?: string
  readonly lease?: Lease
  readonly weighed?: number
  readonly member?: Partial<MemberState>
  readonly name?: Resolved | null
  readonly verdict?: CheckVerdict | null
}

function observed({written = '', lease, weighed, member = {}, name = FOUND, verdict}: Facts) {
  const services = `services: [{slug: s, instances: [{url: "http://app:1"${written}}, "http://10.0.0.9:1"]}]`
  const [first] = listMembers(compiled({'a.yaml': `routes: [{id: x.localhost, service: s}]\n${services}\n`}))
  if (!first) throw new Error('no member')
  const check = verdict === undefined ? null : 'check'
  return observe(
    {...first, member: {...first.member, check}},
    {
      plane: {memberState: () => ({...WELL, ...member}), addressesOf: () => name},
      drainOf: () => lease ?? null,
      weightOf: () => (weighed === undefined ? null : {...LEASE, weight: weighed}),
      verdictOf: () => verdict ?? null,
    },
  )
}

const down: CheckVerdict = {state: 'down', reason: 'GET /health: 503'}
const CASES: readonly (readonly [string, Facts, state: string, isUsable: boolean, reason: string])[] = [
  ['well', {}, 'up', true, ''],
  ['weighed', {weighed: 5}, 'up', true, 'weighs 5 by ada until 2026-01-01T00:10:00.000Z: new version'],
  [
    'weighed to nothing',
    {weighed: 0, written: ', weight: 0'},
    'up',
    false,
    'weighs 0 by ada until 2026-01-01T00:10:00.000Z: new version',
  ],
  ['drained', {lease: LEASE}, 'draining', false, 'drained by ada until 2026-01-01T00:10:00.000Z: new version'],
  [
    'drained and down',
    {lease: LEASE, member: {isDown: true}, verdict: down},
    'draining',
    false,
    'drained by ada until 2026-01-01T00:10:00.000Z: new version',
  ],
  [
    'drained by nobody known',
    {lease: {...LEASE, who: '', why: ''}},
    'draining',
    false,
    'drained until 2026-01-01T00:10:00.000Z',
  ],
  [
    'ejected',
    {member: {isEjected: true, ejectedForMs: 11_200}},
    'ejected',
    false,
    'failed too often, left out for another 12s',
  ],
  ['ejected and down', {member: {isEjected: true, isDown: true}}, 'ejected', false, 'failed too often'],
  [
    'drained and ejected',
    {lease: {...LEASE, who: '', why: ''}, member: {isEjected: true}},
    'draining',
    false,
    'drained until 2026-01-01T00:10:00.000Z',
  ],
  ['written as down', {written: ', down: true'}, 'down', false, 'marked as down where it is written'],
  ['found down', {member: {isDown: true}, verdict: down}, 'down', false, 'GET /health: 503'],
  ['not to be used before its first check', {member: {isDown: true}, verdict: null}, 'down', false, 'its check fails'],
  ['a name that does not resolve', {name: GONE}, 'down', false, 'app: ENOTFOUND'],
  ['a name that did resolve once', {name: KEPT}, 'up', true, 'app: ESERVFAIL, last answer kept'],
  ['a name that nobody has answered yet', {name: null}, 'unknown', false, 'app has not been resolved yet'],
  ['not checked yet', {verdict: {state: 'unknown', reason: 'no answer yet'}}, 'unknown', true, 'no answer yet'],
  ['up, and one check has failed', {verdict: {state: 'up', reason: '1 check failed'}}, 'up', true, '1 check failed'],
  ['checked and well', {verdict: {state: 'up', reason: ''}}, 'up', true, ''],
  ['without a weight', {written: ', weight: 0'}, 'up', false, 'its weight is 0'],
  ['a backup', {written: ', backup: true'}, 'up', true, ''],
]

for (const [what, facts, state, isUsable, reason] of CASES) {
  test(what, () => assert.equal(observed(facts), {state, reason, isUsable}))
}

test.run()
