// redirect and respond: answers that need no instance, composed once.

import {STATUS_CODES} from 'node:http'
import type {Action} from '../../snapshot/snapshot.ts'
import type {RouteRedirect, RouteRespond} from '../config/types.ts'
import {asciiUrl, bytesOf, fieldLine} from './ascii.ts'

const DEFAULT_REDIRECT = 308
const DEFAULT_RESPOND = 200

/** 'https://new.example.com/' and 'https://new.example.com' are the same place to append a path to. */
export function compileRedirect({to, status = DEFAULT_REDIRECT, exact = false}: RouteRedirect): Action {
  const place = asciiUrl(to)
  // Slashes at the end of a query are a part of it.
  return {kind: 'redirect', to: exact ? place : place.replace(/^([^?#]*?)\/+(?=$|[?#])/, '$1'), status, isExact: exact}
}

/** Status line, fields and Content-Length ready to be written; the writer adds Date and Connection. */
export function compileRespond({status = DEFAULT_RESPOND, body = '', headers = {}}: RouteRespond): Action {
  // RFC 9110 §8.6, §15.4.5: 204 has neither body nor length, 304 speaks of the body that the client has.
  const hasBody = status !== 204 && status !== 304
  const bytes = hasBody ? bytesOf(body) : ''
  const names = new Set(Object.keys(headers).map(name => name.toLowerCase()))
  const fields = Object.entries(headers).map(([name, value]) => fieldLine(name, value))
  if (bytes !== '' && !names.has('content-type')) fields.push('Content-Type: text/plain; charset=utf-8\r\n')
  if (hasBody) fields.push(`Content-Length: ${bytes.length}\r\n`)
  return {
    kind: 'respond',
    status,
    head: `HTTP/1.1 ${status} ${STATUS_CODES[status] ?? ''}\r\n${fields.join('')}`,
    body: bytes,
  }
}
