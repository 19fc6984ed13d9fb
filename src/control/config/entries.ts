// The entries of a document: its routes, hosts, services and tests, each with the line it begins on.

import {isMap, isSeq, type Node} from 'yaml'
import type {Parsed} from './documents.ts'
import {lineAt} from './locate.ts'
import {step} from './problem.ts'

export type EntryKind = 'route' | 'host' | 'service' | 'test'

export type Entry = {
  readonly kind: EntryKind
  readonly value: unknown
  readonly line: number
  readonly document: number
  readonly pointer: string
}

const LISTS = {routes: 'route', hosts: 'host', services: 'service', tests: 'test'} as const

/** Every entry of a file, whether valid or not, in the order of the file. */
export function entriesOf(parsed: Parsed): Entry[] {
  return parsed.values.flatMap((value, document) => {
    const root = parsed.trees[document]?.contents ?? null
    const entry = (kind: EntryKind, pointer: string, item: unknown, node: Node | null): Entry => ({
      kind,
      value: item,
      line: lineAt(parsed, node?.range?.[0] ?? root?.range?.[0] ?? 0),
      document,
      pointer,
    })
    const list = (kind: EntryKind, pointer: string, items: readonly unknown[], node: unknown) =>
      items.map((item, index) =>
        entry(kind, step(pointer, index), item, isSeq(node) ? (node.items[index] as Node) : null),
      )
    if (Array.isArray(value)) return list('route', '', value, root)
    if (typeof value !== 'object' || value === null) return []
    const lists = Object.entries(LISTS).filter(([key]) => Object.hasOwn(value, key))
    if (lists.length === 0) return Object.hasOwn(value, 'id') ? [entry('route', '', value, root)] : []
    return lists.flatMap(([key, kind]) => {
      const items = (value as Record<string, unknown>)[key]
      return Array.isArray(items) ? list(kind, `/${key}`, items, isMap(root) ? root.get(key, true) : null) : []
    })
  })
}
