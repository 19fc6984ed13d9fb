// split: the parts of a whole as ranges of a 32-bit hash, so that the request path compares numbers.

import {parseShare} from '../../base/units.ts'
import type {Action, SplitPart} from '../../snapshot/snapshot.ts'
import type {RouteSplitPart} from '../config/types.ts'

/** Hashes that there are. */
const PLACES = 2 ** 32
/** The checks take a sum that misses the whole by 1e-9 for the whole; so must this. */
const PRECISION = 1e8

/** Ranges in the order written; shares that the checks have found to be the whole. */
export function compileSplit(written: readonly RouteSplitPart[], poolOf: (part: RouteSplitPart) => string): Action {
  let sum = 0
  const parts = written.map((part): SplitPart => {
    const share = parseShare(part.share) ?? 0
    sum += share
    return {pool: poolOf(part), share, below: Math.round((Math.round(sum * PRECISION) / PRECISION) * PLACES)}
  })
  return {kind: 'split', parts}
}
