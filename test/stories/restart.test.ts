// A daemon that is started again serves what it last served, whatever has become of routes.d meanwhile.

import {test} from 'uvu'
import * as assert from 'uvu/assert'
import {exchange, getAndClose} from '../helpers/client.ts'
import {daemonIn} from '../helpers/daemon.ts'
import {type Folder, withFolder} from '../helpers/folder.ts'
import {OK, originThatAnswers} from '../helpers/origin.ts'

const CASES: readonly (readonly [string, (folder: Folder) => Promise<void>, string])[] = [
  ['broken', folder => folder.write({'routes.d/a.yaml': '- id: x.localhost\n  targt: nowhere\n'}), 'ValidationFailed'],
  ['deleted', folder => folder.remove('routes.d'), 'RoutesMissing'],
  ['emptied', folder => folder.write({'routes.d/a.yaml': '# nothing left\n'}), 'GuardRefused'],
]

for (const [what, harm, reason] of CASES) {
  test(
    `a restart on a routes.d that was ${what} serves the last good one and says so`,
    withFolder(async folder => {
      const origin = await originThatAnswers(folder.scope, OK)
      await folder.write({'routes.d/a.yaml': `- id: x.localhost\n  target: ${origin.url}\n`})
      const first = await daemonIn(folder)
      const applied = first.operations.status().revision.applied
      await first.stop()
      await harm(folder)
      const second = await daemonIn(folder)
      assert.match(await exchange(folder.scope, second.port, getAndClose('/')), /^HTTP\/1\.1 200 OK/)
      const {sync, health, revision} = second.operations.status()
      assert.equal([sync.state, sync.reason, health.state], ['OutOfSync', reason, 'Healthy'])
      assert.is(revision.applied, applied)
    }),
  )
}

test(
  'a first start on a broken routes.d serves nothing and says what is wrong',
  withFolder(async folder => {
    await folder.write({'routes.d/a.yaml': '- id: x.localhost\n  targt: nowhere\n'})
    try {
      await daemonIn(folder)
      assert.unreachable('it started')
    } catch (error) {
      assert.match(String(error), /unknown key "targt"/)
      assert.is((error as {exitCode?: number}).exitCode, 1)
    }
  }),
)

test(
  'a first start on an empty routes.d serves 404s',
  withFolder(async folder => {
    await folder.write({'routes.d/.keep': ''})
    const daemon = await daemonIn(folder)
    assert.match(await exchange(folder.scope, daemon.port, getAndClose('/')), /^HTTP\/1\.1 404 Not Found/)
    assert.is(daemon.operations.status().sync.state, 'Synced')
  }),
)

test.run()
