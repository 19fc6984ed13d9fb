// A guard against a change that makes reloads many times dearer, not a measurement: see docs/benchmarks.md.

import {test} from 'uvu'
import * as assert from 'uvu/assert'
import {measureReloads} from './reload.ts'

/** What a commit of one line among 10,000 routes may cost all threads, and the most that it may hold up a worker. */
const CPU_MS = 100
const PAUSE_MS = 10

test('a reload costs less than five times what it may', async () => {
  const {reloads, idle} = await measureReloads({
    routes: 10_000,
    files: 2_500,
    serve: 'commit',
    bare: true,
    rounds: 3,
    load: false,
  })
  const cpuMs = Math.min(...reloads.map(reload => reload.cpuMs)) - idle.cpuMs
  const pauseMs = Math.min(...reloads.map(reload => reload.pauseMs))
  assert.ok(cpuMs < 5 * CPU_MS, `${cpuMs.toFixed(0)} ms`)
  assert.ok(pauseMs < 5 * PAUSE_MS, `${pauseMs.toFixed(1)} ms`)
})

test.run()
