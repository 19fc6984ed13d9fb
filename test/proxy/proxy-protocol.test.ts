// The PROXY protocol: who it names is the client from then on.

import {test} from 'uvu'
import * as assert from 'uvu/assert'
import type {Scope} from '../../src/base/scope.ts'
import {readProxyHeader} from '../../src/proxy/http1/proxy-protocol.ts'
import {type Client, clientOf} from '../helpers/client.ts'
import {scoped} from '../helpers/scoped.ts'
import {messageOf, requestFor, served, type Written} from '../helpers/written.ts'

const PLAIN = '- {id: x.localhost, target: "http://INSTANCE"}'
const REQUEST = requestFor('x.localhost/')
const SIGNATURE = Buffer.from('\r\n\r\n\0\r\nQUIT\n', 'latin1')

function version2(command: number, family: number, addresses: readonly number[], tlvs = 0): Buffer {
  const length = addresses.length + tlvs
  return Buffer.concat([
    SIGNATURE,
    Buffer.from([command, family, length >> 8, length & 255, ...addresses]),
    Buffer.alloc(tlvs, 0x04),
  ])
}

const IPV4 = [203, 0, 113, 9, 10, 0, 0, 1, 0x12, 0x34, 0, 80]
const IPV6 = [...Buffer.from('20010db8000000000000000000000009', 'hex'), ...Buffer.alloc(16), 0x12, 0x34, 0, 80]

const HEADERS: readonly (readonly [string, Buffer, string])[] = [
  ['version 1 over TCP4', Buffer.from('PROXY TCP4 203.0.113.9 10.0.0.1 56324 80\r\n'), '203.0.113.9'],
  ['version 1 over TCP6', Buffer.from('PROXY TCP6 2001:db8::9 ::1 1 65535\r\n'), '2001:db8::9'],
  [
    'the longest line of version 1',
    Buffer.from(`PROXY UNKNOWN ${'f'.repeat(39)} ${'f'.repeat(39)} 65535 65535\r\n`),
    '',
  ],
  ['version 1, unknown', Buffer.from('PROXY UNKNOWN\r\n'), ''],
  ['version 2 over TCP4', version2(0x21, 0x11, IPV4), '203.0.113.9'],
  ['version 2 over TCP6', version2(0x21, 0x21, IPV6), '2001:db8::9'],
  ['version 2 with TLVs', version2(0x21, 0x11, IPV4, 300), '203.0.113.9'],
  ['version 2, local', version2(0x20, 0x00, []), ''],
  ['version 2, local, with addresses', version2(0x20, 0x11, IPV4), ''],
  ['version 2, no family', version2(0x21, 0x00, [], 7), ''],
]

for (const [name, bytes, address] of HEADERS) {
  test(`${name} is read, and nothing is said before its last byte`, () => {
    for (let end = 1; end < bytes.length; end++) {
      assert.is(readProxyHeader(bytes.subarray(0, end)), 'more', `${end} of ${bytes.length} bytes`)
    }
    assert.equal(readProxyHeader(bytes), {address, end: bytes.length})
    assert.equal(readProxyHeader(Buffer.concat([bytes, Buffer.from(REQUEST)])), {address, end: bytes.length})
  })
}

const GARBAGE: readonly (readonly [string, string | Buffer])[] = [
  ['a request', 'GET / HTTP/1.1\r\nHost: x.localhost\r\n\r\n'],
  ['TLS', Buffer.from([22, 3, 1, 2, 0])],
  ['another case', 'proxy TCP4 203.0.113.9 10.0.0.1 1 2\r\n'],
  ['another protocol', 'PROXY UDP4 203.0.113.9 10.0.0.1 1 2\r\n'],
  ['an address of the other family', 'PROXY TCP4 2001:db8::9 ::1 1 2\r\n'],
  ['no address', 'PROXY TCP4\r\n'],
  ['a name', 'PROXY TCP4 client.example 10.0.0.1 1 2\r\n'],
  ['a leading zero', 'PROXY TCP4 203.0.113.09 10.0.0.1 1 2\r\n'],
  ['a scope', 'PROXY TCP6 fe80::1%eth0 ::1 1 2\r\n'],
  ['two spaces', 'PROXY TCP4  203.0.113.9 10.0.0.1 1 2\r\n'],
  ['more behind it', 'PROXY TCP4 203.0.113.9 10.0.0.1 1 2 3\r\n'],
  ['a port that is none', 'PROXY TCP4 203.0.113.9 10.0.0.1 1 65536\r\n'],
  ['UNKNOWN as a beginning', 'PROXY UNKNOWNX\r\n'],
  ['a line without an end', `PROXY UNKNOWN ${'x'.repeat(200)}`],
  ['version 2 with version 1 in it', version2(0x11, 0x11, IPV4)],
  ['version 2 with an unknown command', version2(0x22, 0x11, IPV4)],
  ['version 2 over UDP', version2(0x21, 0x12, IPV4)],
  ['version 2 of a unix socket', version2(0x21, 0x31, [...Buffer.alloc(216)])],
  ['version 2 too short for its addresses', version2(0x21, 0x11, IPV4.slice(1))],
  ['version 2, IPv6, too short', version2(0x21, 0x21, IPV4)],
  ['version 2 that is too long', version2(0x21, 0x11, IPV4, 5000)],
]

for (const [name, bytes] of GARBAGE) {
  test(
    `a trusted peer that begins with ${name} is cut off without a word`,
    scoped(async scope => {
      const {client, written} = await opened(scope, ['127.0.0.1'])
      client.send(bytes)
      assert.is((await client.ended()).text, '')
      assert.is(written.instance.accepted(), 0)
    }),
  )
}

test(
  'the request behind the header comes from whom it names, wherever the bytes were cut',
  scoped(async scope => {
    const {written} = await opened(scope, ['127.0.0.1'])
    for (const [name, header, address] of HEADERS) {
      const bytes = Buffer.concat([header, Buffer.from(REQUEST)])
      for (const cut of [0, 1, 12, 16, header.length - 1, header.length, header.length + 1]) {
        const seen = written.instance.requests.length
        const client = await clientOf(scope, written.port)
        await sendInTwo(client, bytes, cut)
        await client.ended()
        const asked = messageOf(written.instance.requests[seen] ?? '')
        const expected = address === '' ? '127.0.0.1' : address
        assert.equal([asked.values('x-forwarded-for'), asked.values('x-real-ip')], [[expected], [expected]], name)
      }
    }
    assert.equal(written.instance.violations, [])
  }),
)

test(
  'it counts for every request of the connection, and stands before the first alone',
  scoped(async scope => {
    const {client, written} = await opened(scope, ['127.0.0.1'])
    client.send('PROXY TCP4 203.0.113.9 10.0.0.1 1 2\r\nGET /1 HTTP/1.1\r\nHost: x.localhost\r\n\r\n')
    await client.until('ok')
    client.send('GET /2 HTTP/1.1\r\nHost: x.localhost\r\n\r\n')
    await client.until(/ok[\s\S]+ok/)
    client.send('PROXY TCP4 6.6.6.6 10.0.0.1 1 2\r\n\r\n')
    assert.match((await client.ended()).text, /ok[\s\S]+ok[\s\S]*HTTP\/1\.1 400 /)
    assert.equal(
      written.instance.requests.map(request => messageOf(request).values('x-real-ip')),
      [['203.0.113.9'], ['203.0.113.9']],
    )
  }),
)

test(
  'what the named client says about itself is not believed, and what another proxy of ours says is',
  scoped(async scope => {
    const {written} = await opened(scope, ['127.0.0.1', '10.0.0.0/8'])
    const fields = 'X-Forwarded-For: 6.6.6.6\r\nX-Forwarded-Proto: https\r\n'
    const request = requestFor('x.localhost/', {fields})
    const stranger = await written.ask(`PROXY TCP4 203.0.113.9 10.0.0.1 1 2\r\n${request}`)
    assert.equal(stranger.asked?.values('x-forwarded-for'), ['203.0.113.9'])
    assert.equal(stranger.asked?.values('x-forwarded-proto'), ['http'])
    const ours = await written.ask(`PROXY TCP4 10.9.9.9 10.0.0.1 1 2\r\n${request}`)
    assert.equal(ours.asked?.values('x-forwarded-for'), ['6.6.6.6, 10.9.9.9'])
    assert.equal([ours.asked?.values('x-real-ip'), ours.asked?.values('x-forwarded-proto')], [['6.6.6.6'], ['https']])
  }),
)

test(
  'from a peer that is not trusted the header is not read: it is a bad request, and a request is served',
  scoped(async scope => {
    const {written} = await opened(scope, ['10.0.0.0/8'])
    const {answer, asked} = await written.ask(REQUEST)
    assert.equal([answer.line, asked?.values('x-real-ip')], ['HTTP/1.1 200 OK', ['127.0.0.1']])
    for (const header of ['PROXY TCP4 203.0.113.9 10.0.0.1 1 2\r\n', version2(0x21, 0x11, IPV4)]) {
      const client = await clientOf(scope, written.port)
      client.send(Buffer.concat([Buffer.from(header), Buffer.from(REQUEST)]))
      assert.match((await client.ended()).text, /^HTTP\/1\.1 400 /)
    }
    assert.is(written.instance.requests.length, 1)
  }),
)

test(
  'where it is off, the header of a trusted peer is a bad request',
  scoped(async scope => {
    const written = await served(scope, PLAIN, {edge: {trustedProxies: ['127.0.0.1']}})
    const {answer, asked} = await written.ask(`PROXY TCP4 203.0.113.9 10.0.0.1 1 2\r\n${REQUEST}`)
    assert.equal([answer.line, asked], ['HTTP/1.1 400 Bad Request', null])
  }),
)

test(
  'a trusted peer that sends nothing, or a part, is cut off after the time for a head',
  scoped(async scope => {
    const edge = {trustedProxies: ['127.0.0.1'], proxyProtocol: true, headerTimeoutMs: 200}
    const {port} = await served(scope, PLAIN, {edge})
    for (const part of ['', 'PROXY TCP4 203', '\r\n\r\n\0\r\nQU']) {
      const client = await clientOf(scope, port)
      if (part !== '') client.send(part)
      const {text} = await client.ended()
      assert.not.match(text, /HTTP\/1\.1 200/, part)
    }
  }),
)

test.run()

// ---

async function opened(scope: Scope, trustedProxies: readonly string[]): Promise<{written: Written; client: Client}> {
  const written = await served(scope, PLAIN, {edge: {trustedProxies, proxyProtocol: true}})
  return {written, client: await clientOf(scope, written.port)}
}

// Two writes with a turn of both loops between them: what matters is that some arrive as two reads.
async function sendInTwo(client: Client, bytes: Buffer, cut: number): Promise<void> {
  client.socket.setNoDelay(true)
  if (cut > 0) await new Promise<void>(resolve => client.socket.write(bytes.subarray(0, cut), () => resolve()))
  await new Promise(resolve => setImmediate(resolve))
  client.send(bytes.subarray(cut))
}
