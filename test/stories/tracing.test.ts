// Tracing as an operator sets it up: a line in routesd.yaml, a collector, and the same id in log, span and instance.

import {readFileSync} from 'node:fs'
import {test} from 'uvu'
import * as assert from 'uvu/assert'
import {answerOf, exchange} from '../helpers/client.ts'
import {collectorOf} from '../helpers/collector.ts'
import {daemonIn} from '../helpers/daemon.ts'
import {readExposition} from '../helpers/exposition.ts'
import {withFolder} from '../helpers/folder.ts'
import {recorderOf} from '../helpers/recorder.ts'
import {messageOf, requestFor} from '../helpers/written.ts'

test(
  'what was asked of the daemon is with the collector when it has ended, under the id that the log and the instance have',
  withFolder(async folder => {
    const [collector, origin] = [await collectorOf(folder.scope), await recorderOf(folder.scope)]
    await folder.write({
      token: 'Bearer 123\n',
      'routes.d/a.yaml': `- {id: x.localhost, target: "${origin.url}"}\n- {id: x.localhost/here, respond: {status: 204}}\n`,
    })
    const base = collector.url.replace('/v1/traces', '')
    const daemon = await daemonIn(folder, {
      settings: `tracing: {otlp: {url: "${base}", headers: {authorization: {file: token}}}, sample: 100%, service: edge}
log: {access: ./access.log}
admin: {http: "127.0.0.1:0"}
`,
    })
    const metrics = daemon.operations.status().metrics?.split(':').at(-1)
    for (const path of ['/', '/here']) await exchange(folder.scope, daemon.port, requestFor(`x.localhost${path}`))
    const scraped = await exchange(folder.scope, Number(metrics), requestFor('localhost/metrics'))
    const told = readExposition(answerOf(scraped).body)
    assert.is(told.value('routesd_trace_spans_exported_total', {result: 'failed'}), 0)
    assert.is(told.value('routesd_trace_spans_dropped_total', {}), 0)
    await daemon.stop()

    assert.equal([collector.violations, collector.spans.length], [[], 3])
    assert.is(collector.requests[0]?.headers.authorization, 'Bearer 123')
    assert.is(collector.resource()['service.name'], 'edge')
    // Of two workers, each may have had one of the requests.
    const named = (name: string) => collector.spans.find(span => span.name === name)
    const [server, here] = [named('GET x.localhost'), named('GET x.localhost/here')]
    const client = collector.spans.find(({parentSpanId}) => parentSpanId === server?.spanId)
    assert.ok(server && here && client)
    assert.is(server?.attributes['routesd.revision'], daemon.operations.status().revision.applied)
    const [sent = ''] = messageOf(origin.requests[0] ?? '').values('traceparent')
    assert.is(sent, `00-${server?.traceId}-${client?.spanId}-01`)
    const lines = readFileSync(folder.at('access.log'), 'utf8').trimEnd().split('\n')
    const ids = lines.map(line => (JSON.parse(line) as {traceId: string}).traceId)
    assert.equal(new Set(ids), new Set([server?.traceId, here?.traceId]))
  }),
)

test.run()
