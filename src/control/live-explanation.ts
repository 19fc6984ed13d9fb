// `explain --live`: who takes a request by what is served at this moment, and which instance would get it.

import {join, relative} from 'node:path'
import type {ExplainAnswer, ExplainAsked, LiveAnswer, LiveInstance, Outcome} from '../admin/protocol.ts'
import {createExplainer, displayOrigin, type Explainer, type Explanation} from '../router/explain.ts'
import {parseRequest} from '../router/request.ts'
import {rewritePath} from '../router/rewrite.ts'
import {sayRequest} from '../router/said.ts'
import {type Asked, wouldPick} from '../router/would-pick.ts'
import type {DataPlane} from '../snapshot/data-plane.ts'
import type {Pool, Route, Snapshot} from '../snapshot/snapshot.ts'
import {GitError, openGit} from './gitops/git.ts'
import {readLineCommit} from './gitops/repository.ts'
import type {Instances} from './instances.ts'
import type {Source} from './source.ts'

export type LiveParts = {
  /** What is served, with everybody who has joined; null: nothing yet. */
  readonly snapshot: () => Snapshot | null
  readonly instances: Pick<Instances, 'inPool'>
  readonly plane: Pick<DataPlane, 'poolState'>
  readonly source: Pick<Source, 'place' | 'label'>
}

/** Answers questions about what is served; `refused` while nothing is. */
export function createLiveExplainer(parts: LiveParts): (asked: ExplainAsked) => Promise<Outcome<ExplainAnswer>> {
  // An index of all routes, made when it is first asked for.
  let indexed: {readonly snapshot: Snapshot; readonly explain: Explainer} | null = null

  return async ({method, url, headers, clientIp}) => {
    const snapshot = parts.snapshot()
    if (snapshot === null) return {refused: {status: 503, code: 'not-serving', message: 'nothing is served yet'}}
    if (indexed?.snapshot !== snapshot) indexed = {snapshot, explain: createExplainer(snapshot)}
    const {url: place, said} = sayRequest(url, headers, clientIp)
    const explanation = indexed.explain(method.toUpperCase(), place, said)
    const route = snapshot.routes.find(({id}) => id === explanation.route?.id) ?? null
    const target = targetOf(route, explanation)
    const live = {revision: snapshot.revision, ...liveOf(parts, snapshot, route, explanation, {...said, target})}
    const commit = route && (await commitOf(parts.source, route, snapshot.revision))
    const taken = explanation.route && {...explanation.route, ...wordsOf(commit)}
    return {answer: {...explanation, ...destinationOf(live, target), route: taken, live}}
  }
}

// ---

function liveOf(
  {plane, instances}: LiveParts,
  {pools}: Snapshot,
  route: Route | null,
  explanation: Explanation,
  asked: Asked,
): Pick<LiveAnswer, 'pools' | 'instances'> {
  const keys = route === null ? [] : poolsOf(route, explanation)
  const found = keys.flatMap(key => pools.find(pool => pool.key === key) ?? [])
  return {
    pools: found.map(({key, name, balance}) => {
      const {circuit, queued} = plane.poolState(key)
      return {service: name, balance: balance.kind, circuit, queued}
    }),
    instances: found.flatMap(pool => {
      const {circuit, turn} = plane.poolState(pool.key)
      const standing = instances.inPool(pool.key)
      const members = pool.members.map(({key}) => standing.get(key))
      const standings = members.map(member => ({
        isUsable: member?.isUsable ?? false,
        reason: member?.row.reason ?? '',
        inFlight: member?.row.inFlight ?? 0,
      }))
      const prospects =
        circuit === 'closed' ? wouldPick(pool, standings, turn, asked) : members.map(() => stoppedBy(pool, circuit))
      return members.flatMap((member, at): LiveInstance[] => {
        const prospect = prospects[at]
        if (!member || !prospect) return []
        return [{...member.row, backup: pool.members[at]?.isBackup ?? false, lease: member.lease, ...prospect}]
      })
    }),
  }
}

function stoppedBy({name}: Pool, circuit: 'open' | 'half-open'): {outcome: 'passed'; why: string} {
  const then = circuit === 'open' ? 'until it is time for one to try' : 'while one is trying'
  return {outcome: 'passed', why: `the circuit of ${name} is ${circuit}: requests are refused ${then}`}
}

// Offline, the first instance stands for all of them; here the one that would get the request is known, when there is one.
function destinationOf({instances}: LiveAnswer, target: string): Partial<Pick<ExplainAnswer, 'upstream' | 'forward'>> {
  const [picked, ...more] = instances.filter(({outcome}) => outcome === 'picked')
  if (picked === undefined || more.length > 0) return {}
  const [, origin = '', base = ''] = /^([a-z]+:\/\/[^/]*)(.*)$/.exec(picked.url) ?? []
  const url = displayOrigin(origin) + base
  return {upstream: {service: picked.service, url}, forward: url + target}
}

// One pool, or all parts of a split whose client is not known.
function poolsOf(route: Route, {variant, split}: Explanation): readonly string[] {
  const {action} = route.variants.find(({name}) => name === variant) ?? route
  if (action.kind === 'forward') return [action.pool]
  if (action.kind !== 'split') return []
  const taken = split?.findIndex(part => part.taken) ?? -1
  return action.parts.filter((_, at) => taken < 0 || at === taken).map(({pool}) => pool)
}

function targetOf(route: Route | null, {method, url}: Explanation): string {
  const request = parseRequest(method, url)
  if (typeof request === 'string') return ''
  return rewritePath(request.path, route?.head?.rewrite ?? null) + request.query
}

type Commit = {readonly sha7: string; readonly author: string; readonly subject: string}

// The files of a commit are read from it, those of a work tree that differs from every commit as they lie on the disk.
async function commitOf(
  source: LiveParts['source'],
  {source: {file, line}}: Route,
  revision: string,
): Promise<Commit | null> {
  const at = /^[0-9a-f]{7,}$/.test(revision) ? revision : null
  try {
    const place = await source.place()
    if (place === null) return null
    return await readLineCommit(openGit(place.top), join(place.path, relative(source.label, file)), line, at)
  } catch (error) {
    // Outside git, or a file that git does not know: then no commit put it there.
    if (error instanceof GitError) return null
    throw error
  }
}

function wordsOf(commit: Commit | null): {commit: string | null; author: string | null; subject: string | null} {
  return {commit: commit?.sha7 ?? null, author: commit?.author ?? null, subject: commit?.subject ?? null}
}
