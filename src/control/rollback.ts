// Where a rollback goes, and what it leaves behind: a set that was served, or any commit before the one that is.

import {commitsBetween} from './gitops/commits-between.ts'
import type {Served} from './gitops/decisions.ts'
import {type Decisions, QUARANTINE_BOUNDS, quarantineOf} from './gitops/decisions.ts'
import {GitError, openGit} from './gitops/git.ts'
import {contentHash} from './gitops/revision.ts'
import type {KeptSet, ServedSets} from './gitops/served-sets.ts'
import {type RoutesPlace, readRevision} from './read-revision.ts'
import type {Source} from './source.ts'
import type {Judge, ServableSet} from './verdict.ts'

export type Target = Served & {
  readonly author: string
  readonly subject: string
  readonly set: ServableSet
}

/** What a rollback takes back: names and contents that may not come again. */
export type Left = {readonly commits: readonly string[]; readonly contents: readonly string[]}

export type RollbackParts = {readonly source: Source; readonly sets: ServedSets; readonly judge: Judge}

/** Why a rollback cannot be done, for the person who asked for it. */
export class RollbackRefused extends Error {}

/** The set that `wanted` names, or the one before what is served; throws RollbackRefused. */
export async function findTarget(
  parts: RollbackParts,
  live: Served,
  wanted: string | null,
  decisions: Decisions,
): Promise<Target> {
  const isFree = (set: Served) => quarantineOf(decisions, set.commit, () => set.content) === null
  const kept = parts.sets.list().filter(({content}) => content !== live.content)
  const set = kept.find(wanted === null ? isFree : one => isNamed(one, wanted))
  if (set !== undefined && !isFree(set))
    throw new RollbackRefused(`${set.revision} was taken back itself; \`routesd resume\` lifts that first`)
  if (set !== undefined) return readKept(parts, set)
  if (wanted !== null && isNamed(live, wanted)) throw new RollbackRefused(`${live.revision} is what is served`)
  const name = wanted ?? (live.commit === null ? null : `${live.commit}^`)
  if (name === null) throw new RollbackRefused(NOTHING_BEFORE)
  return readCommitted(parts, live, name, wanted)
}

/** A set that was served and is still kept, or is in git; throws RollbackRefused. */
export async function readServed(parts: RollbackParts, set: Served): Promise<Target> {
  const kept = parts.sets.list().find(({content}) => content === set.content)
  if (kept !== undefined) return readKept(parts, kept)
  if (set.commit === null) throw new RollbackRefused(`${set.revision} is no longer kept`)
  const target = await readNamed(parts, set.commit)
  if (target === null) throw new RollbackRefused(`${set.revision} is neither kept nor in git`)
  return target
}

/** What lies between: commits after `to` up to `live`, or contents that were served between them. Never throws. */
export async function leftBehind({source, sets}: RollbackParts, live: Served, to: Served): Promise<Left> {
  if (live.commit === null) {
    const list = sets.list().map(({content}) => content)
    const end = list.indexOf(to.content)
    const between = list.slice(0, end === -1 ? 0 : end)
    return {commits: [], contents: [...new Set([live.content, ...between])].filter(one => one !== to.content)}
  }
  const commits = await commitsAfter(source, to.commit, live.commit).catch(() => null) // git is gone: the one is known
  return {commits: commits ?? [live.commit], contents: live.content === to.content ? [] : [live.content]}
}

// ---

const NOTHING_BEFORE = 'nothing was served before'

function isNamed({revision, commit}: Served, wanted: string): boolean {
  if (revision === wanted) return true
  return wanted.length >= 7 && (revision.startsWith(wanted) || commit?.startsWith(wanted) === true)
}

async function readKept(parts: RollbackParts, set: KeptSet): Promise<Target> {
  const files = await parts.sets.read(set).catch((error: Error) => {
    throw new RollbackRefused(error.message)
  })
  return judged(parts, set, files, [])
}

async function readCommitted(parts: RollbackParts, live: Served, name: string, wanted: string | null): Promise<Target> {
  const target = await readNamed(parts, name)
  if (target === null)
    throw new RollbackRefused(wanted === null ? NOTHING_BEFORE : `there is no revision ${wanted}, in git or kept`)
  if (target.commit === live.commit || target.content === live.content)
    throw new RollbackRefused(`${target.revision} has the routes that are served`)
  // Files of a work tree are those of no commit, and any commit may be gone back to from them.
  if (live.commit === null) return target
  if ((await commitsAfter(parts.source, target.commit, live.commit)) === null)
    throw new RollbackRefused(`${target.revision} does not come before ${live.revision}, which is served`)
  return target
}

async function readNamed(parts: RollbackParts, name: string): Promise<Target | null> {
  const place = await placeOf(parts.source)
  const read = place && (await readRevision(place, parts.source.label, name).catch(refuse))
  if (read === null) return null
  const {sha, author, subject} = read.commit
  const isCommit = parts.source.repositoryAt(sha) !== null
  const set = {
    revision: sha.slice(0, 7),
    commit: isCommit ? sha : null,
    content: contentHash(read.files),
    author,
    subject,
  }
  return judged(parts, set, read.files, read.diagnostics)
}

async function judged(
  {judge, source}: RollbackParts,
  {revision, commit, content, author, subject}: Omit<Target, 'set'>,
  files: ServableSet['files'],
  diagnostics: Parameters<Judge>[2],
): Promise<Target> {
  const verdict = await judge(files, revision, diagnostics, source.repositoryAt(commit))
  if (verdict.kind === 'refused') throw new RollbackRefused(`${revision} cannot be served: ${verdict.refusal.message}`)
  return {revision, commit, content, author, subject, set: verdict.set}
}

async function commitsAfter(source: Source, from: string | null, to: string): Promise<string[] | null> {
  const place = await placeOf(source)
  if (place === null || from === null) return null
  return commitsBetween(openGit(place.top), from, to, QUARANTINE_BOUNDS.commits).catch(refuse)
}

function placeOf(source: Source): Promise<RoutesPlace | null> {
  return source.place().catch(refuse)
}

function refuse(error: unknown): never {
  if (!(error instanceof GitError)) throw error
  throw new RollbackRefused(`git: ${error.message}`)
}
