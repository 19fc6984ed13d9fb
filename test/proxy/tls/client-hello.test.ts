// The client's first message: what real clients send is read, cut into any pieces; what is none is told at once.

import {createServer} from 'node:net'
import {type ConnectionOptions, connect} from 'node:tls'
import {test} from 'uvu'
import * as assert from 'uvu/assert'
import {HELLO_BYTES_MAX, readClientHello} from '../../../src/proxy/tls/client-hello.ts'

// What a client sends first, with these options.
function helloOf(options: ConnectionOptions): Promise<Buffer> {
  return new Promise((resolve, reject) => {
    const server = createServer(socket => {
      socket.once('data', data => {
        socket.destroy()
        server.close()
        resolve(Buffer.from(data))
      })
    })
    server.listen(0, '127.0.0.1', () => {
      const address = server.address()
      if (address === null || typeof address === 'string') return reject(new Error('no port'))
      connect({...options, host: '127.0.0.1', port: address.port}).on('error', () => {})
    })
  })
}

// The same message in records of `size` bytes.
function inRecords(hello: Buffer, size: number): Buffer {
  const pieces: Buffer[] = []
  for (let at = 5; at < hello.length; at += size) {
    const piece = hello.subarray(at, at + size)
    pieces.push(Buffer.from([22, 3, 1, piece.length >> 8, piece.length & 255]), piece)
  }
  return Buffer.concat(pieces)
}

const name = (bytes: Buffer) => {
  const hello = readClientHello(bytes)
  return typeof hello === 'string' ? hello : hello.name
}

test('the name is read, in lower case and without its dot', async () => {
  assert.is(name(await helloOf({servername: 'A.Example.test'})), 'a.example.test')
  assert.is(name(await helloOf({servername: 'a.test', maxVersion: 'TLSv1.2'})), 'a.test')
  assert.is(name(await helloOf({servername: 'a.test.'})), 'a.test')
  assert.is(name(await helloOf({})), null)
})

test('a message in pieces is awaited, byte by byte and record by record', async () => {
  const hello = await helloOf({servername: 'a.test', ALPNProtocols: ['h2', 'http/1.1']})
  for (const whole of [hello, inRecords(hello, 1), inRecords(hello, 100), inRecords(hello, 7)]) {
    for (let length = 0; length < whole.length; length++)
      assert.is(name(whole.subarray(0, length)), 'more', String(length))
    assert.is(name(whole), 'a.test')
    assert.is(name(Buffer.concat([whole, Buffer.from('behind')])), 'a.test')
  }
})

test('a message that is too long is none, before it has come whole', () => {
  const long = Buffer.from([22, 3, 1, 0x40, 0, 1, 0, 0x90, 0])
  assert.is(name(long), 'invalid')
  const record = Buffer.concat([Buffer.from([22, 3, 1, 0x40, 0, 1, 0, 0x7f, 0]), Buffer.alloc(16_380)])
  assert.ok(record.length < HELLO_BYTES_MAX)
  assert.is(name(record), 'more')
})

test('whatever a message is changed into, it is read or it is none: nothing is thrown', async () => {
  const hello = await helloOf({servername: 'a.test'})
  let seed = 7
  const random = (below: number) => {
    seed = (Math.imul(seed, 1103515245) + 12345) >>> 0
    return (seed >>> 8) % below
  }
  const seen = new Set<string>()
  for (let i = 0; i < 50_000; i++) {
    const changed = Buffer.from(hello)
    for (let j = random(4); j >= 0; j--) changed[random(changed.length)] = random(256)
    const cut = random(3) === 0 ? changed.subarray(0, random(changed.length)) : changed
    const read = readClientHello(cut)
    seen.add(typeof read === 'string' ? read : 'read')
  }
  assert.equal([...seen].sort(), ['invalid', 'more', 'read'])
})

test.run()
