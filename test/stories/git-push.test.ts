// A team pushes to a repository, the forge calls the webhook, the daemon serves what the right people signed.

import {createHmac} from 'node:crypto'
import {test} from 'uvu'
import * as assert from 'uvu/assert'
import {type Fields, type Log, silentLog} from '../../src/base/log.ts'
import {exchange, getAndClose} from '../helpers/client.ts'
import {daemonIn} from '../helpers/daemon.ts'
import {withFolder} from '../helpers/folder.ts'
import {originThatAnswers} from '../helpers/origin.ts'
import {cloneRepo, createRepo} from '../helpers/repo.ts'
import {signersOf} from '../helpers/signer.ts'
import {until} from '../helpers/until.ts'

test(
  'a signed push is served, a broken one and a stranger’s are refused, a fix is served, a force-push is refused',
  withFolder(async folder => {
    const [ada, eve] = await signersOf(folder, 'ada@example.com', 'eve@example.com')
    if (!ada || !eve) return
    const answer = (body: string) => `HTTP/1.1 200 OK\r\nContent-Length: ${body.length}\r\n\r\n${body}`
    const blue = await originThatAnswers(folder.scope, answer('blue'))
    const green = await originThatAnswers(folder.scope, answer('green'))
    const bare = await createRepo(folder.at('routes.git'), '--bare')
    const work = await cloneRepo(bare, folder.at('work'))
    const write = (text: string) => folder.write({'work/routes.d/a.yaml': text})
    const to = (url: string) => `- id: app.test\n  target: ${url}\n`
    await write(to(blue.url))
    const first = await ada.commit(work, 'blue')
    await work.git('push', '--quiet', 'origin', 'main')

    await folder.write({signers: `${ada.line}\n`, 'hook-secret': 'shared\n'})
    let hook = ''
    const log: Log = {
      ...silentLog,
      info: (message, fields: Fields = {}) => {
        if (message === 'webhooks are taken') hook = String(fields['at'])
      },
    }
    const git =
      'remote: ./routes.git, every: 1h, verify: {mode: range, signers: signers}, ' +
      'webhook: {listen: "127.0.0.1:0", secret: {file: hook-secret}}'
    const daemon = await daemonIn(folder, {settings: `git: {${git}}\n`, log})
    const status = () => daemon.operations.status()
    const served = async () => /\w+$/.exec(await exchange(folder.scope, daemon.port, getAndClose('/', 'app.test')))?.[0]
    const push = async (...args: string[]) => {
      await work.git('push', '--quiet', ...args, 'origin', 'main')
      const body = JSON.stringify({ref: 'refs/heads/main'})
      const signature = `sha256=${createHmac('sha256', 'shared').update(body).digest('hex')}`
      const response = await fetch(hook, {method: 'POST', body, headers: {'x-hub-signature-256': signature}})
      assert.is(response.status, 202)
    }
    assert.equal([status().revision.applied, status().revision.verified, await served()], [first, first, 'blue'])

    await write(to(green.url))
    const second = await ada.commit(work, 'green')
    await push()
    await until('the push', () => status().revision.applied === second, 10_000)
    assert.is(await served(), 'green')

    await write('- id: app.test\n  target: [\n')
    const broken = await ada.commit(work, 'broken')
    await push()
    await until('the refusal', () => status().revision.failed === broken, 10_000)
    assert.equal(
      [status().sync.reason, status().health.state, await served()],
      ['ValidationFailed', 'Healthy', 'green'],
    )

    await write(to(blue.url))
    const stranger = await eve.commit(work, 'by a stranger')
    await push()
    await until('the refusal', () => status().revision.failed === stranger, 10_000)
    assert.equal([status().sync.reason, await served()], ['VerificationFailed', 'green'])

    await work.git('reset', '--quiet', '--hard', broken)
    await write(to(blue.url))
    const fixed = await ada.commit(work, 'fixed')
    await push('--force')
    await until('the fix', () => status().revision.applied === fixed && status().sync.state === 'Synced', 10_000)
    assert.is(await served(), 'blue')

    await work.git('reset', '--quiet', '--hard', first)
    await write(to(green.url))
    const rewritten = await ada.commit(work, 'rewritten')
    await push('--force')
    await until('the refusal', () => status().revision.failed === rewritten, 10_000)
    assert.equal([status().sync.reason, status().revision.applied, await served()], ['GuardRefused', fixed, 'blue'])
    assert.match(status().sync.message, `force-push: ${rewritten} does not descend from ${fixed}`)
  }),
)

test.run()
