// kill -9 while commits come from a remote: while the mirror is made, fetched, made anew, while a set is taken over and
// remembered. The next start serves the revision before or the one after, whole, also when the remote is gone; and when the
// remote is back, whatever the last run has left behind, the newest is served.

import {readdir, rename} from 'node:fs/promises'
import * as assert from 'uvu/assert'
import {createAdminClient} from '../../../src/admin/client.ts'
import {exchange, getAndClose} from '../../helpers/client.ts'
import {type RunningCommand, startIn} from '../../helpers/command.ts'
import type {Folder} from '../../helpers/folder.ts'
import {cloneRepo, createRepo, type Repo} from '../../helpers/repo.ts'
import {until} from '../../helpers/until.ts'
import {createRandom, type Random} from '../random.ts'
import {
  arm,
  chooseDeath,
  type Death,
  found,
  type Kills,
  nodeArgsOf,
  noteDeath,
  type Tally,
  untilDead,
  untilSo,
} from './plan.ts'

/** Throws what is wrong, with the round and what was done in it. */
export async function killSyncs(folder: Folder, {rounds, seed, limitMs}: Kills): Promise<Tally> {
  const began = performance.now()
  const tally: Tally = {rounds: 0, deaths: new Map()}
  const random = createRandom(seed)
  const work = await cloneRepo(await createRepo(folder.at('origin.git'), '--bare'), folder.at('work'))
  await folder.write({
    'routesd.yaml':
      'workers: 1\nstate: ./state\nlisten: {http: "127.0.0.1:0", service: off}\nadmin: {socket: ./admin.sock, http: off}\n' +
      'git: {remote: ./origin.git, every: 1h}\n',
  })
  const bench: Bench = {
    folder,
    work,
    random,
    tally,
    admin: createAdminClient(folder.at('admin.sock'), ACTION_MS),
    numbers: new Map(),
    before: '',
    newest: '',
    running: null,
  }
  await push(bench)
  await start(bench)
  bench.before = bench.newest
  await killNow(bench)
  for (; tally.rounds < rounds && performance.now() - began < limitMs; tally.rounds++) {
    const kind = KINDS[tally.rounds % KINDS.length] ?? 'sync'
    const death = chooseDeath(random, CHANGES[kind])
    try {
      if (kind === 'first') await begin(bench, death)
      else await act(bench, kind, death)
      await startWithout(bench, random.chance(0.5))
    } catch (error) {
      throw found(error, `round ${tally.rounds} of seed ${seed}, ${kind}`, death, bench.running)
    }
  }
  return tally
}

// ---

type Kind = 'first' | 'sync' | 'rebuild' | 'start'

type Bench = {
  readonly folder: Folder
  readonly work: Repo
  readonly random: Random
  readonly tally: Tally
  readonly admin: ReturnType<typeof createAdminClient>
  /** What the routes of a commit answer. */
  readonly numbers: Map<string, string>
  /** What was served before the last round, '' for nothing; and the tip of the remote. */
  before: string
  newest: string
  running: RunningCommand | null
}

const KINDS = ['sync', 'rebuild', 'start', 'sync', 'first'] as const
/** About as many changes as each makes, without those of git itself. */
const CHANGES: Readonly<Record<Kind, number>> = {first: 60, sync: 30, rebuild: 40, start: 30}
const ACTION_MS = 30_000
const HOSTS = ['a.test', 'b.test', 'c.test']

// A file for each route, so that a mix of two commits would show.
async function push(bench: Bench): Promise<void> {
  const {folder, work, numbers} = bench
  const number = String(numbers.size)
  const files = HOSTS.map(host => [
    `work/routes.d/${host}.yaml`,
    `- {id: ${host}, respond: {status: 200, body: "number ${number}"}}\n`,
  ])
  await folder.write(Object.fromEntries(files))
  bench.newest = await work.commit(number)
  numbers.set(bench.newest, `number ${number}`)
  await work.git('push', '--quiet', 'origin', 'HEAD:main')
}

// Nothing there: the mirror is made, the first set taken over.
async function begin(bench: Bench, death: Death): Promise<void> {
  await bench.folder.remove('state')
  bench.before = ''
  await push(bench)
  await die(bench, 'first', death, start(bench, nodeArgsOf(bench.folder.path, death, true)))
}

async function act(bench: Bench, kind: Exclude<Kind, 'first'>, death: Death): Promise<void> {
  const {folder, admin} = bench
  if (kind === 'start') {
    // A start takes up what came in the meantime.
    await push(bench)
    return die(
      bench,
      kind,
      death,
      start(bench, nodeArgsOf(folder.path, death, true)).then(() => untilNewest(bench)),
    )
  }
  await start(bench, nodeArgsOf(folder.path, death, false))
  await push(bench)
  // As a git leaves it that was killed: the fetch fails, and the mirror is made anew.
  if (kind === 'rebuild') await folder.write({'state/mirror/refs/heads/main.lock': ''})
  await arm(runningOf(bench), folder.path)
  await die(
    bench,
    kind,
    death,
    admin.sync().then(() => untilNewest(bench)),
  )
}

async function die(bench: Bench, what: string, death: Death, work: Promise<unknown>): Promise<void> {
  await untilDead(runningOf(bench), death, work)
  await work.catch(() => {}) // what it was killed in fails, here too
  noteDeath(bench.tally, bench.folder.path, what, death)
}

// The start after a death, with the remote gone or there. Ends with the newest served, and killed.
async function startWithout(bench: Bench, isGone: boolean): Promise<void> {
  const {folder, before, newest, admin} = bench
  const hidden = isGone && before !== ''
  if (hidden) await rename(folder.at('origin.git'), folder.at('gone.git'))
  await start(bench)
  const served = await servedBy(bench)
  assert.ok([before, newest].includes(served), `${served} is served, and not ${before || 'nothing'} or ${newest}`)
  if (hidden) await rename(folder.at('gone.git'), folder.at('origin.git'))
  await admin.sync()
  await until('the newest', async () => (await servedBy(bench)) === newest, ACTION_MS)
  const {sync, health} = await admin.status()
  assert.equal([sync.state, health.state], ['Synced', 'Healthy'], sync.message)
  for (const {revision, outcome} of await admin.history())
    assert.ok(bench.numbers.has(revision) && outcome, `${revision} in the history`)
  const isTidy = async () => !(await readdir(folder.at('state'))).some(name => /^mirror\.(new|old)-/.test(name))
  await until('mirrors that nobody needs to go', isTidy, ACTION_MS)
  await killNow(bench)
  bench.before = newest
}

/** The revision by its name, which is served whole: every route answers what it has in that commit. */
async function servedBy(bench: Bench): Promise<string> {
  const {folder, admin, numbers} = bench
  const port = Number(/ http=\S+:(\d+) /.exec(runningOf(bench).stdout())?.[1])
  const name = (await admin.status()).revision.applied ?? ''
  const answers = await Promise.all(HOSTS.map(host => exchange(folder.scope, port, getAndClose('/', host))))
  const bodies = answers.map(answer => /[^\n]+$/.exec(answer)?.[0])
  // It may have become another one in between.
  if (((await admin.status()).revision.applied ?? '') !== name) return servedBy(bench)
  assert.equal(
    bodies,
    HOSTS.map(() => numbers.get(name)),
    `${name} is served whole`,
  )
  return name
}

async function untilNewest(bench: Bench): Promise<void> {
  await untilSo(runningOf(bench), async () => (await bench.admin.status()).revision.applied === bench.newest)
}

async function start(bench: Bench, nodeArgs: readonly string[] = []): Promise<void> {
  bench.running = startIn(bench.folder, ['run'], {nodeArgs})
  await bench.running.line(/^routesd ready /)
}

function runningOf({running}: Bench): RunningCommand {
  if (running === null) throw new Error('it does not run')
  return running
}

async function killNow(bench: Bench): Promise<void> {
  runningOf(bench).child.kill('SIGKILL')
  await runningOf(bench).ended
}
