// What belongs to names, found as routes are: the name itself, then the wildcard of its one label, then '*'.

import {TextIndex} from '../base/text-index.ts'
import {parentOf} from './host.ts'

export type HostIndex<T> = {
  /** Puts something under a pattern; what stood there gives way. */
  set(pattern: string, value: T): void
  /** What the most specific pattern for a (normalised) host holds; null when there is none. */
  find(host: string): T | null
}

export function createHostIndex<T>(): HostIndex<T> {
  const exact = new TextIndex<T>()
  const wildcard = new TextIndex<T>()
  let any: T | null = null
  return {
    set(pattern, value) {
      if (pattern === '*') any = value
      else if (pattern.startsWith('*.')) wildcard.set(pattern.slice(2), value)
      else exact.set(pattern, value)
    },
    find(host) {
      const found = exact.size === 0 ? undefined : exact.get(host)
      return found ?? (wildcard.size === 0 ? undefined : wildcard.get(parentOf(host))) ?? any
    },
  }
}
