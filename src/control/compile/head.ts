// What a route does to heads, made ready: prefixes as lengths, fields as lines that only have to be appended.

import type {FieldEdits, HeadPolicy} from '../../snapshot/snapshot.ts'
import type {RouteHeaderChanges, Route as Written} from '../config/types.ts'
import {asciiAuthority, asciiPath, fieldLine} from './ascii.ts'

/** Sent with `security: default` unless the instance says otherwise; what a browser needs to be told to be careful. */
const SECURITY: FieldEdits['ifMissing'] = [
  ['x-content-type-options', 'X-Content-Type-Options: nosniff\r\n'],
  ['x-frame-options', 'X-Frame-Options: SAMEORIGIN\r\n'],
  ['referrer-policy', 'Referrer-Policy: strict-origin-when-cross-origin\r\n'],
]

/** The policy of a route with this prefix; null when heads pass as they are. */
export function compileHead(route: Written, prefix: string): HeadPolicy | null {
  if (!route.stripPrefix && !route.rewrite && !route.hostHeader && !route.headers) return null
  const rewrite = compileRewrite(route, prefix)
  const host = compileHost(route.hostHeader ?? 'preserve')
  const request = compileEdits(route.headers?.request, [])
  const response = compileEdits(route.headers?.response, route.headers?.security === 'default' ? SECURITY : [])
  if (!rewrite && host.kind === 'preserve' && !request && !response) return null
  return {rewrite, host, request, response}
}

// ---

function compileRewrite(route: Written, prefix: string): HeadPolicy['rewrite'] {
  if (route.rewrite) return {cut: prefix.length, put: asciiPath(route.rewrite.prefix).replace(/\/+$/, '')}
  return route.stripPrefix === true && prefix !== '' ? {cut: prefix.length, put: ''} : null
}

function compileHost(text: string): HeadPolicy['host'] {
  if (text === 'preserve' || text === 'target') return {kind: text}
  return {kind: 'literal', value: asciiAuthority(text)}
}

// First remove, then set, then add: a name that is set loses what was there.
function compileEdits(changes: RouteHeaderChanges | undefined, defaults: FieldEdits['ifMissing']): FieldEdits | null {
  const set = Object.entries(changes?.set ?? {})
  const add = Object.entries(changes?.add ?? {})
  const drop = new Set([...(changes?.remove ?? []), ...set.map(([name]) => name)].map(name => name.toLowerCase()))
  const append = [...set, ...add].map(([name, value]) => fieldLine(name, value)).join('')
  const named = new Set([...set, ...add].map(([name]) => name.toLowerCase()))
  const ifMissing = defaults.filter(([name]) => !named.has(name))
  if (drop.size === 0 && append === '' && ifMissing.length === 0) return null
  return {drop: [...drop], append, ifMissing}
}
