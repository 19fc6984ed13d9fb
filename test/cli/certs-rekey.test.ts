// The key of the vault is changed, with a daemon and without.

import {readFileSync, statSync} from 'node:fs'
import {test} from 'uvu'
import * as assert from 'uvu/assert'
import {hasOpenssl} from '../helpers/certificates.ts'
import {SETTINGS, setUp} from '../helpers/certs-command.ts'
import {withFolder} from '../helpers/folder.ts'
import {filesWith} from '../helpers/scan.ts'

const made = hasOpenssl ? test : test.skip
if (!hasOpenssl) console.log('SKIP what openssl has to make: it is not there')

for (const how of ['a daemon', 'no daemon'] as const) {
  made(
    `with ${how}: the key of the vault is changed, to a new one of ours and to one that is given`,
    withFolder(async folder => {
      const {run, stop} = await setUp(folder, how)
      await run('certs', 'import', '--cert', 'in.pem', '--key', 'in.key')
      const path = folder.at('config/vault.key')
      const before = readFileSync(path, 'utf8')
      assert.is(statSync(path).mode & 0o777, 0o600)
      const own = await run('certs', 'rekey')
      assert.equal([own.code, own.stdout], [0, 'sealed anew: 1\n'], own.stderr)
      assert.not.equal(readFileSync(path, 'utf8'), before)

      await folder.write({'new.key': 'nine green bottles hang on the wall\n'})
      const given = await run('certs', 'rekey', '--new-key', 'new.key')
      assert.match(given.stdout, /^sealed anew: 1\nset vault\.key in routesd\.yaml to .*new\.key and restart/)
      await stop()
      assert.match(
        (await run('certs', 'ls', '--offline')).stdout,
        /import-inner\.test/,
        'the key that is set still opens it',
      )
      await folder.write({'routesd.yaml': `${SETTINGS}vault: {key: {file: ./new.key}}\n`})
      assert.match((await run('certs', 'ls', '--offline')).stdout, /import-inner\.test/)
      await folder.write({'routesd.yaml': SETTINGS})
      const old = await run('certs', 'ls', '--offline')
      assert.is(old.code, 2)
      assert.match(old.stderr, /import-inner\.test\.sealed was sealed with the key [0-9a-f]{16}, and the key given is/)
      assert.equal(await filesWith(folder.at('.routesd'), ['PRIVATE', 'BEGIN ']), [])
    }),
  )
}

test.run()
