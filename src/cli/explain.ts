// explain: who takes a URL and why the others lost, with the line and the commit that put the winner there.

import {relative} from 'node:path'
import {AppError, EXIT, type ExitCode} from '../base/errors.ts'
import {GitError, openGit} from '../control/gitops/git.ts'
import {readLineCommit} from '../control/gitops/repository.ts'
import {createExplainer, type Explanation} from '../router/explain.ts'
import {compileOffline} from './offline.ts'
import {alignColumns} from './table.ts'
import {paint} from './terminal.ts'
import type {Call} from './verb.ts'

type Commit = {readonly sha7: string; readonly author: string; readonly subject: string}

export async function explain(call: Call): Promise<ExitCode> {
  const [method, url] = call.operands.length === 2 ? call.operands : ['GET', call.operands[0]]
  const {snapshot, root, label} = await compileOffline(call)
  const explanation = createExplainer(snapshot)(
    (method ?? '').toUpperCase(),
    withHost(url ?? '', call.values('header')),
  )
  const {route} = explanation
  const commit = route ? await commitOf(root, relative(label, route.file), route.line) : null
  const answer = {...explanation, route: route ? {...route, commit: commit?.sha7 ?? null} : null}
  call.terminal.out(
    call.format === 'json'
      ? JSON.stringify(answer, null, 2)
      : render(explanation, commit, call.terminal.color.out).join('\n'),
  )
  return EXIT.ok
}

// ---

// Of the headers of a request, Host alone decides which route takes it; it stands over the one in the URL, as with curl.
function withHost(url: string, headers: readonly string[]): string {
  let host: string | null = null
  for (const header of headers) {
    const match = /^([!#$%&'*+.^_`|~0-9A-Za-z-]+):\s*(.*?)\s*$/.exec(header)
    if (!match) throw new AppError(`--header '${header}' is not 'Name: value'`)
    if (match[1]?.toLowerCase() === 'host') host = match[2] ?? ''
  }
  return host === null ? url : url.replace(/^((?:https?:\/\/)?)[^/?#]*/i, `$1${host.replaceAll('$', '$$$$')}`)
}

async function commitOf(root: string, path: string, line: number): Promise<Commit | null> {
  try {
    return await readLineCommit(openGit(root), path, line)
  } catch (error) {
    // Outside git, or a file that git does not know yet: then no commit put it there.
    if (error instanceof GitError) return null
    throw error
  }
}

function render(explanation: Explanation, commit: Commit | null, color: boolean): string[] {
  const {route, answer, upstream, forward, policies, candidates} = explanation
  const lines = [paint(color, 'bold', `${explanation.method} ${explanation.url}`)]
  if (answer) lines.push(`  ${paint(color, 'yellow', `answered ${answer.status}`)}: ${answer.why}`)
  const winner = candidates.find(candidate => candidate.outcome === 'won')
  if (route && winner) lines.push(`  ${paint(color, 'green', route.id)} wins: ${winner.why}`, '')
  const facts = [
    ['forward', forward],
    ['service', upstream && upstream.service !== upstream.url ? upstream.service : null],
    ['from', route && `${route.file}:${route.line}`],
    ['commit', route && (commit ? `${commit.sha7} ${commit.subject} (${commit.author})` : 'not committed')],
    ['revision', explanation.revision],
    ...policies.map(({name, value}) => [name, value]),
  ]
  if (route) lines.push(...indent(alignColumns(facts.filter((fact): fact is string[] => fact[1] !== null))))
  const losers = candidates.filter(candidate => candidate.outcome === 'lost')
  if (losers.length > 0) lines.push('', '  Others', ...indent(alignColumns(losers.map(({id, why}) => [id, why]))))
  return lines
}

function indent(lines: readonly string[]): string[] {
  return lines.map(line => `    ${line}`)
}
