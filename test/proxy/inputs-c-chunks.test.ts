// Chunked bodies of requests (RFC 9112 §7.1). Two readers that disagree about one byte of them disagree about where the
// next request begins ("funky chunks", 2025). A part may have been forwarded when the fault comes; a whole request never.

import {test} from 'uvu'
import {accepts, get, post, refuses, SMUGGLED, stageOf} from '../helpers/inputs.ts'

const stage = stageOf()
const CHUNKED = 'Transfer-Encoding: chunked'
const END = '0\r\n\r\n'
const REFUSED = {status: 400, mayStart: true}
const chunked = (body: string) => post([CHUNKED], body + SMUGGLED)
/** The first chunk is right, so that the request is under way when the fault comes. */
const late = (body: string) => post([CHUNKED], `3\r\nabc\r\n${body}${SMUGGLED}`)

refuses(
  stage,
  '51 · a chunk size that is not hex digits alone is 400 and closes',
  REFUSED,
  [
    '0x5',
    '+5',
    '-5',
    '_',
    '5g',
    ' 5',
    '',
    '5_0',
    '\t5',
    '5,',
    '5.',
    '"5"',
    '\x005',
    '5\x00',
    'h',
    '-1',
    '\xef\xbc\x95',
    '00x0',
  ].flatMap(size => [chunked(`${size}\r\nhello\r\n${END}`), late(`${size}\r\nhello\r\n${END}`)]),
)
refuses(
  stage,
  '51 · a chunk size that no integer holds is 400 and closes',
  REFUSED,
  [
    '20000000000000',
    '7fffffffffffffff',
    'ffffffffffffffff',
    '10000000000000005',
    '100000000000000000005',
    '00000000000000005',
  ].flatMap(size => [chunked(`${size}\r\nhello\r\n${END}`), late(`${size}\r\nhello\r\n${END}`)]),
)

refuses(
  stage,
  '52 · white space or too many zeros in a chunk size are 400 and close',
  REFUSED,
  ['5 ', '5\t', ' 5', '5  ', `${'0'.repeat(20)}5`, `${'0'.repeat(1000)}5`].map(size =>
    chunked(`${size}\r\nhello\r\n${END}`),
  ),
)
refuses(stage, '52 · the same in the last chunk', REFUSED, [
  chunked(`5\r\nhello\r\n0 \r\n\r\n`),
  chunked(`5\r\nhello\r\n0\t\r\n\r\n`),
  chunked(`5\r\nhello\r\n${'0'.repeat(20)}\r\n\r\n`),
  chunked(`5\r\nhello\r\n-0\r\n\r\n`),
  chunked(`5\r\nhello\r\n\r\n`),
])

refuses(stage, '53 · a bare LF anywhere is 400 and closes', REFUSED, [
  chunked(`5\nhello\r\n${END}`),
  chunked(`5\r\nhello\n${END}`),
  chunked('5\r\nhello\r\n0\n\r\n'),
  chunked('5\r\nhello\r\n0\r\n\n'),
  chunked('5\r\nhello\r\n0\n\n'),
  chunked('5\nhello\n0\n\n'),
  chunked('5\r\nhello\r\n0\r\nA: b\n\r\n'),
  chunked('5\r\nhello\r\n0\r\nA: b\r\n\n'),
  chunked(`5;a\nhello\r\n${END}`),
])

refuses(stage, '54 · a bare CR, a missing CRLF and data that is too short or too long are 400 and close', REFUSED, [
  chunked(`5\rhello\r\n${END}`),
  chunked(`5\rXhello\r\n${END}`),
  chunked(`5;a\rXhello\r\n${END}`),
  chunked(`5\r\nhello\rX${END}`),
  chunked('5\r\nhello\r\n0\rX\r\n'),
  chunked('5\r\nhello\r\n0\r\n\rX'),
  chunked('5\r\nhello\r\n0\r\nA: b\rX\r\n'),
  chunked(`5\r\nhello\r${END}`),
  chunked('5\r\nhello\r\n0\r\r\n'),
  chunked('5\r\nhello\r\n0\r\n\r\r'),
  chunked(`5\r\r\nhello\r\n${END}`),
  chunked(`5hello\r\n${END}`),
  chunked(`5\r\nhello${END}`),
  chunked(`5\r\nhello\r\n\r\n${END}`),
  chunked(`3\r\nhello\r\n${END}`),
  chunked(`6\r\nhello\r\n${END}`),
  chunked(`9\r\nhello\r\n${END}`),
  chunked(`5\r\nhelloXX${END}`),
  chunked('5\r\nhello\r\n0\r\nX'),
  chunked('5\r\nhello\r\n00\r\nGET /smuggled HTTP/1.1\r\n\r\n'),
  chunked('hello'),
])

refuses(
  stage,
  '55 · an extension that is none is 400 and closes',
  REFUSED,
  [
    ...[
      ';',
      ';;',
      ';a;',
      '; ',
      ';a\x00',
      ';a\x01',
      ';a\x7f',
      ';a\xff',
      ';a\nb',
      ';a\rb',
      ';a="\r\n"',
      ';a="b',
      ';a="\r\nx',
      ';a="\n"',
    ],
    ...[' ;', ';\r', ';a=\x0b', ';"', ';a="\\\r\n"'],
  ].map(extension => chunked(`5${extension}\r\nhello\r\n${END}`)),
)
refuses(stage, '55 · the same in the last chunk', REFUSED, [
  chunked('5\r\nhello\r\n0;\r\n\r\n'),
  chunked('5\r\nhello\r\n0;a\n\r\n'),
  chunked('5\r\nhello\r\n0;a="\r\n\r\n"'),
])
const WHOLE = /\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n$/
refuses(
  stage,
  '55 · white space around an extension, which not every reader takes, is 400 and closes',
  REFUSED,
  ['; a = b', ';a\t', ' ;a', ';a =b', ';a= b'].map(extension => chunked(`5${extension}\r\nhello\r\n${END}`)),
)
for (const extension of [';a', ';a=b', ';a="b;c"', ';a=b;c="d e"']) {
  accepts(
    stage,
    '55 · a valid extension is dropped',
    post([CHUNKED], `5${extension}\r\nhello\r\n0${extension}\r\n\r\n`) + get(),
    {statuses: [200, 200], seen: [WHOLE, 'GET /t HTTP/1.1\r\n']},
  )
}

refuses(
  stage,
  '56 · extensions of more than 4 KiB in one message are refused and close',
  {status: [400, 413], mayStart: true},
  [
    chunked(`5;a=${'b'.repeat(65_536)}\r\nhello\r\n${END}`),
    chunked(`5;a=${'b'.repeat(4096)}\r\nhello\r\n${END}`),
    chunked('1;a=bcdefgh\r\nx\r\n'.repeat(1000) + END),
    chunked('1;a\r\nx\r\n'.repeat(100_000) + END),
  ],
)
accepts(stage, '56 · many small chunks are no fault', post([CHUNKED], '1\r\nx\r\n'.repeat(100_000) + END) + get(), {
  statuses: [200, 200],
  seen: [/\r\n\r\n(?:1\r\nx\r\n){3}/, 'GET /t HTTP/1.1\r\n'],
})

const TRAILERS = [
  ...['Host: evil', 'Authorization: evil', 'X-Forwarded-For: 6.6.6.6', 'Cookie: evil', 'Expect: 100-continue'],
  ...['A:', '__proto__: a', 'X-Other: 1\r\nX-More: 2'],
]
for (const trailer of TRAILERS) {
  accepts(
    stage,
    '57 · trailers are never merged, and dropped',
    post([CHUNKED], `5\r\nhello\r\n0\r\n${trailer}\r\n\r\n`) + get(),
    {
      statuses: [200, 200],
      seen: [WHOLE, 'GET /t HTTP/1.1\r\n'],
    },
  )
}
refuses(
  stage,
  '57 · a trailer that frames is 400 and closes',
  REFUSED,
  [
    'Content-Length: 5',
    'content-length: 0',
    'Transfer-Encoding: chunked',
    'Connection: close',
    'X-Other: 1\r\nContent-Length: 5',
  ].map(trailer => chunked(`5\r\nhello\r\n0\r\n${trailer}\r\n\r\n`)),
)
refuses(stage, '57 · a trailer that is no field is 400 and closes', REFUSED, [
  chunked('5\r\nhello\r\n0\r\nA\r\n\r\n'),
  chunked('5\r\nhello\r\n0\r\n: b\r\n\r\n'),
  chunked('5\r\nhello\r\n0\r\nA : b\r\n\r\n'),
  chunked('5\r\nhello\r\n0\r\nA(: b\r\n\r\n'),
  chunked('5\r\nhello\r\n0\r\n A: b\r\n\r\n'),
  chunked('5\r\nhello\r\n0\r\nA: b\r\n c\r\n\r\n'),
  chunked('5\r\nhello\r\n0\r\nA: b\x00\r\n\r\n'),
  chunked('5\r\nhello\r\n0\r\nA: b\x01\r\n\r\n'),
  chunked('5\r\nhello\r\n0\r\nA: b\rc\r\n\r\n'),
  chunked('5\r\nhello\r\n0\r\nA: b\nc\r\n\r\n'),
  chunked('5\r\nhello\r\n0\r\nGET /smuggled HTTP/1.1\r\nHost: x.localhost\r\n\r\n'),
])
refuses(stage, '57 · trailers without measure are refused and close', {status: [400, 431], mayStart: true}, [
  chunked(`5\r\nhello\r\n0\r\nA: ${'b'.repeat(200_000)}\r\n\r\n`),
  chunked(`5\r\nhello\r\n0\r\n${'A: b\r\n'.repeat(10_000)}\r\n`),
])

for (const method of ['GET', 'HEAD', 'DELETE', 'OPTIONS', 'QUERY', 'PUT', 'PATCH', 'PROPFIND']) {
  const counted = `${method} /t HTTP/1.1\r\nHost: x.localhost\r\nContent-Length: 5\r\n\r\nhello`
  accepts(stage, `58 · ${method} with a counted body is forwarded as it is framed`, counted + get(), {
    statuses: [200, 200],
    seen: [new RegExp(`^${method} /t [^]*\\r\\nContent-Length: 5\\r\\n\\r\\nhello$`), 'GET /t HTTP/1.1\r\n'],
  })
  const empty = `${method} /t HTTP/1.1\r\nHost: x.localhost\r\nContent-Length: 0\r\n\r\n`
  accepts(stage, `58 · ${method} with an empty body keeps its length`, empty + get(), {
    statuses: [200, 200],
    seen: [new RegExp(`^${method} /t [^]*\\r\\nContent-Length: 0\\r\\n\\r\\n$`), 'GET /t HTTP/1.1\r\n'],
  })
  const inChunks = `${method} /t HTTP/1.1\r\nHost: x.localhost\r\n${CHUNKED}\r\n\r\n5\r\nhello\r\n${END}`
  accepts(stage, `58 · ${method} with a chunked body is forwarded as it is framed`, inChunks + get(), {
    statuses: [200, 200],
    seen: [new RegExp(`^${method} /t [^]*${WHOLE.source}`), 'GET /t HTTP/1.1\r\n'],
  })
}

test.run()
