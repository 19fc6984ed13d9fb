// How a remote is reached: tokens, ssh, and remotes that say nothing.

import {spawn} from 'node:child_process'
import {chmod, mkdir, readdir, readFile, writeFile} from 'node:fs/promises'
import {dirname, join} from 'node:path'
import {test} from 'uvu'
import * as assert from 'uvu/assert'
import {parseGitRemote} from '../../../src/base/git-remote.ts'
import {FetchError} from '../../../src/control/gitops/fetch-failure.ts'
import {createMirror, type MirrorSettings} from '../../../src/control/gitops/mirror.ts'
import {type Folder, withFolder} from '../../helpers/folder.ts'
import {gitOverHttp, listenHttp} from '../../helpers/git-server.ts'
import {createRepo, openRepo} from '../../helpers/repo.ts'
import {until} from '../../helpers/until.ts'

const TOKEN = 'tok-5ecret'

test(
  'a token opens an http remote, and neither an argument nor an environment of git ever has it',
  withFolder(async folder => {
    const url = await originOverHttp(folder)
    const log = await spyOnGit(folder)
    const mirror = mirrorOf(folder, url, {readToken: async () => TOKEN})
    await mirror.fetch(new AbortController().signal)
    const said = await readFile(log, 'utf8')
    assert.match(said, url)
    assert.not.match(said, TOKEN)
    assert.is(await openRepo(mirror.path).git('log', '--format=%s', 'main'), 'one')
  }),
)

test(
  'a wrong token, and none, are told from a remote that is not there',
  withFolder(async folder => {
    const url = await originOverHttp(folder)
    const reasonOf = async (where: string, readToken: (() => Promise<string>) | null) => {
      const failure = await failureOf(mirrorOf(folder, where, {readToken}).fetch(new AbortController().signal))
      assert.not.match(failure.message, 'guess')
      return failure.reason
    }
    assert.is(await reasonOf(url, async () => 'guess'), 'AuthenticationFailed')
    assert.is(await reasonOf(url, null), 'AuthenticationFailed')
    assert.is(await reasonOf(`${url}-none`, async () => TOKEN), 'RemoteMissing')
    assert.is(await reasonOf('http://127.0.0.1:1/x.git', null), 'Unreachable')
    const missing = () => Promise.reject(new Error('the environment has no GIT_TOKEN'))
    assert.is(await reasonOf(url, missing), 'CredentialMissing')
  }),
)

test(
  'a token goes to its remote alone, not where that one redirects to',
  withFolder(async folder => {
    const heard: string[] = []
    const elsewhere = await listenHttp(folder, (request, response) => {
      heard.push(request.headers.authorization ?? 'nothing')
      response.writeHead(401, {'WWW-Authenticate': 'Basic realm="x"'}).end()
    })
    const url = await listenHttp(folder, (request, response) => {
      response.writeHead(302, {Location: `${elsewhere}${request.url}`}).end()
    })
    await failureOf(
      mirrorOf(folder, `${url}/x.git`, {readToken: async () => TOKEN}).fetch(new AbortController().signal),
    )
    assert.ok(heard.length > 0)
    assert.ok(heard.every(field => field === 'nothing'))
  }),
)

test(
  'ssh gets the one key, known hosts and no questions',
  withFolder(async folder => {
    await createRepo(folder.at('origin')).then(repo => repo.commit('one'))
    // In place of ssh: notes how it was called, and runs what it was to run over there, here.
    await program(
      folder,
      'ssh',
      `printf '%s\\n' "$@" > '${folder.at('args')}'; for last; do :; done; exec sh -c "$last"`,
    )
    const mirror = mirrorOf(folder, `git@example.com:${folder.at('origin')}`, {
      readSsh: async () => ({key: {text: 'KEY TEXT'}, knownHosts: folder.at("known hosts' file")}),
    })
    await mirror.fetch(new AbortController().signal)
    const args = await readFile(folder.at('args'), 'utf8')
    for (const option of [
      'BatchMode=yes',
      'StrictHostKeyChecking=yes',
      'IdentitiesOnly=yes',
      `UserKnownHostsFile="${folder.at("known hosts' file")}"`,
      'git@example.com',
    ]) {
      assert.ok(args.split('\n').includes(option), option)
    }
    const key = /^-i\n(.+)$/m.exec(args)?.[1] ?? ''
    assert.match(key, /routesd-ssh-/)
    assert.match(await readFile(key, 'utf8').catch(String), 'ENOENT', 'it is gone after the fetch')
    assert.not.match(args, 'KEY TEXT')
  }),
)

test(
  'host keys that are not known, and keys that are not let in, have names',
  withFolder(async folder => {
    const said: Record<string, string> = {
      HostKeyUnknown:
        'No ED25519 host key is known for x and you have requested strict checking.\\nHost key verification failed.',
      AuthenticationFailed: 'git@x: Permission denied (publickey).',
      Unreachable: 'ssh: Could not resolve hostname x: Name or service not known',
      RemoteMissing: 'ERROR: Repository not found.',
    }
    for (const [reason, text] of Object.entries(said)) {
      await program(folder, 'ssh', `printf '${text}\\n' >&2; exit 255`)
      const mirror = mirrorOf(folder, 'git@example.com:x.git', {})
      assert.is((await failureOf(mirror.fetch(new AbortController().signal))).reason, reason)
    }
  }),
)

test(
  'a remote that says nothing is given up after the timeout, and at once when routesd stops',
  withFolder(async folder => {
    await program(folder, 'ssh', `echo $$ > '${folder.at('pid')}'; exec sleep 60`)
    const pid = () => readFile(folder.at('pid'), 'utf8').then(Number, () => 0)
    const isGone = (one: number) => until('ssh to be gone', () => !isAlive(one))
    const mirror = mirrorOf(folder, 'git@example.com:x.git', {timeoutMs: 1_000})
    // On a busy machine the time may be over before git has come to start ssh.
    const silent = await until('ssh to have run', async () => {
      const failure = await failureOf(mirror.fetch(new AbortController().signal))
      assert.is(failure.reason, 'TimedOut')
      return (await pid()) || null
    })
    await isGone(silent)
    await folder.remove('pid')
    const stop = new AbortController()
    const stopped = failureOf(mirrorOf(folder, 'git@example.com:x.git', {}).fetch(stop.signal))
    const running = await until('ssh to run', async () => (await pid()) || null)
    stop.abort()
    await stopped
    await isGone(running)
  }),
)

test(
  'many fetches do not leave many packs, and commits that were pushed away stay',
  withFolder(async folder => {
    const repo = await createRepo(folder.at('origin'))
    const mirror = mirrorOf(folder, folder.at('origin'), {})
    const shas: string[] = []
    for (let n = 0; n < 23; n++) {
      await folder.write({'origin/a.yaml': `${n}`})
      await repo.commit(`${n}`)
      shas.push(await repo.git('rev-parse', 'HEAD'))
      await mirror.fetch(new AbortController().signal)
      if (n === 10) await repo.git('reset', '--quiet', '--hard', 'HEAD~5')
    }
    const packs = (await readdir(`${mirror.path}/objects/pack`)).filter(name => name.endsWith('.pack'))
    assert.ok(packs.length < 10, `${packs.length} packs`)
    for (const sha of shas) assert.is(await openRepo(mirror.path).git('cat-file', '-t', sha), 'commit')
  }),
)

test(
  'copies that a kill has left beside the mirror go with the next fetch',
  withFolder(async folder => {
    const origin = await createRepo(folder.at('origin'))
    await origin.commit('one')
    const mirror = mirrorOf(folder, folder.at('origin'), {})
    await mirror.fetch(new AbortController().signal)
    const kept = dirname(mirror.path)
    for (const left of ['mirror.old-1', 'mirror.new-2']) await mkdir(join(kept, left, 'objects'), {recursive: true})
    await mirror.fetch(new AbortController().signal)
    assert.equal(await readdir(kept), ['mirror'])
  }),
)

test('what may be a remote', () => {
  const shown = (text: string) => {
    const remote = parseGitRemote(text, '/etc/routesd')
    return typeof remote === 'string' ? 'none' : `${remote.kind} ${remote.url}`
  }
  assert.equal(
    [
      'https://git.example.com/ops/routes.git',
      'ssh://git@git.example.com:2222/ops/routes.git',
      'git@git.example.com:ops/routes.git',
      'host:routes',
      '../routes.git',
      '/srv/routes.git',
      'file:///srv/my%20routes.git',
    ].map(shown),
    [
      'https https://git.example.com/ops/routes.git',
      'ssh ssh://git@git.example.com:2222/ops/routes.git',
      'ssh git@git.example.com:ops/routes.git',
      'ssh host:routes',
      'path /etc/routes.git',
      'path /srv/routes.git',
      'path /srv/my routes.git',
    ],
  )
  for (const text of [
    'ext::sh -c id',
    'fd::17',
    'git://example.com/x',
    'ftp://example.com/x',
    'https://a:b@example.com/x',
  ]) {
    assert.is(shown(text), 'none', text)
  }
})

test.run()

// ---

function mirrorOf(folder: Folder, url: string, settings: Partial<MirrorSettings>) {
  const remote = parseGitRemote(url, '/')
  if (typeof remote === 'string') throw new Error(remote)
  return createMirror({
    state: folder.at('state'),
    remote,
    branch: 'main',
    timeoutMs: 30_000,
    readSsh: null,
    readToken: null,
    ...settings,
  })
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0)
    return true
  } catch {
    return false
  }
}

async function failureOf(work: Promise<unknown>): Promise<FetchError> {
  const failure = await work.then(
    () => null,
    (error: unknown) => error,
  )
  if (!(failure instanceof FetchError)) throw new Error(`it should have failed to fetch: ${failure}`)
  return failure
}

async function originOverHttp(folder: Folder): Promise<string> {
  await createRepo(folder.at('origin')).then(repo => repo.commit('one'))
  return `${await gitOverHttp(folder, () => TOKEN)}/origin`
}

// Puts a program in front of others of its name until the test ends.
async function program(folder: Folder, name: string, body: string): Promise<void> {
  await mkdir(folder.at('bin'), {recursive: true})
  await writeFile(folder.at(`bin/${name}`), `#!/bin/sh\n${body}\n`)
  await chmod(folder.at(`bin/${name}`), 0o755)
  const path = process.env['PATH'] ?? ''
  if (path.startsWith(folder.at('bin'))) return
  process.env['PATH'] = `${folder.at('bin')}:${path}`
  folder.scope.defer(() => {
    process.env['PATH'] = path
  })
}

async function spyOnGit(folder: Folder): Promise<string> {
  const which = spawn('sh', ['-c', 'command -v git'])
  let git = ''
  for await (const chunk of which.stdout) git += chunk
  const log = folder.at('spied')
  await program(folder, 'git', `{ printf '%s ' "$@"; env; } >> '${log}'; exec '${git.trim()}' "$@"`)
  return log
}
