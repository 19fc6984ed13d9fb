// SIGKILL while certificates are being ordered: the vault is whole, and what failed is not forgotten.

import {test} from 'uvu'
import * as assert from 'uvu/assert'
import {type HttpsDaemon, httpsDaemonIn} from '../helpers/acme/daemon.ts'
import {hasPebble} from '../helpers/acme/pebble.ts'
import {withFolder} from '../helpers/folder.ts'
import {filesWith} from '../helpers/scan.ts'

if (!hasPebble) console.log('SKIP pebble is not installed: nothing is ordered')
const acme = hasPebble ? test : test.skip

acme(
  'killed in the middle of ordering, again and again: every certificate can be read, and no name is forgotten',
  withFolder(async folder => {
    const hosts = Array.from({length: 4}, (_, at) => `h${at}.example.com`)
    const daemon = await httpsDaemonIn(folder, hosts)
    for (let kill = 0; kill < 3; kill++) {
      await new Promise(resolve => setTimeout(resolve, Math.random() * 400))
      await killed(daemon)
      const {stdout} = await daemon.run('certs', 'ls', '--offline', '-o', 'json')
      assert.equal(
        (JSON.parse(stdout) as {state: string}[]).filter(({state}) => state !== 'valid'),
        [],
      )
      assert.equal(await filesWith(folder.at('.routesd'), ['PRIVATE', 'BEGIN ', 'privateKey']), [])
      await daemon.start()
    }
    const rows = await daemon.rows()
    assert.equal(
      rows.map(({id}) => id),
      hosts.map(host => `acme-${host}`),
    )
    // Four tries at the most: no later than the day that follows the last of them.
    for (const {renewAt, notAfter} of rows)
      assert.ok(notAfter !== null || Date.parse(renewAt ?? '') < Date.now() + 1.2 * 86_400_000)
    for (const {id} of rows.filter(({notAfter}) => notAfter === null)) {
      const {code, stderr, stdout} = await daemon.run('certs', 'renew', id)
      // A name that was ordered with each kill has come to the limit of an hour.
      if (code !== 0) assert.match(stderr + stdout, 'has failed too often')
    }
    assert.ok((await daemon.rows()).some(({state}) => state === 'valid'))
  }),
)

test.run()

// ---

async function killed(daemon: HttpsDaemon): Promise<void> {
  const running = daemon.running()
  running.child.kill('SIGKILL')
  await running.ended
}
