// The version of a request line was cut out beyond the end of a short read, which threw and ended the worker.

import {test} from 'uvu'
import * as assert from 'uvu/assert'
import {exchange, getAndClose} from '../helpers/client.ts'
import {OK, originThatAnswers} from '../helpers/origin.ts'
import {proxyOf} from '../helpers/proxy.ts'
import {scoped} from '../helpers/scoped.ts'

test(
  'a request line that ends too early is 400 and the worker lives',
  scoped(async scope => {
    const origin = await originThatAnswers(scope, OK)
    const {port, plane} = await proxyOf(scope, {'x.localhost': origin.url})
    for (const bytes of ['T e \r\n\r\n', 'G \r\n\r\n', 'GET / \r\n\r\n', 'GET / H\r\n\r\n']) {
      assert.match(await exchange(scope, port, bytes), /^HTTP\/1\.1 400 /)
    }
    assert.match(await exchange(scope, port, getAndClose('/')), /^HTTP\/1\.1 200 OK/)
    assert.is(plane.workers()[0]?.restarts, 0)
  }),
)

test.run()
