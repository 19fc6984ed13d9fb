// Ratios hold on any machine; absolute figures are in docs/benchmarks.md.

import {test} from 'uvu'
import * as assert from 'uvu/assert'
import {matchCost} from './micro.ts'

/** As many as a table of ten routes has: with more, the larger table would be charged for the size of the processor's caches. */
const HOSTS_ASKED = 2
/** Runs of both; a neighbour that takes the processor's cache during one of them is no fault of the router. */
const RUNS = 3

test('a match among 100,000 routes costs at most twice one among 10', () => {
  const ratios = Array.from({length: RUNS}, () => matchCost(100_000, HOSTS_ASKED) / matchCost(10, HOSTS_ASKED))
  assert.ok(Math.min(...ratios) <= 2, `${ratios.map(ratio => ratio.toFixed(2)).join(', ')} times`)
})

test.run()
