// What a route does to heads. Routes that do nothing (`head: null`) never come here.

import type {FieldEdits, HeadPolicy} from '../snapshot/snapshot.ts'
import {hasField, mapField, withoutFields} from './http1/field.ts'

/** Field lines after remove, set, add and what was missing. */
export function editFields(fields: string, edits: FieldEdits | null): string {
  if (edits === null) return fields
  let edited = edits.drop.length === 0 ? fields : withoutFields(fields, edits.drop)
  for (const [name, line] of edits.ifMissing) if (!hasField(edited, name)) edited += line
  return edited + edits.append
}

/** Field lines with this Strict-Transport-Security, in the place of the instance's. */
export function withHsts(fields: string, hsts: string): string {
  return withoutFields(fields, ['strict-transport-security']) + hsts
}

/**
 * Paths that the instance names, as the client must see them: what stands for the prefix gives way to the prefix again.
 * `hosts` are the names that mean this very place, in lower case: the client's first, then those of the instance.
 */
export function restorePaths(
  fields: string,
  {cut, put}: NonNullable<HeadPolicy['rewrite']>,
  prefix: string,
  hosts: readonly string[],
): string {
  if (cut === 0 && put === '') return fields
  const restore = (path: string) => restorePath(path, put, prefix)
  const located = mapField(fields, 'location', value => restoreLocation(value, hosts, restore))
  return mapField(located, 'set-cookie', value =>
    value.replace(/(;[ \t]*path[ \t]*=[ \t]*)([^; \t]+)/gi, (_, name: string, path: string) => {
      // RFC 6265 §5.1.4: Path=/app/ would leave out /app itself.
      return name + (path === '/' && put === '' ? prefix : restore(path))
    }),
  )
}

// ---

// '/login' → '/app/login'. A path outside of what we put there is not of this route, and '//x' is another host.
function restorePath(path: string, put: string, prefix: string): string {
  if (!path.startsWith('/') || path.startsWith('//')) return path
  if (put === '') return prefix + path
  if (path === put) return prefix || '/'
  return path.startsWith(`${put}/`) ? prefix + path.slice(put.length) : path
}

function restoreLocation(value: string, hosts: readonly string[], restore: (path: string) => string): string {
  const match = /^((?:https?:)?\/\/([^/?#]*))(\/[^?#]*)?(.*)$/i.exec(value)
  if (!match) {
    const end = value.search(/[?#]/)
    return end < 0 ? restore(value) : restore(value.slice(0, end)) + value.slice(end)
  }
  const [, place = '', authority = '', path = '/', rest = ''] = match
  const host = hosts.indexOf(authority.toLowerCase())
  if (host < 0) return value
  // An instance that sends the client of http to https means it; by its own name nobody can reach it but us.
  return (host === 0 ? place : '') + restore(path) + rest
}
