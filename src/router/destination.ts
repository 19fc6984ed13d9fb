// Where a route sends its requests, in words for lists.

import {formatShare} from '../base/units.ts'
import type {Action, SplitPart} from '../snapshot/snapshot.ts'

/** The key that says it in YAML, and what it says: {kind: 'service', destination: 'orders'}. */
export function destinationOf(action: Action): {kind: string; destination: string} {
  switch (action.kind) {
    case 'forward':
      return destinationOfPool(action.pool)
    case 'split':
      return {kind: 'split', destination: action.parts.map(partOf).join(', ')}
    case 'redirect':
      return {kind: 'redirect', destination: `${action.status} ${action.to}`}
    case 'respond':
      return {kind: 'respond', destination: String(action.status)}
  }
}

// ---

function partOf({pool, share}: SplitPart): string {
  return `${formatShare(share)} ${destinationOfPool(pool).destination}`
}

// The key of a target's pool is its URL, with a mark behind it when TLS is checked in an own way; a slug has no '://'.
function destinationOfPool(key: string): {kind: string; destination: string} {
  return key.includes('://')
    ? {kind: 'target', destination: key.split(' ')[0] ?? key}
    : {kind: 'service', destination: key}
}
