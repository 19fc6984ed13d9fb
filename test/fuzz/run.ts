// Runs the fuzzers one after the other, each for the same time.
//
//   node test/fuzz/run.ts [--seconds 10] [--seed N] [--only differential|responses|split|desync|frames]
//
// Exit code: 0 nothing found, 1 findings, 2 usage. The seed repeats the inputs; over sockets the timing is another each time.

import {parseArgs} from 'node:util'
import {FUZZERS, linesOf} from './fuzzers.ts'

process.exitCode = await run()

// ---

async function run(): Promise<number> {
  const {values} = parseArgs({options: {seconds: {type: 'string'}, seed: {type: 'string'}, only: {type: 'string'}}})
  const seconds = Number(values.seconds ?? 10)
  const seed = Number(values.seed ?? Date.now() % 2 ** 31)
  const names = values.only === undefined ? Object.keys(FUZZERS) : [values.only]
  if (!(seconds > 0) || !Number.isInteger(seed) || names.some(name => !FUZZERS[name])) {
    console.error(`usage: node test/fuzz/run.ts [--seconds N] [--seed N] [--only ${Object.keys(FUZZERS).join('|')}]`)
    return 2
  }
  console.log(`seed ${seed}, ${seconds} s each`)
  let found = 0
  for (const name of names) {
    const report = await FUZZERS[name]?.({seconds, seed})
    if (!report) continue
    found += report.findings.length
    for (const line of linesOf(report, seed)) console.log(line)
  }
  console.log(found === 0 ? 'nothing found' : `${found} findings, seed ${seed}`)
  return found === 0 ? 0 : 1
}
