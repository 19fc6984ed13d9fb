// What a daemon says of a request, held against what it then does with it.

import {test} from 'uvu'
import * as assert from 'uvu/assert'
import type {ExplainAnswer} from '../../src/admin/protocol.ts'
import {exchange} from '../helpers/client.ts'
import {command} from '../helpers/command.ts'
import {daemonIn} from '../helpers/daemon.ts'
import {type Folder, withFolder} from '../helpers/folder.ts'
import {OK, type Origin, originThatAnswers} from '../helpers/origin.ts'
import {createRepo} from '../helpers/repo.ts'
import {until} from '../helpers/until.ts'
import {requestFor} from '../helpers/written.ts'

const BAD = 'HTTP/1.1 503 Bad\r\nContent-Length: 0\r\n\r\n'

test(
  'it says what the files say, and of the instances how they are and who would get the request',
  withFolder(async folder => {
    const [a, b] = [await originThatAnswers(folder.scope, OK), await originThatAnswers(folder.scope, OK)]
    await folder.write({'routes.d/a.yaml': yamlOf([a, b], 'balance: least-connections')})
    const repo = await createRepo(folder.path)
    const sha = await repo.commit('first routes')
    const daemon = await daemonIn(folder)
    const {live, ...said} = await explained(folder, '--live', 'http://x.localhost/base/a?b=c')
    assert.equal(said, await explained(folder, 'http://x.localhost/base/a?b=c'))
    assert.equal([said.revision, said.route?.commit, said.route?.subject], [sha, sha, 'first routes'])
    assert.equal(
      [live.revision, live.pools],
      [sha, [{service: 's', balance: 'least-connections', circuit: 'closed', queued: 0}]],
    )
    const [first, second] = live.instances
    assert.equal(
      [first, second].map(row => [row?.id, row?.state, row?.inFlight, row?.lease, row?.backup]),
      [a, b].map(({port}) => [`s@127.0.0.1:${port}`, 'up', 0, null, false]),
    )
    assert.equal([first?.outcome, second?.outcome], ['picked', 'passed'])

    await daemon.operations.drain(`s@127.0.0.1:${a.port}`, {forMs: 60_000, who: 'ada', why: 'a new kernel'})
    const drained = await explained(folder, '--live', 'http://x.localhost/base/a')
    assert.equal([drained.forward, drained.upstream?.url], [`${b.url}/base/a`, b.url])
    assert.equal(
      drained.live.instances.map(({state, outcome, lease}) => [state, outcome, lease?.who, lease?.why]),
      [
        ['draining', 'passed', 'ada', 'a new kernel'],
        ['up', 'picked', undefined, undefined],
      ],
    )
    const {stdout} = await command(['explain', '--live', 'http://x.localhost/base/a'], {cwd: folder.path})
    assert.match(stdout, /^ +- {2}s@\S+ +draining +0 in flight +drained by ada until \S+: a new kernel$/m)
    assert.match(stdout, /^ +\* {2}s@\S+ +up +0 in flight +it is the only one that can take it$/m)
    assert.match(stdout, new RegExp(`^ +revision +${sha}, which is served now$`, 'm'))
  }),
)

for (const keys of [
  'balance: round-robin',
  'balance: least-connections',
  'balance: hash',
  'balance: hash, hashBy: uri',
]) {
  test(
    `with ${keys} the request goes to whom it has said`,
    withFolder(async folder => {
      const origins: Origin[] = []
      for (let i = 0; i < 3; i++) origins.push(await originThatAnswers(folder.scope, OK))
      await folder.write({'routes.d/a.yaml': yamlOf(origins, keys)})
      const daemon = await daemonIn(folder)
      const gets = () => origins.map(({received}) => received.join('').split(' HTTP/1.1\r\n').length - 1)
      for (let i = 0; i < 5; i++) {
        const asked = {method: 'GET', url: `http://x.localhost/${i}?a`, headers: [], clientIp: '127.0.0.1'}
        const outcome = await daemon.operations.explain(asked)
        if (!('answer' in outcome)) throw new Error(outcome.refused.message)
        const picked = outcome.answer.live.instances.findIndex(row => row.outcome === 'picked')
        const before = gets()
        await exchange(folder.scope, daemon.port, requestFor(`x.localhost/${i}?a`))
        assert.equal(
          gets().map((count, at) => count - (before[at] ?? 0)),
          origins.map((_, at) => (at === picked ? 1 : 0)),
        )
      }
    }),
  )
}

test(
  'a circuit that is open, parts of a split, and what routesd answers itself',
  withFolder(async folder => {
    const bad = await originThatAnswers(folder.scope, BAD)
    await folder.write({
      'routes.d/a.yaml': `${yamlOf([bad], 'circuit: {minRequests: 2, open: 1h}')}
  - {slug: t, instances: ["http://127.0.0.1:9"]}
---
- {id: x.localhost/split, split: [{service: s, share: 50%}, {service: t, share: 50%}]}
- {id: x.localhost/here, respond: {status: 204}}
`,
    })
    const daemon = await daemonIn(folder)
    await until('the circuit to open', async () => {
      await exchange(folder.scope, daemon.port, requestFor('x.localhost/'))
      return (await explained(folder, '--live', 'x.localhost/')).live.pools[0]?.circuit === 'open'
    })
    const open = await explained(folder, '--live', 'x.localhost/')
    assert.equal(
      open.live.instances.map(({outcome}) => outcome),
      ['passed'],
    )
    assert.match(open.live.instances[0]?.why ?? '', /circuit of s is open/)
    const split = await explained(folder, '--live', 'x.localhost/split')
    assert.equal(
      split.live.instances.map(({service, outcome}) => [service, outcome]),
      [
        ['s', 'passed'],
        ['t', 'picked'],
      ],
    )
    assert.is((await explained(folder, '--live', '--client-ip', '10.0.0.1', 'x.localhost/split')).live.pools.length, 1)
    const here = await explained(folder, '--live', 'x.localhost/here')
    assert.equal([here.answer?.status, here.live.pools, here.live.instances], [204, [], []])
    const nobody = await explained(folder, '--live', 'y.localhost/')
    assert.equal([nobody.route, nobody.answer?.status, nobody.live.instances], [null, 404, []])
  }),
)

test(
  'without a daemon it says so, and of another revision a daemon knows nothing',
  withFolder(async folder => {
    await folder.write({'routes.d/a.yaml': 'id: x.localhost\nrespond: {status: 200}\n'})
    const run = (...args: string[]) => command(['explain', '--live', ...args, 'x.localhost/'], {cwd: folder.path})
    const away = await run()
    assert.equal([away.code, away.stdout], [4, ''])
    assert.match(away.stderr, /no daemon at .*start one with `routesd run`/)
    const other = await run('--at', 'HEAD')
    assert.equal([other.code, other.stdout], [2, ''])
    assert.match(other.stderr, /--live and --at exclude each other/)
  }),
)

test.run()

// ---

function yamlOf(origins: readonly Origin[], keys: string): string {
  const urls = origins.map(({url}) => JSON.stringify(url)).join(', ')
  return `routes: [{id: x.localhost, service: s}]\nservices:\n  - {slug: s, ${keys}, instances: [${urls}]}\n`
}

async function explained(folder: Folder, ...args: string[]): Promise<ExplainAnswer> {
  const {code, stdout, stderr} = await command(['explain', '-o', 'json', ...args], {cwd: folder.path})
  assert.is(code, 0, stderr)
  return JSON.parse(stdout) as ExplainAnswer
}
