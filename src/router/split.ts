// Which part of a split a client belongs to. No cookie and no memory: a hash of the client and the route is a place between
// 0 and 2^32, and the parts are ranges of places, in the order in which they are written. So a client stays where it is,
// across connections, workers, restarts and reloads, and a share that grows moves only those between its old end and its new.

import {hashOf} from '../base/hash.ts'
import type {SplitPart} from '../snapshot/snapshot.ts'

/** Index of the part that has the client. The id of the route is in the hash: who gets one canary need not get them all. */
export function choosePart(parts: readonly SplitPart[], routeId: string, address: string): number {
  const place = hashOf(`${routeId} ${address}`)
  for (let i = 0; i < parts.length; i++) if (place < (parts[i]?.below ?? 0)) return i
  return parts.length - 1
}
