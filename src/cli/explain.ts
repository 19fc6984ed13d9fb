// explain: who takes a URL and why the others lost, with the line and the commit that put the winner there; with --live, of
// what a daemon serves at this moment, and which instance would get the request.

import {isIP} from 'node:net'
import {join, relative} from 'node:path'
import {createAdminClient} from '../admin/client.ts'
import type {ExplainAnswer, ExplainAsked, LiveAnswer} from '../admin/protocol.ts'
import {AppError, EXIT, type ExitCode} from '../base/errors.ts'
import {GitError, openGit} from '../control/gitops/git.ts'
import {readLineCommit} from '../control/gitops/repository.ts'
import {nearestFolder} from '../control/gitops/tree.ts'
import type {Candidate} from '../router/candidates.ts'
import {createExplainer, type Part} from '../router/explain.ts'
import {type Header, sayRequest} from '../router/said.ts'
import {compileOffline, readSettings} from './offline.ts'
import {alignColumns} from './table.ts'
import {paint} from './terminal.ts'
import type {Call} from './verb.ts'

type Commit = {readonly sha7: string; readonly author: string; readonly subject: string}

export async function explain(call: Call): Promise<ExitCode> {
  const [method, url] = call.operands.length === 2 ? call.operands : ['GET', call.operands[0]]
  const asked: ExplainAsked = {
    method: (method ?? '').toUpperCase(),
    url: url ?? '',
    headers: call.values('header').map(readHeader),
    clientIp: readClientIp(call.values('client-ip').at(-1)),
  }
  const answer = call.isOn('live') ? await askDaemon(call, asked) : await readFiles(call, asked)
  call.terminal.out(
    call.format === 'json' ? JSON.stringify(answer, null, 2) : render(answer, call.terminal.color.out).join('\n'),
  )
  return EXIT.ok
}

// ---

type Answer = Omit<ExplainAnswer, 'live'> & Partial<Pick<ExplainAnswer, 'live'>>

async function askDaemon(call: Call, asked: ExplainAsked): Promise<Answer> {
  if (call.values('at').length > 0)
    throw new AppError('--live and --at exclude each other', {hint: 'a daemon serves one revision'})
  const {admin} = await readSettings(call)
  return createAdminClient(admin.socket).explain(asked)
}

async function readFiles(call: Call, {method, url, headers, clientIp}: ExplainAsked): Promise<Answer> {
  const {snapshot, root, label, sha} = await compileOffline(call)
  const {url: place, said} = sayRequest(url, headers, clientIp)
  const explanation = createExplainer(snapshot)(method, place, said)
  const {route} = explanation
  const commit = route ? await commitOf(root, relative(label, route.file), route.line, sha) : null
  return {...explanation, route: route ? {...route, ...wordsOf(commit)} : null}
}

function readHeader(header: string): Header {
  const match = /^([!#$%&'*+.^_`|~0-9A-Za-z-]+):\s*(.*?)\s*$/.exec(header)
  if (!match) throw new AppError(`--header '${header}' is not 'Name: value'`)
  return {name: match[1] ?? '', value: match[2] ?? ''}
}

function readClientIp(text: string | undefined): string | null {
  if (text === undefined) return null
  if (isIP(text) === 0) throw new AppError(`--client-ip '${text}' is not an IP address`)
  return text
}

async function commitOf(root: string, path: string, line: number, sha: string | null): Promise<Commit | null> {
  try {
    const {folder, rest} = await nearestFolder(join(root, path))
    return await readLineCommit(openGit(folder), rest, line, sha)
  } catch (error) {
    // Outside git, or a file that git does not know yet: then no commit put it there.
    if (error instanceof GitError) return null
    throw error
  }
}

function wordsOf(commit: Commit | null): {commit: string | null; author: string | null; subject: string | null} {
  return {commit: commit?.sha7 ?? null, author: commit?.author ?? null, subject: commit?.subject ?? null}
}

function render({method, url, revision, live, ...explanation}: Answer, color: boolean): string[] {
  const {route, answer, upstream, forward, split, policies, candidates} = explanation
  const lines = [paint(color, 'bold', `${method} ${url}`)]
  if (answer) lines.push(`  ${paint(color, 'yellow', `answered ${answer.status}`)}: ${answer.why}`)
  const winner = candidates.find(candidate => candidate.outcome === 'won')
  if (winner) lines.push(`  ${paint(color, 'green', nameOf(winner))} wins: ${winner.why}`, '')
  const facts = [
    ['forward', forward],
    ['service', upstream && upstream.service !== upstream.url ? upstream.service : null],
    ...(split ?? []).map(part => ['split', describe(part)]),
    ['from', route && `${route.file}:${route.line}`],
    ['commit', route && (route.commit ? `${route.commit} ${route.subject} (${route.author})` : 'not committed')],
    ['revision', live ? `${revision}, which is served now` : revision],
    ...policies.map(({name, value}) => [name, value]),
  ]
  if (route) lines.push(...indent(alignColumns(facts.filter((fact): fact is string[] => fact[1] !== null))))
  if (live) lines.push(...renderLive(live, color))
  const losers = candidates.filter(candidate => candidate.outcome === 'lost')
  if (losers.length > 0)
    lines.push('', '  Others', ...indent(alignColumns(losers.map(loser => [nameOf(loser), loser.why]))))
  return lines
}

function renderLive({pools, instances}: LiveAnswer, color: boolean): string[] {
  const rows = instances.map(({id, state, inFlight, outcome, why, lease, reason}) => [
    MARKS[outcome],
    id,
    state,
    `${inFlight} in flight`,
    // What an operator has ordered is told whoever would get the request.
    lease === null || why === reason ? why : `${why}; ${reason}`,
  ])
  const troubles = pools.flatMap(({service, circuit, queued}) => [
    ...(circuit === 'closed' ? [] : [`the circuit of ${service} is ${circuit}`]),
    ...(queued === 0 ? [] : [`${queued} requests wait for an instance of ${service}`]),
  ])
  if (rows.length === 0 && troubles.length === 0) return pools.length === 0 ? [] : ['', '  Nobody can take it']
  const painted = alignColumns(rows, [3]).map((line, at) =>
    instances[at]?.outcome === 'picked' ? paint(color, 'green', line) : line,
  )
  return ['', '  Instances', ...indent(painted), ...indent(troubles)]
}

const MARKS = {picked: '*', possible: '?', passed: '-'} as const

function nameOf({id, variant}: Candidate): string {
  return variant === undefined ? id : `${id} (${variant})`
}

function describe({service, share, taken}: Part): string {
  return `${share} of the clients to ${service}${taken ? ', this one too' : ''}`
}

function indent(lines: readonly string[]): string[] {
  return lines.map(line => `    ${line}`)
}
