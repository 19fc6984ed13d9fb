// What routes.d refers to: what is read, and what a committer may not reach.

import {execFile} from 'node:child_process'
import {readFile, symlink, writeFile} from 'node:fs/promises'
import {promisify} from 'node:util'
import {test} from 'uvu'
import * as assert from 'uvu/assert'
import type {Config} from '../../../src/control/config/config.ts'
import {NO_REFERENCES, type ReferenceOptions, readReferences} from '../../../src/control/config/references.ts'
import type {UpstreamTls} from '../../../src/control/config/types.ts'
import {type Folder, withFolder} from '../../helpers/folder.ts'

const run = promisify(execFile)

/** A route in routes.d/sub/a.yaml, line 7, with this upstreamTls. */
function configWith(upstreamTls: UpstreamTls): Config {
  const value = {id: 'a.localhost', target: 'https://app', upstreamTls}
  return {routes: [{value, file: 'routes.d/sub/a.yaml', line: 7}], hosts: [], services: [], tests: []}
}

async function read(folder: Folder, upstreamTls: UpstreamTls, permit: Partial<ReferenceOptions['permit']> = {}) {
  const {references, diagnostics} = await readReferences(configWith(upstreamTls), {
    root: folder.at('routes.d'),
    label: 'routes.d',
    permit: {files: ['.'], env: [], ...permit},
  })
  const {ca, cert, key} = upstreamTls
  return {
    texts: [ca, cert, key].map(part => references.textOf(part, 'routes.d/sub/a.yaml')),
    problems: diagnostics.map(({file, line, path, message}) => `${file}:${line} ${path} ${message}`),
  }
}

/** A self-signed certificate and its key. */
async function pair(folder: Folder): Promise<{cert: string; key: string}> {
  const out = ['-keyout', folder.at('key.pem'), '-out', folder.at('cert.pem')]
  const how = ['-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes', '-days', '2']
  await run('openssl', ['req', ...how, '-subj', '/CN=app', ...out])
  return {cert: await readFile(folder.at('cert.pem'), 'utf8'), key: await readFile(folder.at('key.pem'), 'utf8')}
}

test(
  'paths resolve against the file that they stand in, and everything below the parent of routes.d may be read',
  withFolder(async folder => {
    await folder.write({'routes.d/sub/a.yaml': ''})
    const {cert, key} = await pair(folder)
    await folder.write({'routes.d/sub/near.pem': cert})
    const {texts, problems} = await read(folder, {
      ca: './near.pem',
      cert: '../../cert.pem',
      key: {file: folder.at('key.pem')},
    })
    assert.equal(problems, [])
    assert.equal(texts, [cert, cert, key])
  }),
)

test(
  'no way leads out of what is permitted: not up, not absolute, not by a link',
  withFolder(async folder => {
    await folder.write({'site/routes.d/sub/a.yaml': '', 'secret.pem': 'secret', 'site-two/secret.pem': 'secret'})
    await symlink('../../../secret.pem', folder.at('site/routes.d/sub/link.pem'))
    await symlink('../../..', folder.at('site/routes.d/sub/up'))
    const site = {...folder, at: (name: string) => folder.at(`site/${name}`)}
    const paths = ['../../../secret.pem', '../../../site-two/secret.pem', '/etc/passwd', './link.pem', 'up/secret.pem']
    for (const path of paths) {
      for (const ca of [path, {file: path}]) {
        const {texts, problems} = await read(site, {ca})
        assert.equal(texts[0], '', path)
        assert.equal(problems, [
          `routes.d/sub/a.yaml:7 /upstreamTls/ca upstreamTls.ca cannot be read: ${path} is not in permit.files`,
        ])
      }
    }
  }),
)

test(
  'permit.files opens other folders and single files, down to all of the disk',
  withFolder(async folder => {
    const {cert} = await pair(folder)
    await folder.write({'site/routes.d/sub/a.yaml': '', 'certs/ca.pem': cert, 'certs-two/ca.pem': cert})
    const site = {...folder, at: (name: string) => folder.at(`site/${name}`)}
    for (const files of [
      [folder.at('certs')],
      ['../certs'],
      [folder.at('certs/ca.pem')],
      ['/missing', '../certs'],
      ['/'],
    ]) {
      const {texts, problems} = await read(site, {ca: '../../../certs/ca.pem'}, {files})
      assert.equal([problems, texts[0]], [[], cert], files.join())
    }
    const beside = await read(site, {ca: '../../../certs-two/ca.pem'}, {files: ['../certs']})
    assert.match(beside.problems[0] ?? '', /not in permit\.files$/)
    const nothing = await read(folder, {ca: './ca.pem'}, {files: []})
    assert.is(nothing.problems.length, 1)
  }),
)

test(
  'what is missing, no file or too large is told with its place',
  withFolder(async folder => {
    await folder.write({'routes.d/sub/a.yaml': '', 'routes.d/sub/dir/x': ''})
    await writeFile(folder.at('routes.d/sub/big.pem'), Buffer.alloc((1 << 20) + 1))
    await run('mkfifo', [folder.at('routes.d/sub/pipe.pem')])
    const cases: readonly (readonly [string, RegExp])[] = [
      ['./missing.pem', /ENOENT/],
      ['./dir', /\.\/dir is not a file$/],
      ['./pipe.pem', /\.\/pipe\.pem is not a file$/],
      ['./big.pem', /larger than 1 MiB$/],
    ]
    for (const [ca, why] of cases) {
      const {problems} = await read(folder, {ca})
      assert.is(problems.length, 1)
      assert.match(problems[0] ?? '', /^routes\.d\/sub\/a\.yaml:7 \/upstreamTls\/ca upstreamTls\.ca cannot be read: /)
      assert.match(problems[0] ?? '', why)
    }
  }),
)

test(
  'the environment is read by the names that are permitted',
  withFolder(async folder => {
    await folder.write({'routes.d/sub/a.yaml': ''})
    const {cert} = await pair(folder)
    process.env['ROUTESD_TEST_CA'] = cert
    folder.scope.defer(() => {
      delete process.env['ROUTESD_TEST_CA']
    })
    const env = ['ROUTESD_TEST_CA', 'ROUTESD_TEST_MISSING']
    assert.equal(await read(folder, {ca: {env: 'ROUTESD_TEST_CA'}}, {env}), {texts: [cert, '', ''], problems: []})
    const missing = await read(folder, {ca: {env: 'ROUTESD_TEST_MISSING'}}, {env})
    assert.match(missing.problems[0] ?? '', /the environment has no ROUTESD_TEST_MISSING$/)
    const refused = await read(folder, {ca: {env: 'ROUTESD_TEST_CA'}})
    assert.match(refused.problems[0] ?? '', /ROUTESD_TEST_CA is not in permit\.env$/)
    assert.is(refused.texts[0], '')
  }),
)

test(
  'credentials of systemd are read from their folder and nowhere else',
  withFolder(async folder => {
    const {cert} = await pair(folder)
    await folder.write({'routes.d/sub/a.yaml': '', 'credentials/app-ca': cert, secret: 'secret'})
    const before = process.env['CREDENTIALS_DIRECTORY']
    folder.scope.defer(() => {
      if (before === undefined) delete process.env['CREDENTIALS_DIRECTORY']
      else process.env['CREDENTIALS_DIRECTORY'] = before
    })
    delete process.env['CREDENTIALS_DIRECTORY']
    assert.match((await read(folder, {ca: {credential: 'app-ca'}})).problems[0] ?? '', /LoadCredential/)
    process.env['CREDENTIALS_DIRECTORY'] = folder.at('credentials')
    assert.equal(await read(folder, {ca: {credential: 'app-ca'}}), {texts: [cert, '', ''], problems: []})
    for (const credential of ['../secret', 'a/b', '']) {
      assert.match((await read(folder, {ca: {credential}})).problems[0] ?? '', /not the name of a credential$/)
    }
    assert.match((await read(folder, {ca: {credential: '..'}})).problems[0] ?? '', /cannot be read/)
  }),
)

test(
  'a text that is no certificate, or a key that belongs to another, is told before anybody dials',
  withFolder(async folder => {
    const {cert} = await pair(folder)
    await folder.write({'routes.d/sub/a.yaml': '', 'ca.pem': cert, 'own.pem': cert, 'garbage.pem': 'garbage'})
    const other = {...folder, at: (name: string) => folder.at(name === 'routes.d' ? name : `other-${name}`)}
    const {key} = await pair(other)
    await folder.write({'other.pem': key})
    const cases: readonly (readonly [UpstreamTls, string | null])[] = [
      [{ca: '../../ca.pem'}, null],
      [{cert: '../../own.pem', key: '../../key.pem'}, '/upstreamTls/cert'],
      [{ca: '../../garbage.pem'}, '/upstreamTls/ca'],
      [{cert: '../../garbage.pem', key: '../../other.pem'}, '/upstreamTls/cert'],
      [{cert: '../../own.pem', key: '../../garbage.pem'}, '/upstreamTls/cert'],
      [{cert: '../../own.pem', key: '../../other.pem'}, '/upstreamTls/cert'],
    ]
    await folder.write({'key.pem': key})
    for (const [upstreamTls, path] of cases) {
      const {problems} = await read(folder, upstreamTls)
      const seen = problems.map(problem => problem.split(' ')[1])
      assert.equal(seen, path === null ? [] : [path], JSON.stringify(upstreamTls))
      for (const problem of problems) assert.match(problem, /no PEM that can be used/)
    }
  }),
)

test(
  'each reference is read once, and told about once, however many routes name it',
  withFolder(async folder => {
    await folder.write({'routes.d/sub/a.yaml': ''})
    const one = configWith({ca: './missing.pem'}).routes
    const {diagnostics} = await readReferences(
      {routes: [...one, ...one, ...one], hosts: [], services: [], tests: []},
      {root: folder.at('routes.d'), label: 'routes.d', permit: {files: ['.'], env: []}},
    )
    assert.is(diagnostics.length, 1)
    assert.equal([diagnostics[0]?.rule, diagnostics[0]?.severity], ['unreadable-reference', 'error'])
  }),
)

test('whoever only decides needs no references', () => {
  assert.is(NO_REFERENCES.textOf({env: 'ANY'}, 'routes.d/a.yaml'), '')
})

test.run()
