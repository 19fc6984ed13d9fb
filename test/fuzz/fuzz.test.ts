import {test} from 'uvu'
import * as assert from 'uvu/assert'
import {hasOpenssl} from '../helpers/certificates.ts'
import {FUZZERS, linesOf} from './fuzzers.ts'

// A fixed seed, so that a failure in CI is the same failure at home; `npm run fuzz` takes others, and more time.
const SEED = 20261121
const SECONDS = 2.5

/** Fewer inputs would mean that a fuzzer has stopped to do its work. */
const INPUTS_MIN: Readonly<Record<string, number>> = {
  differential: 10_000,
  responses: 10_000,
  split: 500,
  desync: 200,
  frames: 50,
}

if (!hasOpenssl) console.log('SKIP frames of HTTP/2: openssl is missing')
for (const [name, fuzz] of Object.entries(FUZZERS)) {
  const check = name === 'frames' && !hasOpenssl ? test.skip : test
  check(`the ${name} fuzzer finds nothing`, async () => {
    const report = await fuzz({seconds: SECONDS, seed: SEED})
    if (report.findings.length > 0) assert.unreachable(linesOf(report, SEED).join('\n'))
    assert.ok(report.inputs >= (INPUTS_MIN[name] ?? 1), `only ${report.inputs} inputs`)
  })
}

test.run()
