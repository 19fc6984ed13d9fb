// The PROXY protocol, versions 1 and 2 (haproxy.org/download/3.0/doc/proxy-protocol.txt): a trusted balancer before us says
// first who connected to it. Read only where it must come; a connection that does not begin with it is closed.

import {isIP} from 'node:net'

/** `address` is '' when the balancer speaks for itself (LOCAL, UNKNOWN). */
export type ProxyHeader = {readonly address: string; readonly end: number}

/** §2.1: the longest line with its CRLF. */
const V1_BYTES_MAX = 107
const PORT_MAX = 65535
/** Addresses and TLVs of a version 2 header; senders use some dozens. */
const V2_BYTES_MAX = 4096
const V2_SIGNATURE = Buffer.from('\r\n\r\n\0\r\nQUIT\n', 'latin1')

/** The header at the beginning of a connection; 'more' while it may still become one. */
export function readProxyHeader(bytes: Buffer): ProxyHeader | 'more' | 'invalid' {
  const signature = V2_SIGNATURE.subarray(0, bytes.length)
  if (signature.equals(bytes.subarray(0, V2_SIGNATURE.length))) return readVersion2(bytes)
  return readVersion1(bytes)
}

// ---

function readVersion1(bytes: Buffer): ProxyHeader | 'more' | 'invalid' {
  const text = bytes.latin1Slice(0, Math.min(bytes.length, V1_BYTES_MAX))
  const end = text.indexOf('\r\n')
  if (!'PROXY '.startsWith(text.slice(0, 6))) return 'invalid'
  if (end < 0) return text.length < V1_BYTES_MAX ? 'more' : 'invalid'
  if (/^PROXY UNKNOWN( |$)/.test(text.slice(0, end))) return {address: '', end: end + 2}
  const match = /^PROXY (TCP4|TCP6) (\S+) (\S+) (\d{1,5}) (\d{1,5})$/.exec(text.slice(0, end))
  const [, protocol, address = '', destination = '', from, to] = match ?? []
  const family = protocol === 'TCP4' ? 4 : 6
  if (!isAddress(address, family) || !isAddress(destination, family)) return 'invalid'
  return Number(from) <= PORT_MAX && Number(to) <= PORT_MAX ? {address, end: end + 2} : 'invalid'
}

// Without the scope that isIP lets pass: 'fe80::1%eth0' means something to the sender alone.
function isAddress(text: string, family: 4 | 6): boolean {
  return isIP(text) === family && !text.includes('%')
}

// §2.2: 12 bytes of signature, version and command, family and protocol, length.
function readVersion2(bytes: Buffer): ProxyHeader | 'more' | 'invalid' {
  if (bytes.length < 16) return 'more'
  const command = bytes.readUInt8(12)
  const family = bytes.readUInt8(13)
  const length = bytes.readUInt16BE(14)
  if (command >> 4 !== 2 || (command & 15) > 1 || length > V2_BYTES_MAX) return 'invalid'
  const end = 16 + length
  if (bytes.length < end) return 'more'
  if ((command & 15) === 0 || family === 0) return {address: '', end}
  if (family === 0x11 && length >= 12) return {address: [...bytes.subarray(16, 20)].join('.'), end}
  if (family === 0x21 && length >= 36) return {address: ipv6Of(bytes.subarray(16, 32)), end}
  return 'invalid'
}

function ipv6Of(bytes: Buffer): string {
  const groups = Array.from({length: 8}, (_, i) => bytes.readUInt16BE(i * 2).toString(16))
  return new URL(`http://[${groups.join(':')}]`).hostname.slice(1, -1)
}
