// How much goes through now, from the wire to what an operator is told.

import {test} from 'uvu'
import * as assert from 'uvu/assert'
import type {EventBody} from '../../src/admin/protocol.ts'
import {exchange, getAndClose} from '../helpers/client.ts'
import {command} from '../helpers/command.ts'
import {daemonIn} from '../helpers/daemon.ts'
import {withFolder} from '../helpers/folder.ts'
import {until} from '../helpers/until.ts'

test(
  'status and events tell requests, errors and latencies of the last seconds, also of requests that no route takes',
  withFolder(async folder => {
    await folder.write({
      'routes.d/a.yaml': '- {id: x.localhost, respond: {status: 503, body: no}}\n',
    })
    const {port, operations} = await daemonIn(folder)
    const events: EventBody[] = []
    folder.scope.defer(operations.subscribe(event => events.push(event)))
    assert.equal([operations.status().latency, operations.status().traffic?.requestsPerSecond], [null, 0])
    await exchange(folder.scope, port, getAndClose('/'))
    await exchange(folder.scope, port, 'GET / HTTP/1.1\r\nHost: nobody.example\r\nConnection: close\r\n\r\n')
    const told = await until('both to be told', () => {
      const looks = events.filter(event => event.type === 'traffic')
      const sum = (rate: 'requestsPerSecond' | 'errorsPerSecond') =>
        Math.round(looks.reduce((total, {traffic}) => total + (traffic[rate] * traffic.overMs) / 1000, 0))
      return sum('requestsPerSecond') === 2 ? {errors: sum('errorsPerSecond'), last: looks.at(-1)} : null
    })
    assert.is(told.errors, 1)
    assert.ok((told.last?.latency?.p99Ms ?? 0) > 0)
    const {traffic, latency} = operations.status()
    assert.ok((traffic?.requestsPerSecond ?? 0) > (traffic?.errorsPerSecond ?? 0) && latency)
    const {stdout} = await command(['status'], {cwd: folder.path})
    assert.match(stdout, /^traffic +\d+\.\d requests\/s, \d+\.\d errors\/s, p50 \d+\.\dms, p99 \d+\.\dms$/m)
  }),
)

test.run()
