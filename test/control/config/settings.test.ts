import {availableParallelism} from 'node:os'
import {join} from 'node:path'
import {test} from 'uvu'
import * as assert from 'uvu/assert'
import {renderDiagnostics} from '../../../src/control/config/render.ts'
import {loadSettings} from '../../../src/control/config/settings.ts'
import {withFolder} from '../../helpers/folder.ts'

test(
  'without a file there are defaults',
  withFolder(async folder => {
    const {settings, diagnostics} = await loadSettings({file: null, cwd: folder.path})
    assert.equal(diagnostics, [])
    assert.is(settings?.file, null)
    assert.is(settings?.routes, folder.at('routes.d'))
    assert.is(settings?.routesLabel, 'routes.d')
    assert.is(settings?.state, folder.at('.routesd'))
    assert.is(settings?.workers, availableParallelism())
    assert.equal(settings?.listen, {
      http: {host: '127.0.0.1', port: 8080},
      https: null,
      service: {host: '127.0.0.1', port: 11337},
    })
    assert.is(settings?.admin.socket, folder.at('.routesd/admin.sock'))
    assert.equal(settings?.permit, {files: ['.'], env: [], denyTargets: ['169.254.0.0/16']})
    assert.is(settings?.edge.headBytes, 32768)
    assert.is(settings?.edge.bodyRateBytesPerS, 240)
    assert.is(settings?.edge.perClient, null)
    assert.equal(settings?.log, {level: 'info', format: 'json', isFormatWritten: false, access: null})
    assert.is(settings?.document.git?.every, '1m')
  }),
)

test(
  'relative paths are resolved against the folder of the file',
  withFolder(async folder => {
    await folder.write({'etc/routesd.yaml': 'routes: ../routes\nstate: /var/lib/routesd\nlisten: {http: 0}\n'})
    const {settings} = await loadSettings({file: 'etc/routesd.yaml', cwd: folder.path})
    assert.is(settings?.file, folder.at('etc/routesd.yaml'))
    assert.is(settings?.routes, folder.at('routes'))
    assert.is(settings?.state, '/var/lib/routesd')
    assert.is(settings?.admin.socket, '/var/lib/routesd/admin.sock')
    assert.equal(settings?.listen.http, {host: '::', port: 0})
  }),
)

test(
  'what is off may be called so although it is not built yet',
  withFolder(async folder => {
    const text =
      'acme: off\nlisten: {http: "127.0.0.1:0", https: off, service: off}\nadmin: {http: off}\nlog: {access: off}\ntracing: false\n'
    await folder.write({'routesd.yaml': text})
    const {settings, diagnostics} = await loadSettings({file: null, cwd: folder.path})
    assert.equal(diagnostics, [])
    assert.is(settings?.listen.service, null)
  }),
)

test(
  'every default may be written out',
  withFolder(async folder => {
    const {settings} = await loadSettings({file: null, cwd: folder.path})
    await folder.write({'routesd.yaml': JSON.stringify(settings?.document)})
    const again = await loadSettings({file: null, cwd: folder.path})
    assert.equal(again.diagnostics, [])
    assert.equal(again.settings?.document, settings?.document)
  }),
)

test(
  'an empty file says nothing',
  withFolder(async folder => {
    await folder.write({'routesd.yaml': '# later\n'})
    const {settings, diagnostics} = await loadSettings({file: null, cwd: folder.path})
    assert.equal(diagnostics, [])
    assert.is(settings?.file, folder.at('routesd.yaml'))
  }),
)

test(
  'defaults are in effect but for limits',
  withFolder(async folder => {
    await folder.write({'routesd.yaml': 'defaults:\n  retry: {times: 2}\n  limits: {body: 1MiB}\n'})
    const {diagnostics} = await loadSettings({file: null, cwd: folder.path})
    assert.is(
      renderDiagnostics(diagnostics, 'compact', {color: false}),
      'routesd.yaml:3:12: error not-supported: "defaults.limits.body" is not supported yet',
    )
  }),
)

test(
  'an unknown key, a bad address and a second document each get one line',
  withFolder(async folder => {
    await folder.write({
      'a.yaml': 'lisen: {}\n',
      'b.yaml': 'listen: {http: "127.0.0.1:70000"}\n',
      'c.yaml': 'workers: 1\n---\nworkers: 2\n',
    })
    const lines = await Promise.all(
      ['a.yaml', 'b.yaml', 'c.yaml'].map(async file =>
        renderDiagnostics((await loadSettings({file, cwd: folder.path})).diagnostics, 'compact', {color: false}),
      ),
    )
    assert.equal(lines, [
      'a.yaml:1:1: error unknown-key: unknown key "lisen" in the settings (Did you mean "listen"?)',
      'b.yaml:1:16: error bad-value: "127.0.0.1:70000" is not a listen address: a port is a number from 0 to 65535',
      'c.yaml:3:1: error many-documents: settings are one YAML document (Remove the "---".)',
    ])
  }),
)

test(
  'a remote makes commits the source, and its paths count from the folder of the settings',
  withFolder(async folder => {
    await folder.write({
      'one.yaml':
        'git: {remote: ../routes.git, verify: {mode: head, signers: signers}, ssh: {key: key, knownHosts: hosts}, webhook: {secret: {file: hook}}}\n',
    })
    const {settings, diagnostics} = await loadSettings({file: folder.at('one.yaml'), cwd: '/'})
    assert.equal(diagnostics, [])
    assert.equal(settings?.git, {
      serve: 'commit',
      remote: {kind: 'path', url: join(folder.path, '..', 'routes.git')},
      branch: 'main',
      path: 'routes.d',
      everyMs: 60_000,
      timeoutMs: 60_000,
      ssh: {key: {file: 'key'}, knownHosts: folder.at('hosts')},
      token: null,
      fastForwardOnly: true,
      allowEmpty: false,
      verify: {mode: 'head', signers: folder.at('signers'), principals: []},
      webhook: {listen: {host: '127.0.0.1', port: 9181}, path: '/hook', secret: {file: 'hook'}},
      soak: null,
      confirmWithinMs: null,
      folder: folder.path,
    })
  }),
)

test(
  'a soak has the values of the schema unless others are given',
  withFolder(async folder => {
    await folder.write({
      'a.yaml': 'git: {soak: {for: 10s}, confirmWithin: 5m}\n',
      'b.yaml': 'git: {soak: off}\n',
      'c.yaml': 'git: {soak: {latency: off}}\n',
    })
    const [a, b, c] = await Promise.all(
      ['a.yaml', 'b.yaml', 'c.yaml'].map(file => loadSettings({file, cwd: folder.path})),
    )
    assert.equal(a?.settings?.git.soak, {forMs: 10_000, errorRate: 0.05, latency: 2, minRequests: 50})
    assert.equal(
      [a?.settings?.git.confirmWithinMs, b?.settings?.git.soak, b?.settings?.git.confirmWithinMs],
      [300_000, null, null],
    )
    assert.is(c?.settings?.git.soak?.latency, null)
  }),
)

test(
  'remotes that run programs or carry passwords, and settings that would guard nothing, are refused',
  withFolder(async folder => {
    const refused: Record<string, string> = {
      'remote: "ext::sh -c x"': 'does not match',
      'remote: "ext::evil"': 'names a program',
      'remote: "git://example.com/x"': 'has the scheme git',
      'remote: "https://ada:pw@example.com/x"': 'carries a credential',
      'remote: "https://tok@example.com/x"': 'carries a credential',
      'verify: {mode: head}': 'carry no signature',
      'webhook: {secret: {env: X}}': 'no git.remote',
      'soak: {latency: 1x}': 'no reason to go back',
      'remote: "http://example.com/x", token: {env: X}': 'anybody on the way',
    }
    for (const [git, why] of Object.entries(refused)) {
      await folder.write({'routesd.yaml': `git: {${git}}\n`})
      const {settings, diagnostics} = await loadSettings({file: null, cwd: folder.path})
      assert.is(settings, null, git)
      if (why !== 'does not match') assert.match(diagnostics[0]?.message ?? '', why)
    }
  }),
)

test(
  'two listeners at one address are an error, also when one of them is the default',
  withFolder(async folder => {
    const refusal = async (listen: string) => {
      await folder.write({'routesd.yaml': `listen: ${listen}\n`})
      const {diagnostics} = await loadSettings({file: null, cwd: folder.path})
      return renderDiagnostics(diagnostics, 'compact', {color: false})
    }
    const same = 'is the address of listen.http and of listen.service'
    assert.match(await refusal('{http: 80, service: 80}'), `:1:29: error bad-value: [::]:80 ${same}`)
    assert.match(await refusal('{http: 11337}'), `:1:16: error bad-value: 127.0.0.1:11337 ${same}`)
    for (const good of [
      '{http: 0, service: 0}',
      '{http: 80, service: off}',
      '{http: "10.0.0.1:80", service: "127.0.0.1:80"}',
    ])
      assert.is(await refusal(good), '', good)
  }),
)

test(
  'a named file that is not there is an error; the one by default is not',
  withFolder(async folder => {
    const {settings, diagnostics} = await loadSettings({file: 'none.yaml', cwd: folder.path})
    assert.is(settings, null)
    assert.is(diagnostics[0]?.rule, 'unreadable')
  }),
)

test(
  'the access log: where, from the folder of the settings, and in which format',
  withFolder(async folder => {
    const access = async (log: string) => {
      await folder.write({'etc/routesd.yaml': `log: {${log}}\n`})
      return (await loadSettings({file: folder.at('etc/routesd.yaml'), cwd: folder.path})).settings?.log
    }
    assert.equal((await access('access: a.log'))?.access, {path: folder.at('etc/a.log'), format: 'json'})
    assert.equal((await access('access: stdout, format: combined'))?.access, {path: null, format: 'combined'})
    assert.is((await access('access: stdout, format: combined'))?.format, 'json')
    assert.equal((await access('access: stdout, format: pretty'))?.access, {path: null, format: 'logfmt'})
    assert.is((await access('access: off'))?.access, null)
  }),
)

test.run()
