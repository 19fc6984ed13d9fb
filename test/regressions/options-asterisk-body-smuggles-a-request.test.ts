// The answer to OPTIONS * kept the connection open while the body of the request was still to come: it was read as the
// next request and reached the instance.

import {test} from 'uvu'
import * as assert from 'uvu/assert'
import {exchange} from '../helpers/client.ts'
import {OK, originThatAnswers} from '../helpers/origin.ts'
import {proxyOf} from '../helpers/proxy.ts'
import {scoped} from '../helpers/scoped.ts'

test(
  'the body of OPTIONS * is never a request',
  scoped(async scope => {
    const origin = await originThatAnswers(scope, OK)
    const {port} = await proxyOf(scope, {'x.localhost': origin.url})
    const smuggled = 'GET /smuggled HTTP/1.1\r\nHost: x.localhost\r\n\r\n'
    const text = await exchange(
      scope,
      port,
      `OPTIONS * HTTP/1.1\r\nHost: x.localhost\r\nContent-Length: ${smuggled.length}\r\n\r\n${smuggled}`,
    )
    assert.match(text, /^HTTP\/1\.1 204 No Content\r\n[\s\S]*Connection: close\r\n\r\n$/)
    assert.equal(origin.received, [])
  }),
)

test.run()
