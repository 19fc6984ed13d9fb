// Where commits come from: a repository on this machine that people push to or work in, or a mirror of a remote.

import type {Holding} from './conditions.ts'
import type {GitError} from './gitops/git.ts'
import type {CommitTree} from './gitops/read-commit.ts'
import type {Trigger} from './source.ts'

export type Origin = {
  /** The folder of the routes as diagnostics call it. */
  readonly label: string
  /** Where the folder of the routes would be in a work tree; absolute. */
  readonly root: string
  /** Where the top of the repository would be in a work tree. */
  top(): string
  noticed(trigger: Trigger): void
  settled(): Promise<string | null>
  /** Brings in what is new; returns the problem when there is nothing to read at all. */
  refresh(starting: boolean): Promise<Holding | null>
  /** The repository and the commit to serve. */
  locate(): Promise<Located | {readonly problem: Holding}>
  /** Mends what reading found broken; whether another try is worth it. */
  repair(error: GitError): Promise<boolean>
  /** What keeps new commits from coming in, while the old ones can be read. */
  problem(): Holding | null
  /** How the work tree differs from the commit. */
  drift(tree: CommitTree, revision: string): Promise<Holding | null>
  watch(tick: (trigger: Trigger) => void): Promise<{close(): Promise<void>}>
  stop(): void
}

export type Located = {
  /** A folder that git can be run in. */
  readonly top: string
  /** Folder of the routes in the tree; '' for all of it. */
  readonly path: string
  /** The name of the commit. */
  readonly ref: string
  /** As people call it. */
  readonly name: string
}
