// routes.d as a commit has it, from git's objects: HEAD of the repository that the folder is in, or the branch of a remote
// in a mirror of it. What lies in a work tree is looked at only to say that it differs.
//
//   fetch (remote) → which commit → does it descend → is it signed → its files

import {join, relative} from 'node:path'
import type {SourceFile} from '../base/source-file.ts'
import type {Holding} from './conditions.ts'
import type {Diagnostic} from './config/diagnostic.ts'
import {decodeSource, nameOf} from './config/files.ts'
import {wholeFile} from './config/locate.ts'
import type {RepositoryFiles} from './config/references.ts'
import {descentOf} from './gitops/descends.ts'
import {type Git, GitError, openGit} from './gitops/git.ts'
import {findEntry, readBlobs} from './gitops/objects.ts'
import {type CommitTree, readCommitFile, readCommitTree} from './gitops/read-commit.ts'
import {type Commit, readCommit} from './gitops/repository.ts'
import {type SignaturePolicy, verifyCommits} from './gitops/verify.ts'
import type {Origin} from './origin.ts'
import type {ReadRequest, ReadSet, Source, SourceRead} from './source.ts'
import type {Refusal} from './verdict.ts'

export type CommitParts = {
  readonly origin: Origin
  readonly fastForwardOnly: boolean
  readonly verify: SignaturePolicy | null
}

export function createCommitSource({origin, fastForwardOnly, verify}: CommitParts): Source {
  const {label} = origin
  // The files of the last commit that was read, by blob: what did not change is neither read nor decoded again.
  let known = new Map<string, SourceFile>()
  // A commit is what it is: one push makes several ticks, and only the first of them has anything to read.
  let last: {readonly key: string; readonly tree: CommitTree | null; readonly read: Found} | null = null
  // What the routes of that commit refer to beside themselves: a commit that changes it is another one for them.
  const referred = new Set<string>()
  let referring = ''
  // What was found out about a commit, until another one is asked about.
  let gate: {readonly key: string; readonly refusal: Refusal | null} | null = null

  async function readTip({base}: ReadRequest): Promise<SourceRead> {
    const place = await origin.locate()
    if ('problem' in place) return {kind: 'unreadable', problem: place.problem}
    const git = openGit(place.top)
    const commit = await readCommit(git, place.ref)
    // A rebase that began meanwhile carries HEAD about.
    const still = await origin.locate()
    if ('ref' in still && still.ref !== place.ref) return {kind: 'again'}
    if (commit === null) throw new GitError('failed', `${place.name} has no commit`)
    const revision = commit.sha.slice(0, 7)
    const refusal = await judgeCommit(git, place.top, commit, base)
    const {author, subject} = commit
    const common = {revision, commit: commit.sha, author, subject, gitProblem: origin.problem()}
    if (refusal !== null) {
      const key = JSON.stringify([commit.sha, refusal.message])
      const nothing = {files: [], diagnostics: [], missing: false, verified: null, drift: null}
      return {kind: 'set', set: {...common, ...nothing, refusal, key}}
    }
    const where = JSON.stringify([commit.sha, place.top, place.path])
    if (last?.key !== where) {
      const tree = await readCommitTree(git, commit.sha, place.path)
      last = {key: where, tree, read: tree === null ? NOTHING : await readFiles(place.top, tree)}
    }
    const {tree, read} = last
    const key = JSON.stringify([read.key, await readReferred(git, commit.sha, read.key)])
    const drift = tree === null ? null : await origin.drift(tree, revision)
    const verified = verify === null ? null : revision
    return {kind: 'set', set: {...common, ...read, key, verified, refusal: null, drift}}
  }

  async function judgeCommit(git: Git, top: string, {sha}: Commit, base: string | null): Promise<Refusal | null> {
    const key = `${base}..${sha}`
    // A refusal may be lifted by a change of the signers; that a commit was good stays true.
    if (gate?.key === key && gate.refusal === null) return null
    const refusal = (await notDescending(git, sha, base)) ?? (await notVerified(top, sha, base))
    gate = {key, refusal}
    return refusal
  }

  async function notDescending(git: Git, sha: string, base: string | null): Promise<Refusal | null> {
    if (!fastForwardOnly || base === null) return null
    const descent = await descentOf(git, base, sha)
    if (descent === 'descends') return null
    const [tip, served] = [sha.slice(0, 7), base.slice(0, 7)]
    const why = descent === 'rewritten' ? `does not descend from ${served}` : `is in a history without ${served}`
    const isShallow = (await git('rev-parse', '--is-shallow-repository')).trim() === 'true'
    const what = isShallow
      ? 'the repository is shallow, so perhaps nobody can tell: run git fetch --unshallow in it'
      : `push a commit on top of ${served}, or set git.fastForwardOnly: false to accept a rewritten history`
    const message = `force-push: ${tip} ${why}, which is served; ${what}`
    return {type: 'GuardRefused', message, diagnostics: []}
  }

  async function notVerified(top: string, sha: string, base: string | null): Promise<Refusal | null> {
    if (verify === null) return null
    const unverified = await verifyCommits(top, verify, {base, tip: sha})
    if (unverified === null) return null
    return {type: 'VerificationFailed', message: unverified.message, diagnostics: []}
  }

  async function readFiles(top: string, tree: CommitTree): Promise<Found> {
    const diagnostics: Diagnostic[] = tree.problems.map(({rule, path, message, hint}) =>
      wholeFile(rule, nameOf(label, path), message, hint),
    )
    if (diagnostics.length > 0) return {files: [], diagnostics, missing: false, key: tree.id}
    const wanted = tree.files.filter(({id}) => !known.has(id)).map(({id}) => id)
    const blobs = await readBlobs(top, [...new Set(wanted)])
    const next = new Map<string, SourceFile>()
    const files: SourceFile[] = []
    for (const {path, id} of tree.files) {
      const bytes = blobs.get(id)
      const source = known.get(id) ?? (bytes && decodeSource(path, bytes, nameOf(label, path)))
      if (source === undefined) throw new GitError('failed', `git has not written the object ${id}`)
      if ('sha256' in source) {
        const file = source.path === path ? source : {...source, path}
        next.set(id, file)
        files.push(file)
      } else diagnostics.push(source)
    }
    known = next
    return {files, diagnostics, missing: false, key: tree.id}
  }

  async function readReferred(git: Git, sha: string, routes: string): Promise<string[]> {
    if (routes !== referring) referred.clear()
    referring = routes
    return Promise.all([...referred].map(async name => (await findEntry(git, sha, name))?.id ?? 'none'))
  }

  function filesOf(commit: string): RepositoryFiles {
    return {
      holds: path => isBelow(origin.top(), path),
      async read(path) {
        const top = origin.top()
        const name = relative(top, path)
        referred.add(name)
        const bytes = await readCommitFile(openGit(top), top, commit, name)
        if (bytes === null) throw new Error(`${name} is not in commit ${commit.slice(0, 7)}`)
        return bytes.toString()
      },
    }
  }

  return {
    label,
    root: origin.root,
    noticed: trigger => origin.noticed(trigger),
    settled: () => origin.settled(),
    async read(request) {
      const failure = await origin.refresh(request.starting)
      if (failure !== null) return {kind: 'unreadable', problem: failure}
      try {
        return await readTip(request)
      } catch (error) {
        if (!(error instanceof GitError)) throw error
        if (!(await origin.repair(error))) return unreadable(error)
      }
      try {
        return await readTip(request)
      } catch (error) {
        if (!(error instanceof GitError)) throw error
        return unreadable(error)
      }
    },
    async place() {
      const place = await origin.locate()
      return 'problem' in place ? null : place
    },
    repositoryAt: commit => (commit === null ? null : filesOf(commit)),
    watch: tick => origin.watch(tick),
    stop: () => origin.stop(),
  }
}

// ---

type Found = Pick<ReadSet, 'files' | 'diagnostics' | 'missing' | 'key'>

const NOTHING: Found = {files: [], diagnostics: [], missing: true, key: 'missing'}

function unreadable({kind, message, hint}: GitError): SourceRead {
  const reason = kind === 'missing' ? 'GitMissing' : kind === 'dubious-ownership' ? 'DubiousOwnership' : 'Unreadable'
  const problem: Holding = {reason, message: hint === null ? message : `${message}; ${hint}`}
  return {kind: 'unreadable', problem}
}

function isBelow(folder: string, path: string): boolean {
  const below = relative(folder, path)
  return below !== '..' && !below.startsWith('../') && join(folder, below) === path
}
