// What a route does to heads. Routes that do nothing (`head: null`) never come here.

import type {FieldEdits, HeadPolicy} from '../snapshot/snapshot.ts'
import {hasField, mapField, withoutFields} from './http1/field.ts'

/** Field lines after remove, set, add and what was missing. */
export function editFields(fields: string, edits: FieldEdits): string {
  let edited = edits.drop.length === 0 ? fields : withoutFields(fields, edits.drop)
  for (const [name, line] of edits.ifMissing) if (!hasField(edited, name)) edited += line
  return edited + edits.append
}

/**
 * Paths that the instance names, as the client must see them: what stands for the prefix gives way to the prefix again.
 * `hosts` are the names that mean this very place, the client's and the instance's, in lower case.
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
    value.replace(/(;\s*path=)([^;]*)/i, (_, name: string, path: string) => name + restore(path.trim())),
  )
}

// ---

// '/login' → '/app/login'. A path outside of what we put there is not of this route, and '//x' is another host.
function restorePath(path: string, put: string, prefix: string): string {
  if (!path.startsWith('/') || path.startsWith('//')) return path
  if (put === '') return path === '/' ? prefix || '/' : prefix + path
  if (path === put) return prefix || '/'
  return path.startsWith(`${put}/`) ? prefix + path.slice(put.length) : path
}

function restoreLocation(value: string, hosts: readonly string[], restore: (path: string) => string): string {
  const match = /^(https?:\/\/([^/?#]*))(\/[^?#]*)?(.*)$/i.exec(value)
  if (!match) {
    const end = value.search(/[?#]/)
    return end < 0 ? restore(value) : restore(value.slice(0, end)) + value.slice(end)
  }
  const [, , authority = '', path = '/', rest = ''] = match
  // The client knows by which name and scheme it came: a path is enough, and cannot be wrong.
  return hosts.includes(authority.toLowerCase()) ? restore(path) + rest : value
}
