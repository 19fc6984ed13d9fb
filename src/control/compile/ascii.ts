// What people write may be any Unicode; what stands in a head is bytes. Heads are written as latin1, where 'Ċ' (U+010A)
// would become a line feed, so nothing beyond a byte may reach them.

import {domainToASCII} from 'node:url'

/** 'name: value' with its CRLF; a value beyond ASCII goes as UTF-8, one character for each byte. */
export function fieldLine(name: string, value: string): string {
  return `${name}: ${bytesOf(value)}\r\n`
}

/** The UTF-8 of a text as latin1. */
export function bytesOf(text: string): string {
  return Buffer.from(text, 'utf8').toString('latin1')
}

/** A path or query with everything escaped that may not stand in a target; escapes that are there stay. */
export function asciiPath(text: string): string {
  return text.replace(/[^\x21-\x7e]+/g, escapeAll)
}

/** 'bücher.example:8080' → 'xn--bcher-kva.example:8080'. */
export function asciiAuthority(text: string): string {
  const [, name = '', rest = ''] = /^([^:[]*)(.*)$/s.exec(text) ?? []
  return (/^[\x21-\x7e]*$/.test(name) ? name : domainToASCII(name)) + asciiPath(rest)
}

/** An absolute URL, or a path, in ASCII. */
export function asciiUrl(text: string): string {
  const [, scheme = '', authority = '', rest = ''] = /^(?:([A-Za-z]+:\/\/)([^/?#]*))?(.*)$/s.exec(text) ?? []
  return scheme + asciiAuthority(authority) + asciiPath(rest)
}

// ---

function escapeAll(text: string): string {
  return [...Buffer.from(text, 'utf8')].map(byte => `%${byte.toString(16).toUpperCase().padStart(2, '0')}`).join('')
}
