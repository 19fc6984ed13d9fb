import {test} from 'uvu'
import * as assert from 'uvu/assert'
import type {Condition, Lease} from '../../src/admin/protocol.ts'
import {
  addCondition,
  describeDrains,
  describeUnusable,
  describeWeights,
  joinHealth,
} from '../../src/control/instance-conditions.ts'
import {compiled} from '../helpers/written.ts'

const lease = (id: string, since = 1): Lease => ({
  id,
  since: `2026-01-01T00:00:0${since}.000Z`,
  until: '2026-01-01T01:00:00.000Z',
  who: 'ada',
  why: '',
})
const condition = (type: string, message: string): Condition => ({
  type,
  status: 'True',
  reason: `Because${type}`,
  message,
  since: '2025-12-31T00:00:00.000Z',
  revision: null,
})

test('drains are told with their ends, those of instances that are gone apart, since the oldest began', () => {
  const told = describeDrains(
    [lease('a@1:1', 2), lease('b@1:1', 1), lease('gone@1:1', 3)],
    id => !id.startsWith('gone'),
  )
  assert.is(
    told.message,
    '2 instances are drained by an operator: a@1:1 until 2026-01-01T01:00:00.000Z by ada, b@1:1 until 2026-01-01T01:00:00.000Z by ada; ' +
      '1 instance is drained and is not in the configuration any more: gone@1:1 until 2026-01-01T01:00:00.000Z by ada',
  )
  assert.is(told.since, '2026-01-01T00:00:01.000Z')
})

test('weights that an operator has given are told with what they are', () => {
  const weights = [
    {...lease('a@1:1'), weight: 0},
    {...lease('gone@1:1'), weight: 5},
  ]
  const told = describeWeights(weights, id => !id.startsWith('gone'))
  assert.equal([told.type, told.reason], ['Drift', 'Reweighted'])
  assert.is(
    told.message,
    '1 instance has another weight by an operator: a@1:1 weighs 0 until 2026-01-01T01:00:00.000Z by ada; ' +
      '1 instance has another weight and is not in the configuration any more: gone@1:1 weighs 5 until 2026-01-01T01:00:00.000Z by ada',
  )
})

test('a hundred of a kind are not all named', () => {
  const leases = Array.from({length: 100}, (_, index) => lease(`a@1:${index}`))
  assert.match(describeDrains(leases, () => true).message, /^100 instances are drained .* and 95 more$/)
  const routes = Array.from({length: 8}, (_, index) => `{id: x.localhost/${index}, target: "http://a${index}"}`)
  const {pools} = compiled({'a.yaml': `[${routes.join(', ')}]\n`})
  assert.is(
    describeUnusable(pools),
    'http://a0, http://a1, http://a2, http://a3, http://a4 and 3 more have no usable instance',
  )
  assert.is(describeUnusable(pools.slice(0, 1)), 'http://a0 has no usable instance')
  assert.is(describeUnusable([]), '')
})

test('of each type there is one condition, which says all', () => {
  const drift = condition('Drift', 'git is busy')
  const other = condition('StateUnwritable', 'full')
  const drained = condition('Drift', '1 instance is drained')
  assert.equal(addCondition([drift, other], null), [drift, other])
  assert.equal(addCondition([other], drained), [other, drained])
  assert.equal(addCondition([drift, other], drained), [
    {...drift, message: 'git is busy; 1 instance is drained'},
    other,
  ])
})

test('health is well only when both are', () => {
  const well = {state: 'Healthy', message: ''} as const
  const bad = (message: string) => ({state: 'Degraded', message}) as const
  assert.equal(joinHealth(well, well), well)
  assert.equal(joinHealth(bad('a'), well), bad('a'))
  assert.equal(joinHealth(well, bad('b')), bad('b'))
  assert.equal(joinHealth(bad('a'), bad('b')), bad('a; b'))
})

test.run()
