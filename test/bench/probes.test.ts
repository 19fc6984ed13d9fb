// A guard against a change that makes probes many times dearer, not a measurement: see docs/benchmarks.md.

import {test} from 'uvu'
import * as assert from 'uvu/assert'
import {measureProbes} from './probes.ts'

/** Microseconds of processor time that one took when this was written. */
const MEASURED_US = 110

test('a probe costs less than five times what was measured', async () => {
  const {usPerProbe} = await measureProbes(500, 500, 2)
  assert.ok(usPerProbe < 5 * MEASURED_US, `${usPerProbe.toFixed(0)} us`)
})

test.run()
