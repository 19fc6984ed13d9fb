// git.verify, with keys and commits made here.

import {execFile} from 'node:child_process'
import {writeFile} from 'node:fs/promises'
import {promisify} from 'node:util'
import {test} from 'uvu'
import * as assert from 'uvu/assert'
import {type SignaturePolicy, verifyCommits} from '../../../src/control/gitops/verify.ts'
import {type Folder, withFolder} from '../../helpers/folder.ts'
import {createRepo, type Repo} from '../../helpers/repo.ts'
import {route, serving} from '../../helpers/serving.ts'
import {createSigner, type Signer, signersOf} from '../../helpers/signer.ts'

const run = promisify(execFile)

test(
  'signed by somebody in the file, by a stranger, by nobody, and by somebody who is not meant',
  withFolder(async folder => {
    const {repo, verify, ada, eve, ok} = await setUp(folder)
    if (!ok) return
    await ada.commit(repo, 'good')
    assert.is(await verify({}), null)
    assert.is(await verify({principals: ['ada@example.com']}), null)
    const other = await verify({principals: ['bob@example.com']})
    assert.is(other?.reason, 'NotAllowed')
    assert.match(other?.message ?? '', /signed by ada@example\.com, SHA256:.*not in git\.verify\.principals/)
    const strange = await eve.commit(repo, 'strange')
    const stranger = await verify({})
    assert.is(stranger?.reason, 'UnknownSigner')
    assert.match(stranger?.message ?? '', new RegExp(`^commit ${strange} \\(strange\\) by .* signed with SHA256:`))
    const plain = await repo.commit('plain')
    const unsigned = await verify({})
    assert.is(unsigned?.reason, 'Unsigned')
    assert.match(unsigned?.message ?? '', new RegExp(`^commit ${plain} \\(plain\\) by Ada Tester .* is not signed$`))
  }),
)

test(
  'head looks at the tip alone, range at every commit since the one that is served',
  withFolder(async folder => {
    const {repo, verify, ada, ok} = await setUp(folder)
    if (!ok) return
    const base = await repo.git('rev-parse', 'HEAD')
    const between = await repo.commit('in between')
    await ada.commit(repo, 'tip')
    assert.is(await verify({}, base), null)
    const refused = await verify({mode: 'range'}, base)
    assert.match(refused?.message ?? '', `commit ${between} (in between)`)
    assert.is(await verify({mode: 'range'}), null, 'nothing is served yet')
    const good = await repo.git('rev-parse', 'HEAD')
    await ada.commit(repo, 'more')
    assert.is(await verify({mode: 'range'}, good), null)
    assert.is(await verify({mode: 'range'}, await repo.git('rev-parse', 'HEAD')), null, 'the same commit again')
  }),
)

test(
  'an unsigned commit that was merged in is found in the range',
  withFolder(async folder => {
    const {repo, verify, ada, ok} = await setUp(folder)
    if (!ok) return
    const base = await repo.git('rev-parse', 'HEAD')
    await repo.git('checkout', '--quiet', '-b', 'topic')
    await repo.commit('sneaked in')
    await repo.git('checkout', '--quiet', 'main')
    await ada.commit(repo, 'ours')
    await repo.git('merge', '--quiet', '--no-commit', '--no-ff', 'topic')
    await ada.commit(repo, 'merge')
    assert.is(await verify({}, base), null)
    assert.match((await verify({mode: 'range'}, base))?.message ?? '', 'sneaked in')
  }),
)

test(
  'the configuration of the repository has no say',
  withFolder(async folder => {
    const {repo, verify, eve, ok} = await setUp(folder)
    if (!ok) return
    await eve.commit(repo, 'strange')
    await folder.write({'evil/signers': `${eve.line}\n`, 'evil/program': '#!/bin/sh\necho Good\n'})
    await repo.git('config', 'gpg.ssh.allowedSignersFile', folder.at('evil/signers'))
    await repo.git('config', 'gpg.ssh.program', '/bin/true')
    await repo.git('config', 'gpg.program', '/bin/true')
    await repo.git('config', 'log.showSignature', 'true')
    await repo.git('config', 'gpg.minTrustLevel', 'undefined')
    assert.is((await verify({}))?.reason, 'UnknownSigner')
    await repo.git('replace', 'HEAD', 'HEAD~1').catch(() => '')
    assert.is((await verify({}))?.reason, 'UnknownSigner')
  }),
)

test(
  'a key that has expired, and one that is for something else, are not believed',
  withFolder(async folder => {
    const {repo, verify, ok} = await setUp(folder)
    const old = await createSigner(folder, 'old@example.com', 'valid-before="20200101"')
    const mail = await createSigner(folder, 'mail@example.com', 'namespaces="file"')
    if (!ok || old === null || mail === null) return
    await writeFile(folder.at('signers'), `${old.line}\n${mail.line}\n`)
    await old.commit(repo, 'late')
    assert.ok(await verify({}))
    await mail.commit(repo, 'mail')
    assert.ok(await verify({}))
  }),
)

test(
  'a file of signers that is missing, or in the repository that it guards, verifies nothing',
  withFolder(async folder => {
    const {repo, verify, ada, ok} = await setUp(folder)
    if (!ok) return
    await folder.write({'repo/signers': `${ada.line}\n`})
    await ada.commit(repo, 'good')
    assert.match((await verify({signers: folder.at('none')}))?.message ?? '', 'cannot be read')
    assert.match((await verify({signers: folder.at('repo/signers')}))?.message ?? '', 'lies inside the repository')
    assert.is((await verify({signers: folder.at('repo/signers')}))?.reason, 'SignersUnusable')
  }),
)

test(
  'OpenPGP keys are believed when they are in the file, and no others of the machine',
  withFolder(async folder => {
    const home = folder.at('gnupg')
    await folder.write({'gnupg/.keep': ''})
    const gpg = (...args: string[]) =>
      run('gpg', ['--homedir', home, '--batch', '--quiet', '--passphrase', '', ...args])
    const isThere = await run('gpg', ['--version']).then(
      () => true,
      () => false,
    )
    if (!isThere) return void console.log('skipped: there is no gpg on this machine')
    await run('chmod', ['700', home])
    folder.scope.defer(() => run('gpgconf', ['--homedir', home, '--kill', 'all']))
    for (const name of ['ada', 'eve'])
      await gpg('--quick-gen-key', `${name} <${name}@example.com>`, 'ed25519', 'sign', '1d')
    await writeFile(folder.at('ring.asc'), (await gpg('--armor', '--export', 'ada@example.com')).stdout)
    const repo = await createRepo(folder.at('repo'))
    await folder.write({program: `#!/bin/sh\nexec gpg --homedir '${home}' "$@"\n`})
    await run('chmod', ['755', folder.at('program')])
    const commit = (by: string) =>
      repo.git(
        ...['-c', `gpg.program=${folder.at('program')}`, '-c', `user.signingkey=${by}@example.com`],
        ...['commit', '--quiet', '--allow-empty', '--gpg-sign', '--message', by],
      )
    const policy: SignaturePolicy = {mode: 'head', signers: folder.at('ring.asc'), principals: []}
    const verify = (principals: string[] = []) =>
      verifyCommits(repo.path, {...policy, principals}, {base: null, tip: 'HEAD'})
    await commit('ada')
    assert.is(await verify(), null)
    assert.is(await verify(['ada@example.com']), null)
    assert.is((await verify(['eve@example.com']))?.reason, 'NotAllowed')
    await commit('eve')
    process.env['GNUPGHOME'] = home
    try {
      assert.is((await verify())?.reason, 'UnknownSigner')
      // Nor does it count where ssh keys are asked for.
      const signers = await createSigner(folder, 'ada@example.com')
      await writeFile(folder.at('signers'), signers?.line ?? '# nobody')
      const ssh = {...policy, signers: folder.at('signers')}
      assert.ok(await verifyCommits(repo.path, ssh, {base: null, tip: 'HEAD'}))
    } finally {
      delete process.env['GNUPGHOME']
    }
  }),
)

test(
  'unsigned pushes and those of strangers are refused while the signed one serves, and status says what is verified',
  withFolder(async folder => {
    const {repo, ada, eve, ok} = await setUp(folder)
    if (!ok) return
    await folder.write({'repo/routes.d/a.yaml': route('a')})
    const one = await ada.commit(repo, 'one')
    const git = 'remote: ./repo, every: 1h, verify: {mode: range, signers: signers}'
    const {now, sync, condition, reconciler} = await serving(folder, `state: ./state\ngit: {${git}}\n`)
    assert.equal([now().applied, reconciler.view().revision.verified], [one, one])
    await folder.write({'repo/routes.d/a.yaml': route('b')})
    for (const commit of [() => repo.commit('unsigned'), () => eve.commit(repo, 'strange')]) {
      const bad = await commit()
      await sync()
      assert.equal(now(), {applied: one, routes: ['a.localhost'], sync: 'OutOfSync VerificationFailed', failed: bad})
      assert.is(reconciler.view().revision.verified, one)
    }
    assert.match(condition('VerificationFailed')?.message ?? '', /by Ada Tester .* is (not signed|signed with)/)
    await repo.git('reset', '--quiet', '--hard', one)
    await folder.write({'repo/routes.d/a.yaml': route('c')})
    const three = await ada.commit(repo, 'three')
    await sync()
    assert.equal([now().applied, now().sync, condition('VerificationFailed')], [three, 'Synced Applied', null])
  }),
)

test.run()

// ---

type Overrides = Partial<SignaturePolicy>
type SetUp = {
  ok: boolean
  repo: Repo
  ada: Signer
  eve: Signer
  verify(policy: Overrides, base?: string): ReturnType<typeof verifyCommits>
}

// A repository with one unsigned commit, and a file of signers with ada in it.
async function setUp(folder: Folder): Promise<SetUp> {
  const [ada, eve] = await signersOf(folder, 'ada@example.com', 'eve@example.com')
  const repo = await createRepo(folder.at('repo'))
  await repo.commit('first')
  await folder.write({signers: `${ada?.line ?? ''}\n`})
  const nobody: Signer = {line: '', commit: async () => ''}
  return {
    ok: ada !== undefined && eve !== undefined,
    repo,
    ada: ada ?? nobody,
    eve: eve ?? nobody,
    verify: (policy, base) =>
      verifyCommits(
        repo.path,
        {mode: 'head', signers: folder.at('signers'), principals: [], ...policy},
        {base: base ?? null, tip: 'HEAD'},
      ),
  }
}
