// Requests whose clients take them back, and those that are answered before they have ended.

import {test} from 'uvu'
import * as assert from 'uvu/assert'
import {authorityOf} from '../../helpers/authority.ts'
import {hasOpenssl} from '../../helpers/certificates.ts'
import {ask, http2To} from '../../helpers/http2-client.ts'
import {originOf, originThatAnswers} from '../../helpers/origin.ts'
import {proxyOf} from '../../helpers/proxy.ts'
import {scoped} from '../../helpers/scoped.ts'
import {until} from '../../helpers/until.ts'

if (!hasOpenssl) console.log('SKIP requests of HTTP/2 that are not read: openssl is missing')
const check = hasOpenssl ? test : test.skip

check(
  'a body that its client resets half-way has no last chunk at the instance',
  scoped(async scope => {
    const origin = await originOf(scope, () => {})
    const certificates = [authorityOf(scope).certificate(['x.localhost'])]
    const {httpsPort} = await proxyOf(scope, {'x.localhost': origin.url}, {certificates})
    const session = await http2To(scope, httpsPort)
    const stream = session.request({':method': 'PUT', ':path': '/file'}, {endStream: false})
    stream.on('error', () => {})
    stream.write('half of it')
    await until('the half', () => origin.received[0]?.includes('half of it'))
    // Node would end what it sends before it resets.
    stream._final = callback => callback(null)
    stream.close(8)
    await until('the end of the connection', () => origin.open() === 0)
    assert.ok(origin.received[0]?.endsWith('a\r\nhalf of it\r\n'))
  }),
)

check(
  'an answer without a body to a request that has not ended arrives',
  scoped(async scope => {
    const origin = await originThatAnswers(scope, 'HTTP/1.1 413 Content Too Large\r\nContent-Length: 0\r\n\r\n')
    const certificates = [authorityOf(scope).certificate(['x.localhost'])]
    const {httpsPort} = await proxyOf(scope, {'x.localhost': origin.url}, {certificates})
    const session = await http2To(scope, httpsPort)
    const got = await ask(session, {':method': 'PUT', 'content-length': '1000000'}, Buffer.alloc(1_000_000))
    assert.is(got.status, 413)
  }),
)

test.run()
