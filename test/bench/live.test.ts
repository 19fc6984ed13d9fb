// Load, changes, orders, the terminal UI and readers of events together, at rates that any machine can bear. That a reader
// who never reads is dropped takes a megabyte: admin/server.test.ts. Figures are in docs/benchmarks.md.

import {test} from 'uvu'
import * as assert from 'uvu/assert'
import {live} from './live.ts'

test('under load and changes every answer is right, no event is missing, and the screen ends with what is true', async () => {
  const seen = await live({seconds: 3, rate: 200, edits: 40, orders: 20})
  for (const {answers, failures} of [seen.before, seen.during, seen.after]) {
    assert.is(failures, 0)
    assert.ok(answers > 0)
  }
  assert.ok(seen.edits > 0 && seen.orders > 0)
  assert.is(seen.reader.gaps, 0)
  // Each revision is an event; orders that come together are one.
  assert.ok(
    seen.reader.revisions.size > 1 && seen.reader.events > seen.reader.revisions.size,
    JSON.stringify(seen.reader),
  )
  assert.ok(seen.tui === null || seen.tui.isRightAtTheEnd)
})

test.run()
