// Where a message ends, as its head says (RFC 9112 §6). Whatever leaves a doubt is refused, and what was put behind it
// for another reader to find is never forwarded.

import {test} from 'uvu'
import {accepts, get, post, refuses, SMUGGLED, stageOf} from '../helpers/inputs.ts'

const stage = stageOf()
const CHUNKS = '5\r\nhello\r\n0\r\n\r\n'
/** A request whose framing fields are given, with a body that each of two readers would end elsewhere. */
const framed = (...fields: readonly string[]) => post(fields, CHUNKS + SMUGGLED)
const counted = (value: string) => post([`Content-Length:${value}`], `hello${SMUGGLED}`)

refuses(stage, '35 · Content-Length with Transfer-Encoding is 400 and closes', {status: 400}, [
  framed('Content-Length: 5', 'Transfer-Encoding: chunked'),
  framed('Transfer-Encoding: chunked', 'Content-Length: 5'),
  framed('Content-Length: 0', 'Transfer-Encoding: chunked'),
  framed('content-length: 15', 'transfer-encoding: Chunked'),
  framed('Transfer-Encoding: CHUNKED', 'A: b', 'CONTENT-LENGTH: 5'),
  framed('Transfer-Encoding:\tchunked', 'Content-Length: 5'),
  framed('Transfer-Encoding: chunked \t', 'Content-Length: 5'),
  framed('Transfer-Encoding:chunked', 'Content-Length: 5'),
  framed('Content-Length: 5', 'Connection: Transfer-Encoding', 'Transfer-Encoding: chunked'),
  framed('Content-Length: 5', 'Connection: Content-Length', 'Transfer-Encoding: chunked'),
])

refuses(
  stage,
  '36 · a Content-Length that is not digits alone is 400 and closes',
  {status: 400},
  [
    ...[
      '+5',
      '-5',
      '0x5',
      '5e0',
      '5.0',
      '"5"',
      '5;x',
      '1_0',
      '5\x00',
      '\xef\xbc\x95',
      ' 5 0',
      '5h',
      'five',
      '5-',
      '0b1',
    ],
    ...['5\x0b', '\x0c5', '5\xa0', '\xb2', 'NaN', 'Infinity', '-0', '--5', '5 ;', '05x'],
  ].map(counted),
)

refuses(stage, '37 · an empty or doubled Content-Length is 400 and closes', {status: 400}, [
  ...['', ' ', '\t', ' 5 5', ' 0 5', ' 0, 5', ' 5, 6', ' 5,', ' ,5', ' 5,,5'].map(counted),
  post(['Content-Length: 5', 'Content-Length: 6'], `hello${SMUGGLED}`),
  post(['Content-Length: 0', 'Content-Length: 5'], `hello${SMUGGLED}`),
  post(['Content-Length: 5', 'A: b', 'content-length: 0'], `hello${SMUGGLED}`),
  post(['Content-Length: 5', 'Content-Length:'], `hello${SMUGGLED}`),
  get('Content-Length: 0', 'Content-Length: 5') + SMUGGLED,
])

refuses(stage, '38 · the same Content-Length twice is 400 and closes', {status: 400}, [
  counted(' 5, 5'),
  counted(' 5,5'),
  post(['Content-Length: 5', 'Content-Length: 5'], `hello${SMUGGLED}`),
  post(['Content-Length: 5', 'Content-Length: 005'], `hello${SMUGGLED}`),
])

for (const [value, body] of [
  ['005', 'hello'],
  ['0000000000000005', 'hello'],
  ['00', ''],
  ['0200', 'x'.repeat(200)],
] as const) {
  accepts(
    stage,
    '39 · leading zeros are decimal and forwarded without them',
    post([`Content-Length: ${value}`], body) + get(),
    {
      statuses: [200, 200],
      seen: [new RegExp(`\\r\\nContent-Length: ${body.length}\\r\\n\\r\\n${body}$`), 'GET /t HTTP/1.1\r\n'],
    },
  )
}

refuses(
  stage,
  '40 · a Content-Length of 2^53 and above is refused and closes',
  {status: [400, 413]},
  [
    ...['9007199254740992', '9007199254740993', '9999999999999999', '18446744073709551615', '18446744073709551616'],
    ...[
      '18446744073709551621',
      '4294967296000000000000',
      '99999999999999999999',
      '00000000000000000005',
      '5'.repeat(1000),
    ],
  ].map(value => counted(` ${value}`)),
)

refuses(stage, '41 · white space before the colon is 400 and closes', {status: 400}, [
  framed('Content-Length : 5'),
  framed('Transfer-Encoding : chunked'),
  framed('Transfer-Encoding\t: chunked'),
  framed('Content-Length: 5', 'Transfer-Encoding : chunked'),
  get('A : b'),
  get('Host : x.localhost'),
  'GET /t HTTP/1.1\r\nHost : x.localhost\r\n\r\n',
])

refuses(
  stage,
  '42 · a coding that does not end in chunked is refused and closes',
  {status: [400, 501]},
  [
    ...[
      'chunked, gzip',
      'gzip',
      'xchunked',
      'chunkedx',
      '"chunked"',
      'chunked;q=1',
      'chunked;a',
      'identity',
      'identity, chunked;a',
    ],
    ...["'chunked'", 'chunked chunked', 'chun ked', 'x chunked', 'cow', 'c\xc4\xa7unked', 'chun\xe2\x84\xaaed'],
  ].flatMap(coding => [
    framed(`Transfer-Encoding: ${coding}`),
    framed('Content-Length: 5', `Transfer-Encoding: ${coding}`),
  ]),
)

refuses(stage, '43 · another coding before chunked is 501 and closes', {status: 501}, [
  framed('Transfer-Encoding: gzip, chunked'),
  framed('Transfer-Encoding: gzip,chunked'),
  framed('Transfer-Encoding: deflate , chunked'),
])
refuses(stage, '43 · identity or more codings before chunked are refused and close', {status: [400, 501]}, [
  framed('Transfer-Encoding: identity, chunked'),
  framed('Transfer-Encoding: gzip, deflate, chunked'),
  framed('Transfer-Encoding: gzip', 'Transfer-Encoding: chunked'),
])

refuses(
  stage,
  '44 · an empty, doubled or padded chunked is refused and closes',
  {status: [400, 501]},
  [
    ...[
      '',
      ' ',
      ' ,chunked',
      ' chunked,',
      ' , chunked',
      ' chunked ,',
      ' chunked, chunked',
      ' chunked,chunked',
      ' ,',
      ',,',
    ],
    ...[
      ' \x00chunked',
      ' chunked\x00',
      ' \x0bchunked',
      ' chunked\x0b',
      '\x0cchunked',
      ' chunked\x7f',
      ' \xa0chunked',
      ' chunked\x85',
    ],
  ].map(value => framed(`Transfer-Encoding:${value}`)),
)
refuses(stage, '44 · two Transfer-Encoding fields are refused and close', {status: [400, 501]}, [
  framed('Transfer-Encoding: chunked', 'Transfer-Encoding: chunked'),
  framed('Transfer-Encoding: chunked', 'Transfer-Encoding: identity'),
  framed('Transfer-Encoding: chunked', 'Transfer-Encoding:'),
  framed('Transfer-Encoding:', 'Transfer-Encoding: chunked'),
  framed('Transfer-Encoding: x', 'Transfer-Encoding: chunked'),
  framed('Transfer-Encoding: chunked', 'transfer-encoding: cow'),
])
for (const coding of [' chunked', '  chunked ', 'chunked', ' CHUNKED', ' cHuNkEd']) {
  accepts(
    stage,
    '44 · chunked in any case is forwarded as ours',
    post([`Transfer-Encoding:${coding}`], CHUNKS) + get(),
    {
      statuses: [200, 200],
      seen: [/\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n$/, 'GET /t HTTP/1.1\r\n'],
    },
  )
}

const OLD = 'POST /t HTTP/1.0\r\nHost: x.localhost\r\n'
refuses(stage, '45 · a transfer coding in HTTP/1.0 is 400 and closes', {status: 400}, [
  `${OLD}Transfer-Encoding: chunked\r\n\r\n${CHUNKS}${SMUGGLED}`,
  `${OLD}Connection: keep-alive\r\nTransfer-Encoding: chunked\r\n\r\n${CHUNKS}${SMUGGLED}`,
  `${OLD}Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n${CHUNKS}${SMUGGLED}`,
])

refuses(stage, '46 · a folded field is 400 and closes', {status: 400}, [
  framed('Transfer-Encoding:\r\n chunked'),
  framed('Transfer-Encoding: chunked\r\n ,gzip'),
  framed('Content-Length:\r\n\t5'),
  framed('Content-Length: 5\r\n 0'),
  get('A: b\r\n c'),
  get('A: b\r\n\tc'),
  get('A: b\r\n '),
  get('A:\r\n : b'),
  'GET /t HTTP/1.1\r\nHost:\r\n x.localhost\r\n\r\n',
])

refuses(stage, '47 · white space before the first field is 400 and closes', {status: 400}, [
  'GET /t HTTP/1.1\r\n Host: x.localhost\r\n\r\n',
  'GET /t HTTP/1.1\r\n\tHost: x.localhost\r\n\r\n',
  'GET /t HTTP/1.1\r\n A: b\r\nHost: x.localhost\r\n\r\n',
  'GET /t HTTP/1.1\r\n \r\nHost: x.localhost\r\n\r\n',
  'GET /t HTTP/1.1\r\n\t\r\nHost: x.localhost\r\n\r\n',
])

const NOT_IN_NAMES = [
  '(',
  ')',
  '/',
  ',',
  ';',
  '<',
  '=',
  '>',
  '?',
  '@',
  '[',
  '\\',
  ']',
  '{',
  '}',
  '"',
  '\x00',
  '\x01',
  '\x1f',
  '\x7f',
]
refuses(stage, '48 · a field without a proper name is 400 and closes', {status: 400}, [
  get(': b'),
  get(':'),
  get('A b: c'),
  get(' : c'),
  get('A'),
  get('A', 'B: c'),
  get('just some words'),
  get('\xe9: b'),
  get('\xa0A: b'),
  get('A\xff: b'),
  get('A\rB: c'),
  ...NOT_IN_NAMES.map(character => get(`A${character}B: c`)),
  framed('Transfer-Encoding\x00: chunked'),
  framed('Transfer-Encoding\xa0: chunked'),
])

refuses(stage, '49 · NUL, CR or LF in a value is 400 and closes', {status: 400}, [
  ...['\x00', '\r', '\n', '\r\r', '\n\r'].flatMap(byte => [get(`A: b${byte}c`), get(`A: ${byte}`), get(`A:${byte}c`)]),
  get('A: b\nTransfer-Encoding: chunked') + CHUNKS,
  get('A: b\rTransfer-Encoding: chunked') + CHUNKS,
  get(`A: b\n\n${SMUGGLED}`),
  get(`A: b\r\r${SMUGGLED}`),
])

const CONTROLS = Array.from({length: 32}, (_, code) => String.fromCharCode(code)).filter(
  byte => !'\x00\t\n\r'.includes(byte),
)
refuses(
  stage,
  '50 · a control character in a value is 400 and closes',
  {status: 400},
  [...CONTROLS, '\x7f'].map(byte => get(`A: b${byte}c`)),
)
accepts(stage, '50 · tabs, high bytes and quotes in a value pass as they are', get('A: \t"b\\"\x80\xff\tc', 'B:'), {
  seen: ['GET /t HTTP/1.1\r\nHost: x.localhost\r\nA: \t"b\\"\x80\xff\tc\r\nB:\r\nX-Forwarded-For: '],
})
accepts(
  stage,
  '50 · names that objects have are names like any other',
  get('__proto__: a', 'constructor: b', 'hasOwnProperty: c'),
  {
    seen: [
      'GET /t HTTP/1.1\r\nHost: x.localhost\r\n__proto__: a\r\nconstructor: b\r\nhasOwnProperty: c\r\nX-Forwarded-For: ',
    ],
  },
)

test.run()
