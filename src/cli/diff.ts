// diff: which URLs change hands between two revisions. Both are read with the settings of today.

import {AppError, EXIT, type ExitCode} from '../base/errors.ts'
import {GitError} from '../control/gitops/git.ts'
import {readForkPoint} from '../control/gitops/tree.ts'
import {type CertificateChange, diffCertificates} from '../router/certificate-names.ts'
import {type Change, diffSnapshots} from '../router/diff.ts'
import type {Snapshot} from '../snapshot/snapshot.ts'
import {compileCommit, compileFolder, readSettings} from './offline.ts'
import {renderDiff} from './render-diff.ts'
import {renderDiffMarkdown} from './render-diff-markdown.ts'
import {findRoutes} from './routes-place.ts'
import type {Call} from './verb.ts'

export type Diff = {
  /** Names of the two revisions. */
  readonly from: string
  readonly to: string
  readonly changes: readonly Change[]
  readonly certificates: CertificateChange
}

export async function diff(call: Call): Promise<ExitCode> {
  const [a, b] = await revisionsOf(call)
  const before = await snapshotAt(call, a)
  const after = await snapshotAt(call, b)
  const found: Diff = {
    from: before.revision,
    to: after.revision,
    changes: diffSnapshots(before, after),
    certificates: diffCertificates(before, after),
  }
  call.terminal.out(render(found, call))
  return isEmpty(found) || !call.isOn('exit-code') ? EXIT.ok : EXIT.findings
}

/** Nothing changes hands. */
export function isEmpty({changes, certificates}: Diff): boolean {
  return changes.length === 0 && certificates.order.length === 0 && certificates.drop.length === 0
}

// ---

/** null is the work tree, or where there is none the newest commit. 'A..B' is A and B, 'A...B' what B did since it left A, as git has it. */
async function revisionsOf(call: Call): Promise<readonly [string, string | null]> {
  const {tip} = await findRoutes(await readSettings(call))
  if (tip !== null && call.operands.length === 0)
    throw new AppError('nothing is checked out here that HEAD could be compared with', {
      hint: 'name two revisions, such as HEAD~1 HEAD',
    })
  const [first = 'HEAD', second = null] = call.operands
  const range = /^(.*?)(\.{2,3})(.*)$/.exec(first)
  if (!range) return [first, second]
  if (second !== null) throw new AppError(`'${first}' is a range already: '${second}' is too many`)
  const [, from = '', dots, to = ''] = range
  const [a, b] = [from || 'HEAD', to || 'HEAD']
  return dots === '..' ? [a, b] : [await forkPoint(call, a, b), b]
}

async function forkPoint(call: Call, a: string, b: string): Promise<string> {
  const {root} = await findRoutes(await readSettings(call))
  try {
    const sha = await readForkPoint(root, a, b)
    if (sha !== null) return sha
  } catch (error) {
    if (!(error instanceof GitError)) throw error
    throw new AppError(`cannot tell where ${b} left ${a}: ${error.message}`)
  }
  throw new AppError(`${a} and ${b} have no commit in common`)
}

/** Before routes.d was there, and after it is gone, every URL is answered with 404. */
async function snapshotAt(call: Call, name: string | null): Promise<Snapshot> {
  const compiled = name === null ? await compileFolder(call) : await compileCommit(call, name)
  return compiled.snapshot
}

function render(found: Diff, {format, terminal}: Call): string {
  if (format === 'json') return JSON.stringify(found, null, 2)
  return format === 'md' ? renderDiffMarkdown(found) : renderDiff(found, terminal.color.out)
}
