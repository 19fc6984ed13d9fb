// Remotes as people have them, by the real programs: an sshd that knows one key, and git behind https for who has the token.

import {existsSync} from 'node:fs'
import {writeFile} from 'node:fs/promises'
import {test} from 'uvu'
import * as assert from 'uvu/assert'
import {certificates, hasOpenssl} from '../../helpers/certificates.ts'
import {type Folder, withFolder} from '../../helpers/folder.ts'
import {gitOverHttp, noSshd, startSshd} from '../../helpers/git-server.ts'
import {cloneRepo, createRepo} from '../../helpers/repo.ts'
import {route, serving} from '../../helpers/serving.ts'

if (noSshd !== null) console.log(`SKIP remotes over ssh: ${noSshd}`)
if (!hasOpenssl) console.log('SKIP remotes over https: openssl is not installed')

if (noSshd === null)
  test(
    'over ssh a push is live; a changed or unknown host key and a key that is not let in are refused, and nobody is asked',
    withFolder(async folder => {
      const push = await team(folder)
      const sshd = await startSshd(folder)
      await folder.write({known: sshd.knownHost})
      environment(folder, {
        SSH_ASKPASS: await script(folder, 'ask', `touch '${folder.at('asked')}'`),
        ...{SSH_ASKPASS_REQUIRE: 'force', DISPLAY: ':0'},
      })
      const settings = (key: string) =>
        `git: {remote: "${sshd.url}${folder.at('routes.git')}", every: 1h, ssh: {key: {file: ${key}}, knownHosts: known}}\n`
      const one = await push('one')
      const daemon = await serving(folder, settings(sshd.keys.good))
      assert.equal(daemon.now(), {applied: one, routes: ['one.localhost'], sync: 'Synced Applied', failed: null})

      const two = await push('two')
      const refused = async (what: string) => {
        await daemon.sync()
        assert.is(daemon.now().applied, one, what)
        return `${daemon.condition('GitOperationFailed')?.reason} ${daemon.condition('GitOperationFailed')?.message}`
      }
      await folder.write({known: sshd.otherHost})
      const changed = await refused('a changed host key')
      assert.match(
        changed,
        /^HostKeyUnknown ssh:.* main cannot be fetched: the host key is not believed: .*(REMOTE HOST IDENTIFICATION HAS CHANGED|verification failed)/,
      )
      await folder.write({known: ''})
      assert.match(
        await refused('an unknown host'),
        /^HostKeyUnknown .*: No ED25519 host key is known for \[127\.0\.0\.1\]/,
      )
      await folder.write({known: sshd.knownHost})
      await daemon.sync()
      assert.equal([daemon.now().applied, daemon.condition('GitOperationFailed')], [two, null])
      await daemon.reconciler.close()

      const three = await push('three')
      for (const key of [sshd.keys.other, sshd.keys.locked]) {
        const other = await serving(folder, settings(key))
        await other.sync()
        assert.equal(
          [other.now().applied, other.condition('GitOperationFailed')?.reason],
          [two, 'AuthenticationFailed'],
        )
        await other.reconciler.close()
      }
      const again = await serving(folder, settings(sshd.keys.good))
      await again.sync()
      assert.is(again.now().applied, three)
      assert.not(existsSync(folder.at('asked')))
    }),
  )

if (hasOpenssl)
  test(
    'over https a token opens the remote; a wrong one, and a certificate that nobody vouches for, are refused by name',
    withFolder(async folder => {
      const push = await team(folder)
      const {ca, address, selfSigned} = certificates(folder.scope)
      await folder.write({'ca.pem': ca, 'other.pem': selfSigned.cert})
      let token = 'first'
      const url = await gitOverHttp(folder, () => token, address)
      environment(folder, {GIT_SSL_CAINFO: folder.at('ca.pem'), ROUTES_TOKEN: 'first'})
      const settings = `git: {remote: "${url}/routes.git", every: 1h, token: {env: ROUTES_TOKEN}}\n`
      const one = await push('one')
      const daemon = await serving(folder, settings)
      assert.equal(daemon.now(), {applied: one, routes: ['one.localhost'], sync: 'Synced Applied', failed: null})

      const two = await push('two')
      const refused = async () => {
        await daemon.sync()
        assert.is(daemon.now().applied, one)
        return daemon.condition('GitOperationFailed')?.reason
      }
      token = 'second'
      assert.is(await refused(), 'AuthenticationFailed')
      // The reference is read for every fetch: a token that was renewed needs no restart.
      environment(folder, {ROUTES_TOKEN: 'second', GIT_SSL_CAINFO: folder.at('other.pem')})
      assert.is(await refused(), 'CertificateUnknown')
      environment(folder, {GIT_SSL_CAINFO: folder.at('ca.pem')})
      await daemon.sync()
      assert.equal([daemon.now().applied, daemon.condition('GitOperationFailed')], [two, null])
      assert.not.match(JSON.stringify(daemon.lines), /first|second/)
    }),
  )

// ---

/** A bare repository, and who pushes to it: commits a route of that name. */
async function team(folder: Folder): Promise<(name: string) => Promise<string>> {
  const bare = await createRepo(folder.at('routes.git'), '--bare')
  const work = await cloneRepo(bare, folder.at('work'))
  return async name => {
    await folder.write({'work/routes.d/a.yaml': route(name)})
    const sha7 = await work.commit(name)
    await work.git('push', '--quiet', 'origin', 'main')
    return sha7
  }
}

async function script(folder: Folder, name: string, body: string): Promise<string> {
  await writeFile(folder.at(name), `#!/bin/sh\n${body}\n`, {mode: 0o755})
  return folder.at(name)
}

/** Sets variables until the test ends. */
function environment(folder: Folder, values: Readonly<Record<string, string>>): void {
  for (const [name, value] of Object.entries(values)) {
    const before = process.env[name]
    process.env[name] = value
    folder.scope.defer(() => {
      if (before === undefined) delete process.env[name]
      else process.env[name] = before
    })
  }
}

test.run()
