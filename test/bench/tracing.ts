// What spans cost: CPU microseconds per request of the whole proxy, exporter included, beside itself without tracing. The
// collector takes batches and throws them away.
//
//   node test/bench/tracing.ts [--rounds 5] [--seconds 3]

import {createServer} from 'node:http'
import type {AddressInfo} from 'node:net'
import {parseArgs} from 'node:util'
import {endToEnd} from './end-to-end.ts'

const {values} = parseArgs({options: {rounds: {type: 'string', default: '5'}, seconds: {type: 'string', default: '3'}}})

const collector = createServer((request, response) => {
  request.resume().on('end', () => response.end('{}'))
})
await new Promise<void>(resolve => collector.listen(0, '127.0.0.1', resolve))
const {port} = collector.address() as AddressInfo
const proxies = ['ours', 'ours, tracing 0%', 'ours, tracing 10%', 'ours, tracing 100%']
const measured = await endToEnd(Number(values.rounds), Number(values.seconds), proxies, port)
collector.close()
collector.closeAllConnections()
const off = measured.find(({name}) => name === 'ours')?.us ?? Number.NaN
for (const {name, us} of measured)
  console.log(
    `${name.padEnd(20)} ${us.toFixed(1).padStart(8)} us of CPU per request   ${(us / off).toFixed(2).padStart(6)} x off`,
  )
