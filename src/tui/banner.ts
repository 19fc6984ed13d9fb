// What nobody may overlook: a revision that was refused, or a daemon that does not answer.

import {formatAge} from './format.ts'
import type {Tone} from './look.ts'
import type {State} from './state.ts'

export type Banner = {readonly tone: Tone; readonly headline: string; readonly lines: readonly string[]}

/** null when all is well. `lines` are the file's, as `check` shows them. */
export function bannerOf({connection, status, nowMs}: State): Banner | null {
  if (connection.kind === 'lost') {
    const since = formatAge(nowMs - connection.sinceMs)
    const headline = status === null ? 'no daemon answers, retrying' : `daemon is gone, retrying (for ${since})`
    return {tone: 'alarm', headline, lines: [connection.reason]}
  }
  if (status === null || status.sync.state !== 'OutOfSync') return null
  const {sync, revision, conditions} = status
  const condition = conditions.find(({type}) => type === sync.reason)
  const what = revision.failed === null ? sync.reason : `${revision.failed} is refused`
  const serving = revision.applied === null ? 'nothing is served' : `${revision.applied} keeps serving`
  const lines = (condition?.excerpt ?? '').split('\n').filter(Boolean)
  return {tone: 'alarm', headline: `${what}; ${serving}`, lines: [sync.message, ...lines]}
}
