// A DNS server over UDP that answers what a test tells it to.

import {createSocket} from 'node:dgram'
import type {Scope} from '../../src/base/scope.ts'

export type Srv = {readonly name: string; readonly port: number; readonly priority?: number; readonly weight?: number}
/** Records of one name and type; a word for an answer without any. */
export type Records = readonly (string | Srv)[] | 'NXDOMAIN' | 'SERVFAIL' | 'silent'

export type DnsServer = {
  /** 'host:port'. */
  readonly address: string
  /** 'A orders.test' → its records. What is not there is NXDOMAIN. */
  readonly zone: Map<string, Records>
  /** Questions that came, as the keys of the zone. */
  readonly asked: string[]
}

const TYPES: Readonly<Record<number, string>> = {1: 'A', 28: 'AAAA', 33: 'SRV'}
const CODES: Readonly<Record<string, number>> = {SERVFAIL: 2, NXDOMAIN: 3}

export async function dnsServer(scope: Scope): Promise<DnsServer> {
  const zone = new Map<string, Records>()
  const asked: string[] = []
  const socket = createSocket('udp4')
  socket.on('message', (query, from) => {
    const {name, end} = readName(query, 12)
    const key = `${TYPES[query.readUInt16BE(end)]} ${name}`
    asked.push(key)
    const records = zone.get(key) ?? 'NXDOMAIN'
    if (records === 'silent') return
    socket.send(answerTo(query.subarray(0, end + 4), query.readUInt16BE(end), records), from.port, from.address)
  })
  await new Promise<void>(resolve => socket.bind(0, '127.0.0.1', resolve))
  scope.defer(() => socket.close())
  return {address: `127.0.0.1:${socket.address().port}`, zone, asked}
}

// ---

// RFC 1035 §4.1: header, question, answers, each of which names the question by a pointer.
function answerTo(question: Buffer, type: number, records: Records): Buffer {
  const list = typeof records === 'string' ? [] : records
  const header = Buffer.alloc(12)
  header.writeUInt16BE(question.readUInt16BE(0), 0)
  header.writeUInt16BE(0x8180 | (typeof records === 'string' ? (CODES[records] ?? 0) : 0), 2)
  header.writeUInt16BE(1, 4)
  header.writeUInt16BE(list.length, 6)
  return Buffer.concat([header, question.subarray(12), ...list.map(record => recordOf(type, record))])
}

function recordOf(type: number, record: string | Srv): Buffer {
  const data = typeof record === 'string' ? addressOf(record) : serviceOf(record)
  const head = Buffer.alloc(12)
  head.writeUInt16BE(0xc00c, 0)
  head.writeUInt16BE(type, 2)
  head.writeUInt16BE(1, 4)
  head.writeUInt32BE(1, 6)
  head.writeUInt16BE(data.length, 10)
  return Buffer.concat([head, data])
}

// '10.0.0.1', or IPv6 with all of its eight groups.
function addressOf(text: string): Buffer {
  if (!text.includes(':')) return Buffer.from(text.split('.').map(Number))
  return Buffer.from(
    text.split(':').flatMap(group => [Number.parseInt(group, 16) >> 8, Number.parseInt(group, 16) & 255]),
  )
}

function serviceOf({name, port, priority = 0, weight = 0}: Srv): Buffer {
  const numbers = Buffer.alloc(6)
  for (const [index, value] of [priority, weight, port].entries()) numbers.writeUInt16BE(value, index * 2)
  const labels = name.split('.').map(label => Buffer.concat([Buffer.from([label.length]), Buffer.from(label)]))
  return Buffer.concat([numbers, ...labels, Buffer.from([0])])
}

function readName(message: Buffer, from: number): {name: string; end: number} {
  const labels: string[] = []
  let at = from
  for (let length = message[at] ?? 0; length > 0; length = message[at] ?? 0) {
    labels.push(message.toString('latin1', at + 1, at + 1 + length))
    at += 1 + length
  }
  return {name: labels.join('.').toLowerCase(), end: at + 1}
}
