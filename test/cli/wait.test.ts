// status --wait against the real program: what it exits with, and when.

import {test} from 'uvu'
import * as assert from 'uvu/assert'
import {command} from '../helpers/command.ts'
import {daemonIn} from '../helpers/daemon.ts'
import {type Folder, withFolder} from '../helpers/folder.ts'
import {until} from '../helpers/until.ts'

const GOOD = '- {id: x.localhost, respond: {status: 200}}\n'

test(
  'it exits 0 when the daemon is synced and healthy, and when it serves the revision that is asked for',
  withFolder(async folder => {
    await folder.write({'routes.d/a.yaml': GOOD})
    const daemon = await daemonIn(folder)
    assert.is((await wait(folder)).code, 0)
    const revision = daemon.operations.status().revision.applied ?? ''
    assert.is((await wait(folder, '--revision', revision)).code, 0)
    assert.is((await command(['status', '--exit-code'], {cwd: folder.path})).code, 0)
  }),
)

test(
  'it exits 5 when the time is too short, and says what is missing',
  withFolder(async folder => {
    await folder.write({'routes.d/a.yaml': GOOD})
    await daemonIn(folder)
    const {code, stderr, stdout} = await wait(folder, '--revision', 'abcdef1', '--timeout', '1s')
    assert.is(code, 5)
    assert.match(stderr, 'abcdef1 is not served yet')
    assert.match(stdout, /^sync +Synced/)
  }),
)

test(
  'it exits 1 as soon as what is asked for was refused',
  withFolder(async folder => {
    await folder.write({'routes.d/a.yaml': GOOD})
    const daemon = await daemonIn(folder)
    await folder.write({'routes.d/a.yaml': '- {id: x.localhost, target: nonsense}\n'})
    // Until the daemon has seen the files, what was there before is well.
    await until('the refusal', () => daemon.operations.status().sync.state === 'OutOfSync', 20_000)
    assert.is((await wait(folder, '--timeout', '60s')).code, 1)
    assert.is((await command(['status', '--exit-code'], {cwd: folder.path})).code, 1)
  }),
)

test(
  'it exits 1 when at the end what is served is degraded',
  withFolder(async folder => {
    await folder.write({
      'routes.d/a.yaml': '- {id: x.localhost, service: s}\n',
      'routes.d/s.yaml': 'services: [{slug: s, instances: [{url: "http://127.0.0.1:1", down: true}]}]\n',
    })
    await daemonIn(folder)
    assert.is((await wait(folder, '--timeout', '1s')).code, 1)
  }),
)

test(
  'it exits 4 when no daemon comes, and 2 for what cannot be meant',
  withFolder(async folder => {
    await folder.write({'routesd.yaml': 'state: ./none\n'})
    assert.is((await wait(folder, '--timeout', '1s')).code, 4)
    assert.is((await wait(folder, '--timeout', 'soon')).code, 2)
    assert.is((await wait(folder, '--revision', 'abc')).code, 2)
    assert.is((await command(['status', '--revision', 'abcdef1'], {cwd: folder.path})).code, 2)
  }),
)

test.run()

// ---

function wait(folder: Folder, ...args: string[]) {
  return command(['status', '--wait', ...args], {cwd: folder.path})
}
