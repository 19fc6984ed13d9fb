// The WebSocket handshake (RFC 6455 §4): what a client must ask and an instance must answer.

import {createHash} from 'node:crypto'
import type {IncomingMessage} from 'node:http'
import type {RequestHead} from './request-head.ts'

/** RFC 6455 §1.3. */
const ACCEPT_GUID = '258EAFA5-E914-47DA-95CA-C5AB0DC85B11'

/** RFC 6455 §4.1: a GET without a body, version 13, and one key of 16 bytes in base64. */
export function isHandshake(head: RequestHead): boolean {
  if (head.method !== 'GET' || head.minor !== 1 || head.contentLength > 0 || head.isChunked) return false
  const [version, ...otherVersions] = valuesOf(head.fields, 'sec-websocket-version')
  const [key, ...otherKeys] = valuesOf(head.fields, 'sec-websocket-key')
  if (otherVersions.length > 0 || otherKeys.length > 0) return false
  return version === '13' && /^[A-Za-z0-9+/]{22}==$/.test(key ?? '')
}

/** What an instance that has read the key of this head answers in Sec-WebSocket-Accept. */
export function acceptOf(head: string): string {
  const [key = ''] = valuesOf(head, 'sec-websocket-key')
  return createHash('sha1')
    .update(key + ACCEPT_GUID)
    .digest('base64')
}

/** RFC 6455 §4.1: the instance says what it switches to, and proves that it has read the key. */
export function isAgreed({statusCode, headers}: IncomingMessage, accept: string): boolean {
  return (
    statusCode === 101 &&
    headers.upgrade?.toLowerCase() === 'websocket' &&
    /(?:^|,)\s*upgrade\s*(?:,|$)/i.test(headers.connection ?? '') &&
    headers['sec-websocket-accept'] === accept
  )
}

// ---

function valuesOf(fields: string, name: string): string[] {
  return fields.split('\r\n').flatMap(line => {
    const colon = line.indexOf(':')
    return colon === name.length && line.slice(0, colon).toLowerCase() === name ? [line.slice(colon + 1).trim()] : []
  })
}
