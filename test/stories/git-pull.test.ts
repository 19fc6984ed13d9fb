// `git pull` in the checkout that a daemon serves: many files change, once.

import {test} from 'uvu'
import * as assert from 'uvu/assert'
import {exchange, getAndClose} from '../helpers/client.ts'
import {daemonIn} from '../helpers/daemon.ts'
import {withFolder} from '../helpers/folder.ts'
import {originThatAnswers} from '../helpers/origin.ts'
import {cloneRepo, createRepo} from '../helpers/repo.ts'
import {until} from '../helpers/until.ts'

const FILES = 500

test(
  'a pull of 500 changed files is one reload',
  withFolder(async folder => {
    const answer = (body: string) => `HTTP/1.1 200 OK\r\nContent-Length: ${body.length}\r\n\r\n${body}`
    const before = await originThatAnswers(folder.scope, answer('before'))
    const after = await originThatAnswers(folder.scope, answer('after'))
    const upstream = await createRepo(folder.at('upstream'))
    const routes = (target: string) =>
      Object.fromEntries(
        Array.from({length: FILES}, (_, i) => [
          `upstream/routes.d/${i}.yaml`,
          `- id: h${i}.test\n  target: ${target}\n`,
        ]),
      )
    await folder.write(routes(before.url))
    await upstream.commit('before')
    const clone = await cloneRepo(upstream, folder.at('clone'))
    const daemon = await daemonIn(folder, {settings: 'routes: ./clone/routes.d\n'})
    const first = daemon.operations.status().revision.applied
    const applied = [first]
    daemon.operations.subscribe(event => {
      if (event.type !== 'status') return
      const {revision} = event.status
      if (applied.at(-1) !== revision.applied) applied.push(revision.applied)
    })
    await folder.write(routes(after.url))
    const sha = await upstream.commit('after')
    await clone.git('pull', '--quiet')
    await until('the pull to be served', () => applied.includes(sha), 10_000)
    assert.equal(applied, [first, sha])
    assert.match(await exchange(folder.scope, daemon.port, getAndClose('/', 'h499.test')), /after$/)
  }),
)

test.run()
