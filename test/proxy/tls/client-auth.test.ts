// clientAuth: nobody gets in without a certificate of the host's CA, by whatever way he comes.

import {execFile} from 'node:child_process'
import {mkdtempSync, rmSync, writeFileSync} from 'node:fs'
import {tmpdir} from 'node:os'
import {join} from 'node:path'
import {test} from 'uvu'
import * as assert from 'uvu/assert'
import type {Scope} from '../../../src/base/scope.ts'
import {authorityOf, type Pair} from '../../helpers/authority.ts'
import {hasOpenssl} from '../../helpers/certificates.ts'
import {answerOf, exchange} from '../../helpers/client.ts'
import {scoped} from '../../helpers/scoped.ts'
import {secureTo} from '../../helpers/tls-client.ts'
import {until} from '../../helpers/until.ts'
import {compiled, served} from '../../helpers/written.ts'

if (!hasOpenssl) console.log('SKIP tests of TLS: openssl is missing')
const check = hasOpenssl ? test : test.skip

const YAML = `routes:
  - {id: open.test, target: "http://INSTANCE"}
  - {id: closed.test, target: "http://INSTANCE"}
hosts:
  - {name: closed.test, tls: {clientAuth: {ca: {file: clients.pem}}, redirect: REDIRECT}}
`

// Both hosts under one certificate and under their own; closed.test wants a certificate of `clients`.
async function closedOf(scope: Scope, {redirect = true} = {}) {
  const authority = authorityOf(scope)
  const clients = authorityOf(scope)
  const certificates = [authority.certificate(['open.test', 'closed.test'])]
  const references = {textOf: () => clients.ca}
  const proxy = await served(scope, YAML.replace('REDIRECT', String(redirect)), {references, certificates})
  const connect = (name: string | null, pair: Pair | null, more: {session?: Buffer; maxVersion?: 'TLSv1.2'} = {}) =>
    secureTo(scope, proxy.httpsPort, {name, ...pair, ...more})
  const get = (host: string) => `GET / HTTP/1.1\r\nHost: ${host}\r\nConnection: close\r\n\r\n`
  const status = async (name: string | null, host: string, pair: Pair | null) =>
    answerOf(await (await connect(name, pair)).ask(get(host))).status
  return {...proxy, authority, clients, certificates, connect, get, status, references}
}

check(
  'with a certificate of the CA a client is let in, without one and with another it is not',
  scoped(async scope => {
    const {status, clients, authority, instance} = await closedOf(scope)
    assert.is(await status('closed.test', 'closed.test', clients.sign('me')), 200)
    assert.is(instance.requests.length, 1)
    assert.is(await status('closed.test', 'closed.test', null), 403)
    assert.is(await status('closed.test', 'closed.test', authority.sign('me')), 403)
    assert.is(instance.requests.length, 1)
    assert.is(await status('open.test', 'open.test', null), 200)
  }),
)

check(
  'the host is reached by its own name alone',
  scoped(async scope => {
    const {status, clients, plane, certificates, port, instance} = await closedOf(scope)
    const pair = clients.sign('me')
    assert.is(await status('open.test', 'closed.test', pair), 421)
    assert.is(await status('open.test', 'CLOSED.test.', pair), 421)
    assert.is(await status('CLOSED.TEST', 'closed.test', pair), 200)
    assert.is(await status('closed.test', 'open.test', pair), 421)
    await plane.setCertificates(certificates.map(certificate => ({...certificate, isDefault: true})))
    assert.is(await status(null, 'closed.test', pair), 421)
    const before = instance.requests.length
    assert.is(
      answerOf(await exchange(scope, port, 'GET / HTTP/1.1\r\nHost: closed.test\r\nConnection: close\r\n\r\n')).status,
      308,
    )
    assert.is(instance.requests.length, before)
  }),
)

check(
  'plain http is refused where it is not redirected',
  scoped(async scope => {
    const {port, plane} = await closedOf(scope, {redirect: false})
    const get = 'GET / HTTP/1.1\r\nHost: closed.test\r\nConnection: close\r\n\r\n'
    assert.is(answerOf(await exchange(scope, port, get)).status, 403)
    await plane.setCertificates([])
    assert.is(answerOf(await exchange(scope, port, get)).status, 403)
  }),
)

check(
  'a connection that was made before the host asked for certificates serves it no more',
  scoped(async scope => {
    const {plane, connect, references, instance} = await closedOf(scope)
    const yaml = YAML.replaceAll('INSTANCE', `127.0.0.1:${instance.port}`).replace('REDIRECT', 'true')
    await plane.apply(compiled({'test.yaml': yaml.replace(/hosts:.*/s, '')}))
    const connection = await connect('closed.test', null)
    const get = 'GET / HTTP/1.1\r\nHost: closed.test\r\n\r\n'
    assert.is(answerOf(await connection.ask(get, true)).status, 200)
    await plane.apply(compiled({'test.yaml': yaml}, {references}))
    assert.is(answerOf(await connection.ask(get, true)).status, 421)
  }),
)

for (const maxVersion of ['TLSv1.2', undefined] as const) {
  check(
    `${maxVersion ?? 'TLSv1.3'}: a resumed session has the certificate that it was made with, or none`,
    scoped(async scope => {
      const {connect, clients, get} = await closedOf(scope)
      const more = maxVersion ? {maxVersion} : {}
      for (const [pair, status] of [
        [clients.sign('me'), 200],
        [null, 403],
      ] as const) {
        const first = await connect('closed.test', pair, more)
        assert.is(answerOf(await first.ask(get('closed.test'))).status, status)
        const session = await until('a ticket', () => first.session())
        const again = await connect('closed.test', null, {...more, session})
        assert.ok(again.isResumed)
        assert.is(answerOf(await again.ask(get('closed.test'))).status, status)
      }
    }),
  )
}

for (const version of ['-tls1_2', '-tls1_3']) {
  check(
    `${version}: a session of one host is not taken up at the other`,
    scoped(async scope => {
      const {httpsPort} = await closedOf(scope)
      const folder = mkdtempSync(join(tmpdir(), 'routesd-session-'))
      scope.defer(() => rmSync(folder, {recursive: true}))
      const request = join(folder, 'request')
      const ask = async (name: string, host: string, ...session: string[]) => {
        writeFileSync(request, `GET / HTTP/1.1\r\nHost: ${host}\r\nConnection: close\r\n\r\n`)
        const client = `openssl s_client -connect 127.0.0.1:${httpsPort} -servername ${name} ${version} ${session.join(' ')} -ign_eof < ${request} 2>&1`
        return new Promise<string>(resolve => {
          execFile('sh', ['-c', client], {cwd: folder, timeout: 10_000}, (_, out) => resolve(out))
        })
      }
      assert.match(await ask('open.test', 'open.test', '-sess_out', 'open'), /HTTP\/1\.1 200 /)
      const same = await ask('open.test', 'open.test', '-sess_in', 'open')
      assert.match(same, /^Reused, /m)
      const other = await ask('closed.test', 'closed.test', '-sess_in', 'open')
      assert.match(other, /^New, /m)
      assert.match(other, /HTTP\/1\.1 403 /)
    }),
  )
}

test.run()
