// retry of a route: the reasons for another try taken apart, the budget as a number.

import {parseShare} from '../../base/units.ts'
import type {Retry} from '../../snapshot/snapshot.ts'
import type {Route, Retry as Written} from '../config/types.ts'

// The `default`s of schemas/defs.schema.json; a test holds the two together.
export const DEFAULT_RETRY: Required<Written> = {times: 1, for: ['connect'], budget: '20%', unsafe: false}

/** null: only what was provably not sent is tried again. */
export function compileRetry(written: Route['retry']): Retry | null {
  if (!written || written === 'off') return null
  const {times, for: reasons, budget, unsafe} = {...DEFAULT_RETRY, ...written}
  const share = parseShare(budget)
  if (share === null) throw new Error(`not a share: ${budget}`)
  if (times === 0 || reasons.length === 0 || share === 0) return null
  return {
    times,
    connect: reasons.includes('connect'),
    timeout: reasons.includes('timeout'),
    statuses: reasons.filter(reason => typeof reason === 'number'),
    budget: share,
    unsafe,
  }
}
