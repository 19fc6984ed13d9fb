// Small bodies that go to an instance as bytes, copied behind their heads.

import {type AddressInfo, createServer, type Socket} from 'node:net'
import {test} from 'uvu'
import * as assert from 'uvu/assert'
import {clientOf} from '../helpers/client.ts'
import {OK, originThatAnswers} from '../helpers/origin.ts'
import {proxyOf} from '../helpers/proxy.ts'
import {scoped} from '../helpers/scoped.ts'
import {until} from '../helpers/until.ts'

/** More than the kernel takes on the way to an instance that does not read. */
const REQUESTS = 1_000
const BODY_BYTES = 7_000

/** Of others, so long that it would reach over a request. */
const ANSWER = `HTTP/1.1 200 OK\r\nContent-Length: ${BODY_BYTES + 1}\r\n\r\n${'-'.repeat(BODY_BYTES)}.`

test(
  'small bodies that have to wait for an instance that answers before it reads are not overwritten by other messages',
  scoped(async scope => {
    const instances: Socket[] = []
    const server = createServer({pauseOnConnect: true}, socket => void instances.push(socket))
    scope.defer(() => void server.close())
    await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve))
    const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
    const other = await originThatAnswers(scope, ANSWER)
    const {port, plane} = await proxyOf(scope, {'x.localhost': url, 'other.localhost': other.url})
    const client = await clientOf(scope, port)
    const bystander = await clientOf(scope, port)
    for (let i = 0; i < REQUESTS; i++) {
      const [answered, seen] = [client.text().length, bystander.text().length]
      client.send(`POST / HTTP/1.1\r\nHost: x.localhost\r\nContent-Length: ${BODY_BYTES}\r\n\r\n${bodyOf(i)}`)
      await until('the request', () => instances.length === 1 && plane.instanceStats(url).inFlight === 1)
      instances[0]?.write(OK)
      await client.until(/ok$/, undefined, answered)
      bystander.send('GET / HTTP/1.1\r\nHost: other.localhost\r\n\r\n')
      await bystander.until(/-\.$/, undefined, seen)
    }
    let received = ''
    instances[0]?.setEncoding('latin1').on('data', text => {
      received += text
    })
    instances[0]?.resume()
    // All heads are of one length.
    const size = () => received.indexOf('\r\n\r\n') + 4 + BODY_BYTES
    await until('all requests', () => received.length >= size() * REQUESTS)
    for (let i = 0; i < REQUESTS; i++) {
      const end = (i + 1) * size()
      assert.ok(received.slice(end - BODY_BYTES, end) === bodyOf(i), `the body of request ${i} is its own`)
    }
    instances[0]?.destroy()
  }),
)

test.run()

// ---

function bodyOf(i: number): string {
  return `${i} `.repeat(BODY_BYTES).slice(0, BODY_BYTES)
}
