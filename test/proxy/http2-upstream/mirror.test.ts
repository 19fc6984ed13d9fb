// Copies of requests between instances of HTTP/1.1 and of HTTP/2: the same body, however each is told where it ends.

import {test} from 'uvu'
import * as assert from 'uvu/assert'
import {answerOf, clientOf} from '../../helpers/client.ts'
import {http2OriginOf} from '../../helpers/http2-origin.ts'
import {proxyServing} from '../../helpers/proxy.ts'
import {recorderOf} from '../../helpers/recorder.ts'
import {scoped} from '../../helpers/scoped.ts'
import {until} from '../../helpers/until.ts'
import {compiled} from '../../helpers/written.ts'

const REQUESTS = [
  ['no body', 'GET /a HTTP/1.1\r\nHost: x.localhost\r\n\r\n', ''],
  ['a length', 'POST /a HTTP/1.1\r\nHost: x.localhost\r\nContent-Length: 5\r\n\r\nhello', 'hello'],
  [
    'chunks',
    'POST /a HTTP/1.1\r\nHost: x.localhost\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n6\r\n world\r\n0\r\n\r\n',
    'hello world',
  ],
  ['no chunk but the last', 'POST /a HTTP/1.1\r\nHost: x.localhost\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n', ''],
] as const

for (const [what, request, body] of REQUESTS) {
  for (const protocols of [
    ['http1', 'h2c'],
    ['h2c', 'http1'],
    ['h2c', 'h2c'],
  ] as const) {
    test(
      `a body with ${what}, from ${protocols[0]} to ${protocols[1]}`,
      scoped(async scope => {
        const bodies: string[] = []
        const modern = await http2OriginOf(scope, stream => {
          let got = ''
          stream.on('data', data => {
            got += data
          })
          stream.on('end', () => {
            bodies.push(got)
            stream.respond({':status': 200}, {endStream: true})
          })
        })
        const old = await recorderOf(scope)
        const service = (slug: string, protocol: string) =>
          `  - {slug: ${slug}, protocol: ${protocol}, instances: ["${protocol === 'h2c' ? modern.url : old.url}"]}\n`
        const yaml = `routes: [{id: x.localhost, service: a, mirror: {service: b}}]\nservices:\n${service('a', protocols[0])}${service('b', protocols[1])}`
        const {port, plane} = await proxyServing(scope, compiled({'a.yaml': yaml}))
        const client = await clientOf(scope, port)
        client.send(request)
        await client.until(/^HTTP\/1\.1 200 /)
        if (protocols[0] === protocols[1]) {
          await until('both', () => bodies.length === 2)
          assert.equal(bodies, [body, body])
          return
        }
        await until('one by HTTP/2', () => bodies.length === 1)
        assert.equal(bodies, [body])
        const recorded = await until('one by HTTP/1.1', () => old.requests[0])
        assert.is(answerOf(recorded.replace(/^.*/, 'HTTP/1.1 200 OK')).body, body)
        assert.equal(old.violations, [])
        assert.is(plane.workers()[0]?.restarts, 0)
      }),
    )
  }
}

test.run()
