// Connections to instances: kept as long as the instance keeps them, and no longer.

import {test} from 'uvu'
import * as assert from 'uvu/assert'
import {exchange, getAndClose} from '../helpers/client.ts'
import {originThatAnswers} from '../helpers/origin.ts'
import {proxyOf} from '../helpers/proxy.ts'
import {scoped} from '../helpers/scoped.ts'
import {until} from '../helpers/until.ts'

const answer = (fields: string) => `HTTP/1.1 200 OK\r\n${fields}Content-Length: 2\r\n\r\nok`

test(
  'an idle connection is closed before the time that the instance names is over',
  scoped(async scope => {
    const origin = await originThatAnswers(scope, answer('Keep-Alive: timeout=1, max=100\r\n'))
    const {port} = await proxyOf(scope, {'x.localhost': origin.url})
    await exchange(scope, port, getAndClose('/'))
    assert.is(origin.open(), 1)
    await until('the idle connection to be closed', () => origin.open() === 0, 10_000)
    assert.match(await exchange(scope, port, getAndClose('/')), /^HTTP\/1\.1 200 OK/)
    assert.is(origin.accepted(), 2)
  }),
)

test(
  'what the instance says of its connection is not passed on',
  scoped(async scope => {
    const origin = await originThatAnswers(scope, answer('Keep-Alive: timeout=30\r\n'))
    const {port} = await proxyOf(scope, {'x.localhost': origin.url})
    assert.not.match(await exchange(scope, port, getAndClose('/')), /keep-alive/i)
    await exchange(scope, port, getAndClose('/'))
    assert.is(origin.accepted(), 1)
  }),
)

test.run()
