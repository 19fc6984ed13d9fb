// Where the main thread spends its time, by stage: a sampling profile whose samples belong to the innermost stage that is on
// the stack.

import {Session} from 'node:inspector/promises'

export type Profiled = ReadonlyMap<string, number>

/** Which frames begin a stage: a part of the path of the source, and a function where a file has several stages. */
const STAGES: readonly (readonly [stage: string, path: RegExp, name?: RegExp])[] = [
  ['last good', /control\/gitops\/last-good/],
  ['fingerprint', /control\/gitops\/fingerprint|node_modules\/(chokidar|readdirp)/],
  ['list', /control\/gitops\/(objects|read-commit|tree)/],
  ['read', /control\/(gitops\/|commit-source|worktree-source|local-origin|config\/files)/],
  ['parse', /control\/config\/check-/],
  ['cross-check', /control\/config\/cross-checks/],
  ['load', /control\/config\//],
  ['content hash', /control\/compile\//, /^contentOf|^digest/],
  ['compile', /control\/compile\//],
  ['names', /control\/registry\/resolve/],
  ['health', /control\/health\//],
  ['instances', /control\/instance/],
  ['transfer', /src\/(proxy|scoreboard)\//],
  ['other control', /src\/control\//],
]

/** Runs the work and tells the milliseconds of each stage; what is idle is left out. */
export async function profiled(work: () => Promise<void>): Promise<Profiled> {
  const session = new Session()
  session.connect()
  await session.post('Profiler.enable')
  await session.post('Profiler.setSamplingInterval', {interval: 200})
  await session.post('Profiler.start')
  await work()
  const {profile} = await session.post('Profiler.stop')
  session.disconnect()
  const nodes = new Map(profile.nodes.map(node => [node.id, node]))
  const stages = new Map<number, string>()
  const visit = (id: number, around: string) => {
    const node = nodes.get(id)
    if (!node) return
    const stage = stageOf(node.callFrame) ?? around
    stages.set(id, stage)
    for (const child of node.children ?? []) visit(child, stage)
  }
  const root = profile.nodes[0]
  if (root) visit(root.id, 'node')
  const spent = new Map<string, number>()
  for (const [index, id] of (profile.samples ?? []).entries()) {
    const stage = stages.get(id) ?? 'node'
    if (stage === 'idle') continue
    spent.set(stage, (spent.get(stage) ?? 0) + (profile.timeDeltas?.[index] ?? 0) / 1000)
  }
  return spent
}

// ---

function stageOf({url, functionName}: {url: string; functionName: string}): string | null {
  if (functionName === '(idle)') return 'idle'
  if (functionName === '(garbage collector)') return 'collector'
  const found = STAGES.find(([, path, name]) => path.test(url) && (name === undefined || name.test(functionName)))
  return found?.[0] ?? null
}
