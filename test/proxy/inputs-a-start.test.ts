// The start of a message: the request line and what stands before it (RFC 9112 §2.2, §3).

import {test} from 'uvu'
import * as assert from 'uvu/assert'
import {clientOf, exchange} from '../helpers/client.ts'
import {accepts, get, refuses, SMUGGLED, shown, stageOf, statusOf} from '../helpers/inputs.ts'

const stage = stageOf()
const HOST = 'Host: x.localhost\r\n\r\n'
const line = (text: string) => `${text}\r\n${HOST}`

refuses(stage, '1 · bytes before the method are 400 and close', {status: 400}, [
  ` ${get()}`,
  `\t${get()}`,
  `\x00${get()}`,
  `\xef\xbb\xbf${get()}`,
  `\x80\x01${get()}`,
  `\r\n\r\n\r\n${get()}`,
  `\r\n\r\n\r\n\r\n\r\n${get()}`,
  '\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03',
  '\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n',
  'x'.repeat(5000),
  `${'\xff'.repeat(5000)}\r\n\r\n`,
  `${'\r\n'.repeat(2500)}`,
])
accepts(stage, '1 · one empty line before the request line is skipped', `\r\n${get()}`, {seen: ['GET /t HTTP/1.1\r\n']})
accepts(stage, '1 · two empty lines are skipped', `\r\n\r\n${get()}`, {seen: ['GET /t HTTP/1.1\r\n']})

for (const bytes of [
  get(),
  `\r\n${get()}`,
  `\r\n\r\n${get()}`,
  `GET http://x.localhost/t HTTP/1.1\r\nHost: x.localhost\r\n\r\n`,
]) {
  test(`1 · a request that comes byte by byte is the same request: ${shown(bytes)}`, async () => {
    const {scope, proxy, settled} = await stage()
    const client = await clientOf(scope, proxy.port)
    client.socket.setNoDelay()
    for (const byte of bytes) {
      client.send(byte)
      await new Promise(resolve => setTimeout(resolve, 1))
    }
    assert.is(statusOf(await client.until('\r\n\r\n')), 200)
    client.destroy()
    await settled(['GET /t HTTP/1.1\r\nHost: x.localhost\r\nX-Forwarded-For: '])
  })
}

refuses(stage, '2 · a bare LF as line end is 400 and closes', {status: 400}, [
  'GET /t HTTP/1.1\nHost: x.localhost\n\n',
  `GET /t HTTP/1.1\n${HOST}`,
  'GET /t HTTP/1.1\r\nHost: x.localhost\n\r\n',
  'GET /t HTTP/1.1\r\nHost: x.localhost\r\n\n',
  'GET /t HTTP/1.1\r\nHost: x.localhost\n\n',
  `\n${get()}`,
  `\n\n${get()}`,
  `\r\n\n${get()}`,
])

refuses(stage, '3 · a bare CR as line end or inside a line is 400 and closes', {status: 400}, [
  'GET /t HTTP/1.1\rHost: x.localhost\r\r',
  `GET /t HTTP/1.1\r${HOST}`,
  `GET /t\r HTTP/1.1\r\n${HOST}`,
  `GET /t HTTP/1.1\r\r\n${HOST}`,
  'GET /t HTTP/1.1\r\nHost: x.localhost\r\r\n\r\n',
  'GET /t HTTP/1.1\r\nHost: x.localhost\r\nA: b\rc\r\n\r\n',
  `\r${get()}`,
])

refuses(stage, '4 · anything but one space between the parts is 400 and closes', {status: 400}, [
  line('GET  /t HTTP/1.1'),
  line('GET /t  HTTP/1.1'),
  line('GET\t/t HTTP/1.1'),
  line('GET /t\tHTTP/1.1'),
  line('GET\x0b/t HTTP/1.1'),
  line('GET /t\x0bHTTP/1.1'),
  line('GET /t\x0cHTTP/1.1'),
  line('GET /t HTTP/1.1 '),
  line('GET /t HTTP/1.1\t'),
  line('GET/t HTTP/1.1'),
  line('GET\xa0/t HTTP/1.1'),
])

refuses(stage, '5 · a space in the target is 400 and closes', {status: 400}, [
  line('GET /a b HTTP/1.1'),
  line('GET /a HTTP/1.1 HTTP/1.1'),
  line('GET /a?b c HTTP/1.1'),
])

refuses(
  stage,
  '6 · a byte that no target may hold is 400 and closes',
  {status: 400},
  ['\x00', '\x01', '\x08', '\x1f', '\x7f', '\x80', '\xa0', '\xe9', '\xff'].flatMap(byte => [
    line(`GET /${byte} HTTP/1.1`),
    line(`GET /?${byte} HTTP/1.1`),
  ]),
)

refuses(stage, '7 · a method that is no token, or longer than 32 bytes, is 400 and closes', {status: 400}, [
  line('G(T /t HTTP/1.1'),
  line('G"T /t HTTP/1.1'),
  line('G\x00T /t HTTP/1.1'),
  line('GÉT /t HTTP/1.1'),
  line('GET: /t HTTP/1.1'),
  line('GET, /t HTTP/1.1'),
  line(' /t HTTP/1.1'),
  line(`${'M'.repeat(33)} /t HTTP/1.1`),
  line(`${'M'.repeat(3000)} /t HTTP/1.1`),
])
refuses(stage, '7 · an unknown method is 501 and closes', {status: 501}, [
  line('BREW /t HTTP/1.1'),
  line('G!T /t HTTP/1.1'),
  line('__proto__ /t HTTP/1.1'),
  line('constructor /t HTTP/1.1'),
  line(`${'M'.repeat(32)} /t HTTP/1.1`),
])

refuses(stage, '8 · methods in another case are unknown: 501 and close', {status: 501}, [
  line('get /t HTTP/1.1'),
  line('Get /t HTTP/1.1'),
  line('gET http://x.localhost/t HTTP/1.1'),
  line('trace /t HTTP/1.1'),
])

refuses(stage, '9, 10 · another well-formed version is 505 and closes', {status: 505}, [
  line('GET /t HTTP/1.2'),
  line('GET /t HTTP/1.9'),
  line('GET /t HTTP/2.0'),
  line('GET /t HTTP/9.9'),
  line('GET /t HTTP/3.1'),
  line('GET /t HTTP/0.9'),
  line('GET /t HTTP/0.0'),
  line('GET /t HTTP/2.0') + SMUGGLED,
])

refuses(stage, '11 · a malformed version, or none, is 400 and closes', {status: 400}, [
  line('GET /t HTTP/1.10'),
  line('GET /t HTTP/01.1'),
  line('GET /t http/1.1'),
  line('GET /t Http/1.1'),
  line('GET /t HTTP/1.'),
  line('GET /t HTTP/1'),
  line('GET /t HTTP/.1'),
  line('GET /t HTTP/1,1'),
  line('GET /t HTTP/1.1x'),
  line('GET /t HTTP /1.1'),
  line('GET /t HTTP/1 .1'),
  line('GET /t HTTPS/1.1'),
  line('GET /t XHTTP/1.1'),
  line('GET /t HTTP/-1.1'),
  line('GET /t HTTP/1.+1'),
  line('GET /t ICY/1.1'),
  line('GET /t '),
])

refuses(stage, '12 · HTTP/0.9 is 400 and closes', {status: 400}, [
  'GET /t\r\n',
  'GET /t\r\n\r\n',
  line('GET /t'),
  'GET /\r\n',
])

refuses(stage, '13 · the preface of HTTP/2 is refused and closes', {status: [400, 405, 501, 505]}, [
  'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n',
  'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\x00\x00\x00\x04\x00\x00\x00\x00\x00',
  `PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n${SMUGGLED}`,
])

refuses(stage, '14 · a target above 8 KiB is 414 and closes', {status: 414}, [
  line(`GET /${'a'.repeat(8192)} HTTP/1.1`),
  line(`GET /?${'a'.repeat(8191)} HTTP/1.1`),
  line(`GET /${'a'.repeat(20_000)} HTTP/1.1`),
  `GET /${'a'.repeat(20_000)}`,
])
accepts(stage, '14 · a target of 8000 bytes is served', line(`GET /${'a'.repeat(7999)} HTTP/1.1`), {
  seen: [`GET /${'a'.repeat(7999)} HTTP/1.1\r\n`],
})
accepts(stage, '14 · a target of just 8 KiB is served', line(`GET /${'a'.repeat(8191)} HTTP/1.1`), {
  seen: [`GET /${'a'.repeat(8191)} HTTP/1.1\r\n`],
})

refuses(stage, '15 · a head that is too large, or has too many fields, is 431 and closes', {status: 431}, [
  get(`A: ${'a'.repeat(32_768)}`),
  get(`A: ${'a'.repeat(70_000)}`),
  get(...Array.from({length: 5000}, (_, i) => `a${i}: ${i}`)),
  get(...Array.from({length: 500}, (_, i) => `a${i}: ${i}`)),
  get(...Array.from({length: 100}, (_, i) => `a${i}: ${i}`)),
  get(...Array.from({length: 100}, () => 'Connection: x')),
  `GET /t HTTP/1.1\r\nHost: x.localhost\r\nA: ${'a'.repeat(70_000)}`,
  `GET /t HTTP/1.1\r\nHost: x.localhost\r\n${'a'.repeat(70_000)}`,
])
accepts(stage, '15 · 100 fields are served', get(...Array.from({length: 99}, (_, i) => `a${i}: ${i}`)), {
  seen: [/^GET \/t HTTP\/1\.1\r\nHost: x\.localhost\r\na0: 0\r\n(?:a\d+: \d+\r\n){97}a98: 98\r\nX-Forwarded-For:/],
})
accepts(stage, '15 · a field of 30 KB is served', get(`A: ${'a'.repeat(30_000)}`), {seen: [/\r\nA: a{30000}\r\n/]})

refuses(stage, '16 · an asterisk is for OPTIONS alone: 400 and close', {status: 400}, [
  line('GET * HTTP/1.1'),
  line('POST * HTTP/1.1'),
  line('OPTIONS *a HTTP/1.1'),
  line('OPTIONS ** HTTP/1.1'),
  line('OPTIONS *?a HTTP/1.1'),
])

test('17 · OPTIONS * is answered by us and the connection goes on', async () => {
  const {scope, proxy, settled} = await stage()
  const client = await clientOf(scope, proxy.port)
  client.send(line('OPTIONS * HTTP/1.1') + get())
  const text = await client.until(/ok$/)
  assert.match(text, /^HTTP\/1\.1 204 No Content\r\nAllow: [A-Z, ]+\r\n/)
  assert.not.match(text.slice(0, text.indexOf('\r\n\r\n')), /^(?:Content-Length|Transfer-Encoding|Connection):/im)
  client.destroy()
  await settled(['GET /t HTTP/1.1\r\n'])
})
refuses(stage, '17 · OPTIONS * without one valid Host is 400 and closes', {status: 400}, [
  'OPTIONS * HTTP/1.1\r\n\r\n',
  'OPTIONS * HTTP/1.1\r\nHost: a, b\r\n\r\n',
  'OPTIONS * HTTP/1.1\r\nHost: a\r\nHost: a\r\n\r\n',
])

refuses(stage, '18 · CONNECT is 405 and closes, whatever follows', {status: 405}, [
  line('CONNECT x.localhost:443 HTTP/1.1'),
  line('CONNECT x.localhost:443 HTTP/1.0'),
  line('CONNECT /t HTTP/1.1'),
  line('CONNECT * HTTP/1.1'),
  line('CONNECT http://x.localhost/ HTTP/1.1'),
  line('CONNECT x.localhost:80 HTTP/1.1') + SMUGGLED,
  `CONNECT x.localhost:80 HTTP/1.1\r\nHost: x.localhost\r\nContent-Length: ${SMUGGLED.length}\r\n\r\n${SMUGGLED}`,
  `CONNECT x.localhost:80 HTTP/1.1\r\nHost: x.localhost\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n${SMUGGLED}`,
])

refuses(stage, '19 · TRACE is 405 and closes', {status: 405}, [
  line('TRACE /t HTTP/1.1'),
  line('TRACE * HTTP/1.1'),
  line('TRACE http://x.localhost/ HTTP/1.1'),
  'TRACE /t HTTP/1.1\r\nHost: x.localhost\r\nMax-Forwards: 0\r\n\r\n',
  'TRACE /t HTTP/1.1\r\nHost: nobody.localhost\r\n\r\n',
])
test('19 · TRACE never echoes what was sent', async () => {
  const {scope, proxy} = await stage()
  const text = await exchange(scope, proxy.port, 'TRACE /t HTTP/1.1\r\nHost: x.localhost\r\nCookie: secret\r\n\r\n')
  assert.is(statusOf(text), 405)
  assert.not.match(text, /secret/)
})

refuses(stage, '20 · a fragment is 400 and closes', {status: 400}, [
  line('GET /a#f HTTP/1.1'),
  line('GET /# HTTP/1.1'),
  line('GET /a?b#c HTTP/1.1'),
  line('GET http://x.localhost/a#f HTTP/1.1'),
  line('GET # HTTP/1.1'),
])

refuses(stage, '21 · a target without its slash is 400 and closes', {status: 400}, [
  line('GET t HTTP/1.1'),
  line('GET \\t HTTP/1.1'),
  line('GET ?a HTTP/1.1'),
  line('GET .. HTTP/1.1'),
  line('GET x.localhost:80 HTTP/1.1'),
  line('GET %2f HTTP/1.1'),
  line('GET http:/t HTTP/1.1'),
  line('GET : HTTP/1.1'),
  line('connect x.localhost:80 HTTP/1.1'),
])

test.run()
