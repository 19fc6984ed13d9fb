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

test(
  'serve: commit: a pull of 500 files under load is one step from one commit to the other',
  withFolder(async folder => {
    const answer = (body: string) => `HTTP/1.1 200 OK\r\nContent-Length: ${body.length}\r\n\r\n${body}`
    const before = await originThatAnswers(folder.scope, answer('before'))
    const after = await originThatAnswers(folder.scope, answer('after'))
    const upstream = await createRepo(folder.at('upstream'))
    const routes = (target: string) =>
      Object.fromEntries(
        Array.from({length: FILES}, (_, i) => [
          `upstream/routes.d/${i % 7}/${i}.yaml`,
          `- id: h${i}.test\n  target: ${target}\n`,
        ]),
      )
    await folder.write(routes(before.url))
    const first = await upstream.commit('before')
    const clone = await cloneRepo(upstream, folder.at('clone'))
    const daemon = await daemonIn(folder, {settings: 'routes: ./clone/routes.d\ngit: {serve: commit}\n'})
    const states = new Set<string>()
    daemon.operations.subscribe(event => {
      if (event.type !== 'status') return
      const {revision, sync} = event.status
      states.add(`${revision.applied} ${sync.state} ${revision.failed}`)
    })
    let isPulling = true
    const clients = Array.from({length: 4}, async (_, client) => {
      const heard: string[] = []
      for (let i = client; isPulling; i = (i + 4) % FILES) {
        const text = await exchange(folder.scope, daemon.port, getAndClose('/', `h${i}.test`))
        heard.push(/(before|after)$/.exec(text)?.[1] ?? text)
      }
      return heard
    })
    await folder.write(routes(after.url))
    const second = await upstream.commit('after')
    await clone.git('pull', '--quiet')
    await until('the pull to be served', () => daemon.operations.status().revision.applied === second, 20_000)
    await until('no drift', () => daemon.operations.status().conditions.length === 0, 20_000)
    isPulling = false
    const heard = new Set((await Promise.all(clients)).flat())
    assert.equal(
      [...heard].filter(one => one !== 'before' && one !== 'after'),
      [],
    )
    assert.equal(
      [...states].filter(state => state !== `${first} Synced null` && state !== `${second} Synced null`),
      [],
    )
    for (const i of [0, FILES - 1])
      assert.match(await exchange(folder.scope, daemon.port, getAndClose('/', `h${i}.test`)), /after$/)
  }),
)

test.run()
