// kill -9 at any moment: the next start serves the old revision or the new one, whole, and what was taken back stays away.

import {once} from 'node:events'
import * as assert from 'uvu/assert'
import {createAdminClient} from '../../src/admin/client.ts'
import {exchange, getAndClose} from './client.ts'
import {type RunningCommand, startIn} from './command.ts'
import type {Folder} from './folder.ts'
import {createRepo} from './repo.ts'
import {until} from './until.ts'

/** So often unless ROUTESD_KILLS says otherwise; on a busy machine as often as there is time for. */
export const KILLS = Number(process.env['ROUTESD_KILLS'] ?? 10)
const TIME_MS = process.env['ROUTESD_KILLS'] === undefined ? 50_000 : Number.POSITIVE_INFINITY

/** From a commit or a request to the end of what follows from it takes about as long. */
const WITHIN_MS = 600

/** A daemon that is killed KILLS times, a random moment after a commit, or after a rollback of one was asked for. */
export async function killAndStart(folder: Folder, at: 'commit' | 'rollback'): Promise<void> {
  const repo = await createRepo(folder.path)
  await folder.write({
    '.gitignore': 'state\nadmin.sock*\n',
    'routesd.yaml':
      'workers: 1\nstate: ./state\nlisten: {http: "127.0.0.1:0", service: off}\nadmin: {socket: ./admin.sock}\n' +
      'git: {serve: commit, soak: {for: 1h}}\n',
  })
  const commit = async (name: string) => {
    await folder.write({'routes.d/a.yaml': `- {id: app.test, respond: {status: 200, body: "${name}"}}\n`})
    return repo.commit(name)
  }
  const bodies = new Map<string, string>()
  const admin = createAdminClient(folder.at('admin.sock'), 30_000)
  const outOfIt = new Set<string>()
  bodies.set(await commit('first'), 'first')
  let running = await start(folder)
  const served = async () => {
    const {revision} = await admin.status()
    const body = await ask(folder, running.port)
    assert.is(body, bodies.get(revision.applied ?? ''), `${revision.applied} is served whole`)
    assert.not.ok(outOfIt.has(revision.applied ?? ''), `${revision.applied} was taken back`)
    return revision.applied ?? ''
  }

  const began = performance.now()
  for (let kill = 0; kill < KILLS && performance.now() - began < TIME_MS; kill++) {
    const delayMs = Math.random() * WITHIN_MS
    if (at === 'commit') {
      const after = await commit(`body ${kill}`)
      bodies.set(after, `body ${kill}`)
      await killAfter(running.daemon, delayMs)
      running = await start(folder)
      // The start reads what was committed, so that it is the new one, and whole.
      assert.is(await served(), after)
      await until('the name of it', async () => (await admin.history())[0]?.revision === after)
    } else {
      const before = await commit(`body ${kill}`)
      bodies.set(before, `body ${kill}`)
      await until('the commit', async () => (await admin.history())[0]?.revision === before)
      let answered = ''
      const asked = admin.rollback({}).then(
        ({to}) => {
          answered = to
        },
        () => {}, // the daemon was killed before it could say
      )
      // Once it is let finish, so that there is something to stay away.
      if (kill === 0) await asked
      await killAfter(running.daemon, delayMs)
      await asked
      running = await start(folder)
      const now = await served()
      if (answered !== '') assert.is(now, answered)
      if (now !== before) outOfIt.add(before)
      assert.is((await admin.status()).sync.state, now === before ? 'Synced' : 'OutOfSync')
    }
    assert.ok((await admin.history()).every(({revision, outcome}) => bodies.has(revision) && outcome))
  }
  assert.is(outOfIt.size > 0, at === 'rollback')
}

// ---

type Running = {readonly daemon: RunningCommand; readonly port: number}

async function start(folder: Folder): Promise<Running> {
  const daemon = startIn(folder, ['run'])
  const ready = await daemon.line(/^routesd ready /)
  return {daemon, port: Number(/ http=\S+:(\d+) /.exec(ready)?.[1])}
}

async function killAfter({child, ended}: RunningCommand, ms: number): Promise<void> {
  const timer = setTimeout(() => child.kill('SIGKILL'), ms)
  await Promise.race([ended, once(child, 'exit')])
  clearTimeout(timer)
}

async function ask(folder: Folder, port: number): Promise<string | undefined> {
  return /[^\n]+$/.exec(await exchange(folder.scope, port, getAndClose('/', 'app.test')))?.[0]
}
