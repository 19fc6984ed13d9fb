// The figure is 1 us (docs/benchmarks.md); five times as much is left for a machine with other work.

import {test} from 'uvu'
import * as assert from 'uvu/assert'
import {BALANCES, nameOf, pickCost} from './micro.ts'

const NS_MAX = 5_000

for (const balance of BALANCES) {
  test(`a pick among 300 busy instances costs at most 5 us: ${nameOf(balance)}`, () => {
    const ns = pickCost(balance, 300)
    assert.ok(ns <= NS_MAX, `${ns.toFixed(0)} ns`)
  })
}

test.run()
