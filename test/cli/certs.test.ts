// The verbs on certificates, with a daemon and without, and openssl as the judge of what they write.

import {spawnSync} from 'node:child_process'
import {readFileSync, statSync} from 'node:fs'
import {test} from 'uvu'
import * as assert from 'uvu/assert'
import type {CertRow} from '../../src/admin/protocol.ts'
import {certificates, hasOpenssl} from '../helpers/certificates.ts'
import {SETTINGS, setUp} from '../helpers/certs-command.ts'
import {type Folder, withFolder} from '../helpers/folder.ts'
import {filesWith} from '../helpers/scan.ts'

const made = hasOpenssl ? test : test.skip
if (!hasOpenssl) console.log('SKIP what openssl has to make and to judge: it is not there')

for (const how of ['a daemon', 'no daemon'] as const) {
  made(
    `with ${how}: a certificate goes in and comes out, and its key only when asked for`,
    withFolder(async folder => {
      const {run, pair} = await setUp(folder, how)
      const imported = await run('certs', 'import', '--cert', 'in.pem', '--key', 'in.key', '-o', 'json')
      assert.is(imported.code, 0, imported.stderr)
      const row: CertRow = JSON.parse(imported.stdout)
      assert.equal(Object.keys(row).sort(), COLUMNS)
      assert.equal(
        [row.id, row.commonName, row.names, row.issuer, row.renewAt],
        ['import-inner.test', 'inner.test', ['inner.test'], 'test ca', null],
      )
      assert.is(row.serial, serialOf(folder, 'in.pem'))
      const [listed, table, shown, plain, unasked, asked, printed] = await Promise.all([
        run('certs', 'list', '-o', 'json'),
        run('certs', 'ls'),
        run('certs', 'show', 'inner.test'),
        run('certs', 'export', 'inner.test'),
        run('certs', 'export', 'inner.test', '--with-key'),
        run('certs', 'export', 'import-inner.test', '--with-key', '--out', 'out.pem'),
        run('certs', 'export', 'inner.test', '--with-key', '--out', '-'),
      ])
      assert.equal(JSON.parse(listed.stdout), [row])
      assert.match(
        table.stdout,
        /^CERT ID +CREATED AT +UPDATED AT +COMMON NAME +ISSUER +NOT BEFORE +NOT AFTER +SERIAL +RENEWS +STATE\nimport-inner\.test +20/,
      )
      assert.match(shown.stdout, /^id +import-inner\.test\n[\s\S]*-----BEGIN CERTIFICATE-----/)
      assert.is(plain.stdout, pair.cert)
      assert.equal([unasked.code, unasked.stdout], [2, ''])
      assert.match(unasked.stderr, /not written to stdout unless you say so/)
      assert.is(asked.code, 0, asked.stderr)
      assert.is(statSync(folder.at('out.pem')).mode & 0o777, 0o600)
      assert.is(readFileSync(folder.at('out.pem'), 'utf8'), pair.cert + pair.key)
      assert.is(printed.stdout, pair.cert + pair.key)
      for (const {stdout, stderr} of [imported, listed, table, shown, plain, unasked, asked])
        assert.not.match(stdout + stderr, /PRIVATE/)
      assert.equal(await filesWith(folder.at('.routesd'), ['PRIVATE', 'BEGIN ', pair.key.slice(60, 100)]), [])
    }),
  )
}

made(
  'what cannot be used or is not there is said, with an exit code',
  withFolder(async folder => {
    const {run} = await setUp(folder, 'no daemon')
    await folder.write({'other.key': certificates(folder.scope).client.key})
    const table = [
      [['import', '--cert', 'in.pem', '--key', 'other.key'], /the key does not belong to the certificate/],
      [['import', '--cert', 'in.pem'], /needs --key FILE/],
      [['import', '--cert', 'none.pem', '--key', 'in.key'], /--cert: ENOENT/],
      [['show', 'nobody.test'], /there is no certificate 'nobody\.test'/],
      [['export', 'nobody.test'], /there is no certificate 'nobody\.test'/],
      [['export'], /needs the ID of a certificate, or --ca/],
      [['export', '--ca'], /there is no local CA yet/],
      [['rekey', '--new-key', 'weak.key'], /weak\.key holds a key that repeats itself/],
    ] as const
    await Promise.all(
      table.map(async ([args, why]) => {
        const {code, stdout, stderr} = await run('certs', ...args)
        assert.ok(code === 1 || code === 2, `${args}: ${code}`)
        assert.is(stdout, '')
        assert.match(stderr, why)
      }),
    )
  }),
)

test(
  'a key that is named and not there is said when it is needed',
  withFolder(async folder => {
    const {run} = await setUp(folder, 'no daemon')
    await folder.write({'routesd.yaml': `${SETTINGS}vault: {key: {env: NOT_THERE}}\n`})
    const {code, stdout} = await run('certs', 'ls', '-o', 'json')
    assert.equal([code, stdout], [0, '[]\n'], 'no vault, no key needed')
    const {stderr} = await run('certs', 'import', '--cert', 'in.pem', '--key', 'in.key')
    if (hasOpenssl) assert.match(stderr, /vault\.key cannot be read: the environment has no NOT_THERE/)
  }),
)

test.run()

// ---

const COLUMNS = [
  'commonName',
  'createdAt',
  'error',
  'id',
  'issuer',
  'names',
  'notAfter',
  'notBefore',
  'renewAt',
  'serial',
  'state',
  'updatedAt',
]

function serialOf(folder: Folder, name: string): string {
  const {stdout} = spawnSync('openssl', ['x509', '-in', folder.at(name), '-noout', '-serial'], {encoding: 'utf8'})
  return stdout.trim().replace('serial=', '').toLowerCase()
}
