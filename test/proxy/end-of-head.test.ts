// The end of a head is found where Buffer.indexOf finds it, whatever CRs and LFs stand around it.

import {test} from 'uvu'
import * as assert from 'uvu/assert'
import {endOfHead} from '../../src/proxy/http1/bytes.ts'
import {createRandom} from '../fuzz/random.ts'

const ROUNDS = 20_000

test('the first CRLF CRLF is found from any position, in any mess of CR, LF and letters', () => {
  const random = createRandom(7)
  let found = 0
  for (let round = 0; round < ROUNDS; round++) {
    const bytes = Buffer.from(Array.from({length: random.below(24)}, () => '\r\n\r\nab'.charCodeAt(random.below(6))))
    const from = random.below(5)
    const expected = bytes.indexOf('\r\n\r\n', from)
    assert.is(endOfHead(bytes, from), expected < 0 ? -1 : expected + 4, JSON.stringify([bytes.toString(), from]))
    if (expected >= 0) found++
  }
  assert.ok(found > ROUNDS / 50, `${found} of ${ROUNDS} had one`)
})

test.run()
