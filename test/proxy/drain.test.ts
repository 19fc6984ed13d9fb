import {connect, type Socket} from 'node:net'
import {test} from 'uvu'
import * as assert from 'uvu/assert'
import {clientOf} from '../helpers/client.ts'
import {OK, originOf, originThatAnswers} from '../helpers/origin.ts'
import {proxyOf} from '../helpers/proxy.ts'
import {scoped} from '../helpers/scoped.ts'
import {until} from '../helpers/until.ts'

const GET = 'GET / HTTP/1.1\r\nHost: x.localhost\r\n\r\n'

test(
  'requests under way are finished with Connection: close, idle connections closed, new ones refused, and it ends early',
  scoped(async scope => {
    const waiting: Socket[] = []
    const origin = await originOf(scope, (socket, text) => {
      if (text.startsWith('GET /fast')) socket.write(OK)
      else waiting.push(socket)
    })
    const {port, plane} = await proxyOf(scope, {'x.localhost': origin.url}, {workers: 2})
    const [idle, fresh, busy, uploading, streaming] = await Promise.all(
      [1, 2, 3, 4, 5].map(() => clientOf(scope, port)),
    )
    if (!idle || !fresh || !busy || !uploading || !streaming) throw new Error('no clients')
    idle.send(GET.replace('/', '/fast'))
    await idle.until(/ok$/)
    busy.send(GET)
    await until('the request', () => waiting.length === 1)
    uploading.send('POST / HTTP/1.1\r\nHost: x.localhost\r\nContent-Length: 4\r\n\r\nab')
    await until('the request', () => waiting.length === 2)
    streaming.send(GET)
    await until('the request', () => waiting.length === 3)
    waiting[2]?.write('HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nab')
    await streaming.until(/ab$/)

    const began = performance.now()
    const drained = plane.drain(10_000)
    await Promise.all([idle.ended(), fresh.ended()])
    assert.is(fresh.text(), '')
    await until('the port to be closed', () => isRefused(port))
    waiting[0]?.write(OK)
    assert.match((await busy.ended()).text, /\r\nConnection: close\r\n\r\nok$/)
    uploading.send('cd')
    await until('the body', () => origin.received.some(text => text.endsWith('abcd')))
    waiting[1]?.write(OK)
    assert.match((await uploading.ended()).text, /\r\nConnection: close\r\n\r\nok$/)
    waiting[2]?.write('cd')
    assert.match((await streaming.ended()).text, /\r\n\r\nabcd$/)
    for (const client of [idle, fresh, busy, uploading, streaming]) client.end()
    await drained
    const tookMs = performance.now() - began
    assert.ok(tookMs < 8_000, `took ${tookMs} ms`)
  }),
)

test(
  'a request on a connection that was idle when the drain began is answered or never read, and the client can tell',
  scoped(async scope => {
    const origin = await originThatAnswers(scope, OK)
    const {port, plane} = await proxyOf(scope, {'x.localhost': origin.url})
    const clients = await Promise.all(Array.from({length: 20}, () => clientOf(scope, port)))
    for (const client of clients) client.send(GET)
    await Promise.all(clients.map(client => client.until(/ok$/)))
    const drained = plane.drain(2_000)
    for (const client of clients) client.send(GET)
    for (const client of clients) {
      const {text} = await client.ended()
      client.end()
      assert.ok(/^(?:HTTP\/1\.1 200 OK[\s\S]*?ok){1,2}$/.test(text), JSON.stringify(text))
    }
    await drained
  }),
)

test(
  'what is not over at the deadline is ended',
  scoped(async scope => {
    const origin = await originOf(scope, () => {})
    const {port, plane} = await proxyOf(scope, {'x.localhost': origin.url})
    const client = await clientOf(scope, port)
    client.send(GET)
    await until('the request', () => origin.open() === 1)
    const began = performance.now()
    await plane.drain(700)
    const tookMs = performance.now() - began
    assert.ok(tookMs > 600 && tookMs < 3_500, `took ${tookMs} ms`)
    await client.ended()
    assert.is(client.text(), '')
    await until('the instance to be left', () => origin.open() === 0)
  }),
)

test.run()

// ---

function isRefused(port: number): Promise<boolean> {
  return new Promise(resolve => {
    const socket = connect(port, '127.0.0.1')
    socket.on('connect', () => {
      socket.destroy()
      resolve(false)
    })
    socket.on('error', () => resolve(true))
  })
}
