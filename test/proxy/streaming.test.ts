import type {Socket} from 'node:net'
import {test} from 'uvu'
import * as assert from 'uvu/assert'
import {clientOf} from '../helpers/client.ts'
import {originOf} from '../helpers/origin.ts'
import {proxyOf} from '../helpers/proxy.ts'
import {scoped} from '../helpers/scoped.ts'
import {until} from '../helpers/until.ts'

/** Longer than any of our own doing, shorter than a wait for more to send. The machine may stop us longer, but not mostly. */
const PROMPT_MS = 100

for (const [name, head, event] of [
  ['in chunks', 'Transfer-Encoding: chunked', (text: string) => `${text.length.toString(16)}\r\n${text}\r\n`],
  ['until the end', 'Connection: close', (text: string) => text],
  ['with a length', 'Content-Length: 1000', (text: string) => text],
] as const) {
  test(
    `server-sent events ${name} are passed on before more comes, most within ${PROMPT_MS} ms, the head before the first`,
    scoped(async scope => {
      const sockets: Socket[] = []
      const origin = await originOf(scope, socket => {
        sockets.push(socket)
        socket.write(`HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n${head}\r\n\r\n`)
      })
      const {port, plane} = await proxyOf(scope, {'x.localhost': origin.url})
      const client = await clientOf(scope, port)
      client.send('GET /events HTTP/1.1\r\nHost: x.localhost\r\nAccept: text/event-stream\r\n\r\n')
      await client.until(/\r\n\r\n$/)
      const times: number[] = []
      for (let i = 0; i < 20; i++) {
        const text = `data: event ${i}\n\n`
        const began = performance.now()
        sockets[0]?.write(event(text))
        await client.until(text)
        times.push(performance.now() - began)
      }
      assert.ok(medianOf(times) < PROMPT_MS, `${times}`)
      client.destroy()
      await until('the instance to be left', () => origin.open() === 0)
      await until('the books', () => plane.instanceStats(origin.url).inFlight === 0)
    }),
  )
}

test(
  'a long poll is answered when the instance answers, and the parts of a request body go out as they come',
  scoped(async scope => {
    const sockets: Socket[] = []
    const origin = await originOf(scope, socket => void sockets.push(socket))
    const {port} = await proxyOf(scope, {'x.localhost': origin.url})
    const client = await clientOf(scope, port)
    client.send('POST /poll HTTP/1.1\r\nHost: x.localhost\r\nTransfer-Encoding: chunked\r\n\r\n')
    await until('the head', () => origin.received[0]?.endsWith('\r\n\r\n'))
    const times: number[] = []
    for (let i = 0; i < 20; i++) {
      const word = `part ${i}`
      const began = performance.now()
      client.send(`${word.length.toString(16)}\r\n${word}\r\n`)
      await until(word, () => origin.received[0]?.endsWith(`${word}\r\n`))
      times.push(performance.now() - began)
    }
    assert.ok(medianOf(times) < PROMPT_MS, `${times}`)
    client.send('0\r\n\r\n')
    await until('the end', () => origin.received[0]?.endsWith('0\r\n\r\n'))
    sockets[0]?.write('HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\ndone')
    await client.until(/done$/)
  }),
)

test(
  'hints come before the answer that they belong to',
  scoped(async scope => {
    const sockets: Socket[] = []
    const origin = await originOf(scope, socket => {
      sockets.push(socket)
      socket.write('HTTP/1.1 103 Early Hints\r\nLink: </a.css>; rel=preload\r\n\r\n')
    })
    const {port} = await proxyOf(scope, {'x.localhost': origin.url})
    const client = await clientOf(scope, port)
    client.send('GET / HTTP/1.1\r\nHost: x.localhost\r\n\r\n')
    await client.until(/^HTTP\/1\.1 103 Early Hints\r\nLink: .*\r\n\r\n$/)
    sockets[0]?.write('HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok')
    await client.until(/\r\n\r\nHTTP\/1\.1 200 OK\r\n[\s\S]*ok$/)
  }),
)

test.run()

// ---

function medianOf(times: readonly number[]): number {
  return [...times].sort((a, b) => a - b)[times.length >> 1] ?? Number.NaN
}
