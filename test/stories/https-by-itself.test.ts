// A host is put into routes.d and is served on https: the program and a real authority.

import {test} from 'uvu'
import * as assert from 'uvu/assert'
import {httpsDaemonIn, routeOf} from '../helpers/acme/daemon.ts'
import {hasPebble, type Pebble} from '../helpers/acme/pebble.ts'
import {type Asked, dnsServiceOf} from '../helpers/acme/webhook.ts'
import {clientOf} from '../helpers/client.ts'
import {withFolder} from '../helpers/folder.ts'
import {filesWith} from '../helpers/scan.ts'
import {secureTo} from '../helpers/tls-client.ts'
import {until} from '../helpers/until.ts'

if (!hasPebble) console.log('SKIP pebble is not installed: nothing is ordered')
const acme = hasPebble ? test : test.skip
const HOST = 'shop.example.com'
const ID = `acme-${HOST}`

acme(
  'the first visitor of a new host waits for its certificate and then is served; plain http is sent to https',
  withFolder(async folder => {
    const daemon = await httpsDaemonIn(folder, [HOST])
    const shown = await secureTo(folder.scope, daemon.httpsPort(), {name: HOST})
    assert.match(issuerOf(shown.socket), /^Pebble Intermediate CA/)
    assert.match(await shown.ask(`GET / HTTP/1.1\r\nHost: ${HOST}\r\nConnection: close\r\n\r\n`), `\r\n\r\n${HOST}`)
    const client = await clientOf(folder.scope, daemon.httpPort)
    client.send(`GET /a HTTP/1.1\r\nHost: ${HOST}\r\nConnection: close\r\n\r\n`)
    assert.match((await client.ended()).text, /^HTTP\/1\.1 308 /)
    const [row] = await daemon.rows()
    assert.is(row?.state, 'valid')
    assert.ok(Date.parse(row?.renewAt ?? '') > Date.now())
    assert.is((await daemon.status()).health.state, 'Healthy')
    assert.equal(await filesWith(folder.at('.routesd'), ['PRIVATE', 'BEGIN ', 'privateKey']), [])
  }),
)

acme(
  'twenty hosts that come at once each have a certificate soon',
  withFolder(async folder => {
    const daemon = await httpsDaemonIn(folder, [HOST])
    const hosts = Array.from({length: 20}, (_, at) => `h${at}.example.com`)
    await folder.write({'routes.d/more.yaml': hosts.map(routeOf).join('')})
    await until(
      'all certificates',
      async () => {
        const rows = await daemon.rows()
        return rows.length === 21 && rows.every(({state}) => state === 'valid')
      },
      60_000,
    )
    const shown = await secureTo(folder.scope, daemon.httpsPort(), {name: 'h19.example.com'})
    assert.is(shown.socket.getPeerCertificate().subjectaltname, 'DNS:h19.example.com')
  }),
)

acme(
  'certs renew: the new one is served, and connections under the old one stay',
  withFolder(async folder => {
    const daemon = await httpsDaemonIn(folder, [HOST])
    const before = await secureTo(folder.scope, daemon.httpsPort(), {name: HOST})
    const renewed = await daemon.run('certs', 'renew', HOST)
    assert.is(renewed.code, 0, renewed.stderr)
    assert.match(renewed.stdout, /^acme-shop\.example\.com is renewed: serial [0-9a-f]+, until 20/)
    const after = await secureTo(folder.scope, daemon.httpsPort(), {name: HOST})
    assert.is.not(serialOf(after.socket), serialOf(before.socket))
    assert.match(await before.ask(`GET / HTTP/1.1\r\nHost: ${HOST}\r\nConnection: close\r\n\r\n`), '200 OK')
    const unknown = await daemon.run('certs', 'renew', 'nowhere.example.com')
    assert.is(unknown.code, 2)
    assert.match(unknown.stderr, "there is no certificate 'nowhere.example.com'")
  }),
)

acme(
  'a wildcard without DNS is refused in words, and costs the others nothing',
  withFolder(async folder => {
    const daemon = await httpsDaemonIn(folder, [HOST, '*.wild.example.com'])
    await daemon.row(ID, ({state}) => state === 'valid')
    const row = await daemon.row('acme-_.wild.example.com', ({state}) => state === 'failing')
    assert.match(row.error, 'needs acme.dns')
  }),
)

acme(
  'a wildcard gets its certificate by a service that sets DNS records',
  withFolder(async folder => {
    await folder.write({token: 'geheim\n'})
    let asked: readonly Asked[] = []
    const dns = async (pebble: Pebble) => {
      const service = await dnsServiceOf(folder.scope, pebble)
      asked = service.asked
      return `{webhook: {url: "${service.url}", token: {file: token}}, propagation: 10ms}`
    }
    const daemon = await httpsDaemonIn(folder, ['*.wild.example.com'], {dns})
    await daemon.row('acme-_.wild.example.com', ({state}) => state === 'valid')
    const shown = await secureTo(folder.scope, daemon.httpsPort(), {name: 'a.wild.example.com'})
    assert.is(shown.socket.getPeerCertificate().subjectaltname, 'DNS:*.wild.example.com')
    assert.equal(
      asked.map(({action, name, authorization}) => [action, name, authorization]),
      ['set', 'remove'].map(action => [action, '_acme-challenge.wild.example.com', 'Bearer geheim']),
    )
  }),
)

test.run()

// ---

function issuerOf(socket: {getPeerCertificate(): {issuer?: {CN?: string | string[]}}}): string {
  return String(socket.getPeerCertificate().issuer?.CN)
}

function serialOf(socket: {getPeerCertificate(): {serialNumber: string}}): string {
  return socket.getPeerCertificate().serialNumber
}
