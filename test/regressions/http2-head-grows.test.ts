// The bound on heads is raised while the daemon serves: a head that is longer than the first bound is read whole, over HTTP/2
// too, where it was written into memory of the first size and cut off at its end.

import {test} from 'uvu'
import * as assert from 'uvu/assert'
import {authorityOf} from '../helpers/authority.ts'
import {hasOpenssl} from '../helpers/certificates.ts'
import {ask, http2To} from '../helpers/http2-client.ts'
import {OK, originThatAnswers} from '../helpers/origin.ts'
import {EDGE, proxyOf} from '../helpers/proxy.ts'
import {scoped} from '../helpers/scoped.ts'

if (!hasOpenssl) console.log('SKIP the head that grows: openssl is missing')
const check = hasOpenssl ? test : test.skip

check(
  'a head above the old bound and below the new one reaches the instance whole',
  scoped(async scope => {
    const origin = await originThatAnswers(scope, OK)
    const certificates = [authorityOf(scope).certificate(['x.localhost'])]
    const edge = {headBytes: 2_048}
    const {httpsPort, plane} = await proxyOf(scope, {'x.localhost': origin.url}, {certificates, edge})
    const long = {'x-long': 'a'.repeat(6_000), 'x-last': 'here'}
    assert.is((await ask(await http2To(scope, httpsPort), long)).status, 431)
    await plane.setEdge({...EDGE, headBytes: 16_384})
    assert.is((await ask(await http2To(scope, httpsPort), long)).status, 200)
    assert.match(origin.received.join(''), /x-long: a{6000}\r\nx-last: here\r\n/)
  }),
)

test.run()
