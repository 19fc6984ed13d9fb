// Where routes.d comes from. The loop that serves it does not care which it is: files as they stand, or a commit.

import type {SourceFile} from '../base/source-file.ts'
import type {Holding} from './conditions.ts'
import type {Diagnostic} from './config/diagnostic.ts'
import type {RepositoryFiles} from './config/references.ts'
import type {WatchReason} from './gitops/watch.ts'
import type {RoutesPlace} from './read-revision.ts'
import type {Refusal} from './verdict.ts'

/** What a run was asked for by. 'git' is the time for a fetch, 'webhook' a forge that says so. */
export type Trigger = 'start' | 'admin' | 'signal' | 'timer' | 'git' | 'webhook' | WatchReason

export type Source = {
  /** The folder as diagnostics call it, and its absolute path, which may stand for a folder in a repository. */
  readonly label: string
  readonly root: string
  /** Hears of every tick; never waits. */
  noticed(trigger: Trigger): void
  /** Resolves when it is a good moment to read, or with the words for what still speaks against it. */
  settled(starting: boolean): Promise<string | null>
  /** Never throws for what git, the network or the files do. */
  read(request: ReadRequest): Promise<SourceRead>
  /** What a commit has beside its routes; null where paths are read from the disk. */
  repositoryAt(commit: string | null): RepositoryFiles | null
  /** Where revisions can be read; null outside git. Throws GitError. */
  place(): Promise<RoutesPlace | null>
  /** Calls `tick` for every hint of a change, until closed. */
  watch(tick: (trigger: Trigger) => void): Promise<{close(): Promise<void>}>
  /** Ends every wait at once, now and from now on. */
  stop(): void
}

export type ReadRequest = {
  readonly starting: boolean
  /** What `settled` said. */
  readonly blocked: string | null
  /** The commit that is served, or was before a restart; null when there is none. */
  readonly base: string | null
}

export type SourceRead =
  | {readonly kind: 'set'; readonly set: ReadSet}
  /** It moved while it was read: to be read again. */
  | {readonly kind: 'again'}
  /** It moves all the time. */
  | {readonly kind: 'changing'; readonly message: string}
  /** Nothing could be read, so nothing is known about what should be served. */
  | {readonly kind: 'unreadable'; readonly problem: Holding}

export type ReadSet = {
  readonly files: readonly SourceFile[]
  readonly diagnostics: readonly Diagnostic[]
  /** There is no folder of routes. */
  readonly missing: boolean
  readonly revision: string
  /** The commit that the files were read from; null in a work tree. */
  readonly commit: string | null
  /** Of the commit; '' where nobody has committed the files as they are. */
  readonly author: string
  readonly subject: string
  /** The revision, when signatures were asked for and are good. */
  readonly verified: string | null
  /** Why this set may not be served, whatever its files say. */
  readonly refusal: Refusal | null
  readonly drift: Holding | null
  readonly gitProblem: Holding | null
  /** The same for the same content and the same refusal. */
  readonly key: string
}
