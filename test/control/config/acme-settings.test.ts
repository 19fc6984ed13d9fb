// What the acme of routesd.yaml comes to.

import {test} from 'uvu'
import * as assert from 'uvu/assert'
import {type AcmeSettings, acmeSettings} from '../../../src/control/config/acme-settings.ts'
import {loadSettings} from '../../../src/control/config/settings.ts'
import {type Folder, withFolder} from '../../helpers/folder.ts'

test(
  'nothing is ordered without an agreement, or when it is off',
  withFolder(async folder => {
    for (const text of ['', 'acme: off', 'acme: {}', 'acme: {email: ops@example.com}'])
      assert.is(await acmeOf(folder, text), null, text)
  }),
)

test(
  'Let’s Encrypt unless another authority is named, and its staging by one word',
  withFolder(async folder => {
    const urlOf = async (text: string) => (await acmeOf(folder, `acme: {agree: true${text}}`))?.directoryUrl
    assert.is(await urlOf(''), 'https://acme-v02.api.letsencrypt.org/directory')
    assert.is(await urlOf(', directory: letsencrypt-staging'), 'https://acme-staging-v02.api.letsencrypt.org/directory')
    assert.is(await urlOf(', directory: "https://ca.internal/dir"'), 'https://ca.internal/dir')
  }),
)

test(
  'secrets are read from where they stand, and one that is not there is said by its key',
  withFolder(async folder => {
    await folder.write({'ca.pem': 'PEM\n', token: 'geheim\n'})
    const acme = await acmeOf(
      folder,
      `acme:
  agree: true
  ca: ca.pem
  eab: {keyId: kid-1, hmacKey: {file: token}}
  dns: {plugin: acme-dns-01-lab, options: {token: {file: token}, ttl: 60}, propagation: 5s}`,
    )
    assert.equal(await acme?.readSecrets(), {ca: 'PEM\n', externalAccount: {keyId: 'kid-1', hmacKey: 'geheim'}})
    const dns = acme?.dns
    if (dns?.kind !== 'plugin') throw new Error('no plugin')
    assert.equal([dns.name, dns.folder, dns.propagationMs], ['acme-dns-01-lab', folder.path, 5_000])
    assert.equal(await dns.readOptions(), {token: 'geheim', ttl: 60})
    await folder.remove('ca.pem')
    const error = await acme?.readSecrets().catch((thrown: unknown) => thrown)
    assert.match(String(error), /acme\.ca cannot be read: there is no .*ca\.pem/)
  }),
)

test(
  'records are set by a program, by a service or by a plugin, not by two of them',
  withFolder(async folder => {
    const command = await acmeOf(folder, 'acme: {agree: true, dns: {command: ./hook}}')
    assert.equal(command?.dns, {kind: 'command', command: folder.at('hook'), propagationMs: 30_000})
    for (const dns of [
      '{}',
      '{command: ./hook, plugin: acme-dns-01-lab}',
      '{command: ./hook, options: {a: b}}',
      '{command: ./hook, webhook: {url: "https://dns.internal/"}}',
      '{webhook: {token: {env: TOKEN}}}',
    ]) {
      await folder.write({'routesd.yaml': `acme: {agree: true, dns: ${dns}}\n`})
      const {settings} = await loadSettings({file: null, cwd: folder.path})
      assert.is(settings, null, dns)
    }
  }),
)

test(
  'a service that sets records has a token and an authority of its own, and is asked over nothing that others can read',
  withFolder(async folder => {
    await folder.write({'ca.pem': 'PEM\n', token: 'geheim\n'})
    const url = 'https://dns.internal/txt'
    const acme = await acmeOf(
      folder,
      `acme: {agree: true, dns: {webhook: {url: "${url}", token: {file: token}, ca: ca.pem}, propagation: 5s}}`,
    )
    const dns = acme?.dns
    if (dns?.kind !== 'webhook') throw new Error('no webhook')
    assert.equal([dns.url, dns.propagationMs], [url, 5_000])
    assert.equal(await dns.readSecrets(), {token: 'geheim', ca: 'PEM\n'})
    await folder.remove('token')
    assert.match(String(await dns.readSecrets().catch(String)), /acme\.dns\.webhook\.token cannot be read: there is no/)
    const here = await acmeOf(folder, 'acme: {agree: true, dns: {webhook: {url: "http://127.0.0.1:8053/"}}}')
    assert.is(here?.dns?.kind, 'webhook')
    await folder.write({'routesd.yaml': 'acme:\n  agree: true\n  dns:\n    webhook: {url: "http://dns.internal/"}\n'})
    const {settings, diagnostics} = await loadSettings({file: null, cwd: folder.path})
    assert.is(settings, null)
    const [problem] = diagnostics
    assert.equal([problem?.line, problem?.column], [4, 20])
    assert.match(problem?.message ?? '', 'anybody on the way could read the token and set records; use https')
  }),
)

test.run()

// ---

async function acmeOf(folder: Folder, text: string): Promise<AcmeSettings | null> {
  await folder.write({'routesd.yaml': `${text}\n`})
  const {settings, diagnostics} = await loadSettings({file: null, cwd: folder.path})
  if (settings === null) throw new Error(JSON.stringify(diagnostics))
  return acmeSettings(settings)
}
