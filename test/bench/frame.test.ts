// A frame builds the rows on the screen and no others. The figure is 10 ms (docs/benchmarks.md), and five times as much is
// left for a machine with other work.

import {test} from 'uvu'
import * as assert from 'uvu/assert'
import {frameCost} from './frame.ts'

const MS_MAX = 50

test('a frame with 10,000 routes costs at most 50 ms, and not three times one with 40', () => {
  const [few, many] = [frameCost(40), frameCost(10_000)]
  assert.ok(many <= MS_MAX, `${many.toFixed(1)} ms`)
  assert.ok(many <= 3 * few, `${many.toFixed(1)} ms, with 40 routes ${few.toFixed(1)} ms`)
})

test.run()
