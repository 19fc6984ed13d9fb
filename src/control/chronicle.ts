// What is remembered of every revision: what became of it, and of those that were served, their files. A state folder that
// cannot be written costs memory, not service.

import type {Clock} from '../base/clock.ts'
import {messageOf} from '../base/errors.ts'
import type {Log} from '../base/log.ts'
import type {SourceFile} from '../base/source-file.ts'
import {diffSnapshots} from '../router/diff.ts'
import {countChanges} from './changes.ts'
import type {Diagnostic} from './config/diagnostic.ts'
import type {Served} from './gitops/decisions.ts'
import {createHistory, type HistoryEntry, SAME_FILES} from './gitops/history.ts'
import {contentHash} from './gitops/revision.ts'
import type {KeptSet, ServedSets} from './gitops/served-sets.ts'
import type {ReadSet, Trigger} from './source.ts'
import type {Refusal, ServableSet} from './verdict.ts'

/** Nothing of it throws. */
export type Chronicle = {
  load(): Promise<void>
  /** Newest first. */
  entries(): readonly HistoryEntry[]
  /** A set is served, under the name it was read with. */
  served(read: ReadSet): Promise<void>
  /** `before` is what was served; null after a restart. */
  accepted(read: ReadSet, set: ServableSet, before: ServableSet | null, trigger: Trigger): Promise<void>
  refused(read: ReadSet, refusal: Refusal, trigger: Trigger): Promise<void>
  reverted(entry: Pick<HistoryEntry, 'revision' | 'trigger' | 'reason' | 'message' | 'diff'>): Promise<void>
  /** Keeps the files of what is served, for a rollback; whether they are kept now. */
  keep(set: Served & Pick<KeptSet, 'author' | 'subject'>, files: readonly SourceFile[]): Promise<boolean>
}

export type ChronicleParts = {
  readonly state: string
  readonly sets: ServedSets
  readonly clock: Clock
  readonly log: Log
  /** The revision that is served. */
  readonly servingNow: () => string | null
}

export function createChronicle({state, sets, clock, log, servingNow}: ChronicleParts): Chronicle {
  const history = createHistory(state)
  let keptKey = ''

  const now = () => new Date(clock.now()).toISOString()

  async function record(entry: Omit<HistoryEntry, 'at' | 'serving'>): Promise<void> {
    try {
      await history.add({...entry, at: now(), serving: servingNow()})
    } catch (error) {
      log.warn('the history cannot be written', {revision: entry.revision, why: messageOf(error)})
    }
  }

  async function keep(
    {revision, commit, content, author, subject}: Parameters<Chronicle['keep']>[0],
    files: readonly SourceFile[],
  ): Promise<boolean> {
    const [newest] = sets.list()
    if (newest?.content === content && newest.revision === revision && newest.commit === commit) return true
    try {
      await sets.keep({revision, commit, content, author, subject, at: now()}, files)
      return true
    } catch (error) {
      log.warn('what is served cannot be kept for a rollback', {revision, why: messageOf(error)})
      return false
    }
  }

  return {
    load: () => history.load().catch(error => log.error('the history cannot be read', {why: messageOf(error)})),
    entries: () => history.entries().toReversed(),
    keep,
    async served(read) {
      const key = JSON.stringify([read.revision, read.commit, read.key])
      if (key === keptKey) return
      const isKept = await keep({...read, content: contentHash(read.files)}, read.files)
      keptKey = isKept ? key : ''
    },
    async accepted({revision, author, subject}, set, before, trigger) {
      const [is, was] = [set.snapshot, before?.snapshot]
      const isApplied = was?.content !== is.content
      // A restart serves again what was served.
      if (was === undefined && history.entries().at(-1)?.serving === revision) return
      if (!isApplied && was?.revision === revision) return
      const diff = was === undefined || !isApplied ? null : countChanges(diffSnapshots(was, is))
      const common = {revision, author, subject, trigger, message: '', diagnostics: [], diff}
      if (isApplied && was?.revision === revision)
        await record({...common, outcome: 'applied', reason: SAME_FILES, message: AROUND_THEM})
      else if (isApplied) await record({...common, outcome: 'applied', reason: 'Applied'})
      else await record({...common, outcome: 'unchanged', reason: 'SameRoutes'})
    },
    async refused({revision, author, subject}, {type, message, diagnostics}, trigger) {
      const found = diagnostics.filter(({severity}) => severity === 'error').map(entryOf)
      const common = {revision, author, subject, trigger, message, diagnostics: found, diff: null}
      await record({...common, outcome: 'refused', reason: type})
    },
    async reverted(entry) {
      const known = history.entries().findLast(({revision}) => revision === entry.revision)
      const {author = '', subject = ''} = known ?? {}
      await record({...entry, author, subject, outcome: 'reverted', diagnostics: []})
    },
  }
}

// ---

const AROUND_THEM = 'routesd.yaml has changed, or a file that routes refer to'

function entryOf({file, line, column, rule, message}: Diagnostic): HistoryEntry['diagnostics'][number] {
  return {place: `${file}:${line}:${column}`, rule, message}
}
