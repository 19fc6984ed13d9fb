// What becomes of certificates in time and on bad days: the program and a real authority.

import {test} from 'uvu'
import * as assert from 'uvu/assert'
import {httpsDaemonIn} from '../helpers/acme/daemon.ts'
import {hasPebble} from '../helpers/acme/pebble.ts'
import {withFolder} from '../helpers/folder.ts'
import {secureTo} from '../helpers/tls-client.ts'
import {until} from '../helpers/until.ts'

if (!hasPebble) console.log('SKIP pebble is not installed: nothing is ordered')
const acme = hasPebble ? test : test.skip
const HOST = 'shop.example.com'
const ID = `acme-${HOST}`

acme(
  'certificates of 14 seconds are renewed again and again, and nobody is shown one that has ended',
  withFolder(async folder => {
    const daemon = await httpsDaemonIn(folder, [HOST], {validityS: 14})
    const serials = new Set<string>()
    await until(
      'two renewals',
      async () => {
        const {socket} = await secureTo(folder.scope, daemon.httpsPort(), {name: HOST})
        serials.add(serialOf(socket))
        assert.ok(Date.parse(socket.getPeerCertificate().valid_to) + 1_000 > Date.now())
        socket.destroy()
        return serials.size >= 3
      },
      60_000,
    )
  }),
)

acme(
  'an authority that is down: what there is goes on, and status and certs ls say what is wrong and when it tries again',
  withFolder(async folder => {
    const daemon = await httpsDaemonIn(folder, [HOST])
    await daemon.row(ID, ({state}) => state === 'valid')
    await daemon.pebble.stop()
    const renewed = await daemon.run('certs', 'renew', ID)
    assert.is(renewed.code, 1)
    assert.match(renewed.stdout, /is not renewed: .*ECONNREFUSED.*; next try 20/)
    const row = await daemon.row(ID, ({state}) => state === 'failing')
    assert.match(row.error, 'ECONNREFUSED')
    assert.ok(Date.parse(row.renewAt ?? '') > Date.now())
    const {health, conditions} = await daemon.status()
    assert.is(health.state, 'Degraded')
    assert.match(conditions.find(({type}) => type === 'CertificateFailing')?.message ?? '', HOST)
    await secureTo(folder.scope, daemon.httpsPort(), {name: HOST})
    // Also after a restart.
    await daemon.running().stop()
    await daemon.start()
    await secureTo(folder.scope, daemon.httpsPort(), {name: HOST})
  }),
)

test.run()

// ---

function serialOf(socket: {getPeerCertificate(): {serialNumber: string}}): string {
  return socket.getPeerCertificate().serialNumber
}
