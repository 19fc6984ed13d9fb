// Ratios hold on any machine; absolute figures are in docs/benchmarks.md.

import {test} from 'uvu'
import * as assert from 'uvu/assert'
import {matchCost} from './micro.ts'

test('a match among 100,000 routes costs at most twice one among 10', () => {
  const few = matchCost(10)
  const many = matchCost(100_000)
  assert.ok(many <= 2 * few, `${few.toFixed(0)} ns among 10, ${many.toFixed(0)} ns among 100,000`)
})

test.run()
