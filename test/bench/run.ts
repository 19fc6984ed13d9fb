// `npm run bench`: single steps, then the whole way through beside node:http and http-proxy.
//
//   --rounds N (3) --seconds N (3)

import {parseArgs} from 'node:util'
import {endToEnd} from './end-to-end.ts'
import {microBenchmarks} from './micro.ts'

const {values} = parseArgs({options: {rounds: {type: 'string', default: '3'}, seconds: {type: 'string', default: '3'}}})

for (const [name, ns] of microBenchmarks()) console.log(`${name.padEnd(48)} ${ns.toFixed(0).padStart(7)} ns`)
console.log()
const measured = await endToEnd(Number(values.rounds), Number(values.seconds))
const ours = measured.find(({name}) => name === 'ours')?.us ?? Number.NaN
for (const {name, us} of measured) {
  console.log(
    `${name.padEnd(18)} ${us.toFixed(1).padStart(8)} us of CPU per request   ${(us / ours).toFixed(2).padStart(6)} x ours`,
  )
}
