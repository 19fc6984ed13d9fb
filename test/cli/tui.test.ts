// tui where there is no terminal, and what other verbs have of it: nothing.

import {readdirSync, readFileSync} from 'node:fs'
import {join} from 'node:path'
import {test} from 'uvu'
import * as assert from 'uvu/assert'
import {createLogFile} from '../../src/cli/run-with-tui.ts'
import {command} from '../helpers/command.ts'
import {daemonIn} from '../helpers/daemon.ts'
import {withFolder} from '../helpers/folder.ts'
import {until} from '../helpers/until.ts'

const YAML =
  'routes: [{id: x.localhost, service: orders}]\nservices: [{slug: orders, instances: ["http://127.0.0.1:7"]}]\n'
const SRC = join(import.meta.dirname, '..', '..', 'src')

test(
  'without a terminal it prints what it would show and exits 0, top as well as tui',
  withFolder(async folder => {
    await folder.write({'routes.d/a.yaml': YAML})
    const {operations} = await daemonIn(folder)
    // What it serves is in the history a little later, and the outputs below are to be the same.
    await until('the history', () => operations.history().length === 1)
    const {code, stdout, stderr} = await command(['tui'], {cwd: folder.path})
    assert.equal([code, stderr], [0, ''])
    assert.match(stdout, /^revision {2}files\.\w+\nsync +Synced\nhealth +Healthy\n/)
    assert.match(
      stdout,
      /^ROUTE ID +TARGET +REQUESTS +ERRORS +FROM\nx\.localhost +orders +0 +0 +routes\.d\/a\.yaml:1$/m,
    )
    assert.match(stdout, /^orders@127\.0\.0\.1:7 +orders +up/m)
    assert.is((await command(['top', '--once'], {cwd: folder.path})).stdout, stdout)
    const json = JSON.parse((await command(['tui', '-o', 'json'], {cwd: folder.path})).stdout) as object
    assert.equal(Object.keys(json), ['status', 'routes', 'instances', 'certs', 'history'])
  }),
)

test(
  'without a daemon that exits 4, and run --tui without a terminal 2',
  withFolder(async folder => {
    await folder.write({'routes.d/a.yaml': YAML})
    const {code, stdout, stderr} = await command(['tui', '--once'], {cwd: folder.path})
    assert.equal([code, stdout], [4, ''])
    assert.match(stderr, /^routesd: no daemon at .*start one with `routesd run`\n$/)
    const run = await command(['run', '--tui'], {cwd: folder.path})
    assert.is(run.code, 2)
    assert.match(run.stderr, /run --tui needs a terminal/)
  }),
)

test('Ink and React are loaded by the terminal UI only, and that only by its verb', () => {
  const users = readdirSync(SRC, {recursive: true, encoding: 'utf8'}).filter(
    name => name.endsWith('.ts') && /from '(ink|react)'/.test(readFileSync(join(SRC, name), 'utf8')),
  )
  assert.equal(users.sort(), ['tui/app.ts', 'tui/start.ts'])
  const verb = readFileSync(join(SRC, 'cli', 'tui.ts'), 'utf8')
  assert.not.match(verb, /^import .*tui\/start/m)
})

test(
  'the log of a daemon that has no stderr is private and bounded',
  withFolder(async folder => {
    const write = createLogFile(folder.at('daemon.log'), 100)
    for (let line = 0; line < 10; line++) write(`${'x'.repeat(39)}\n`)
    assert.equal(readdirSync(folder.path).sort(), ['daemon.log', 'daemon.log.1'])
    for (const name of ['daemon.log', 'daemon.log.1']) assert.ok(readFileSync(folder.at(name)).length <= 140)
    createLogFile(folder.at('daemon.log'), 100)('again\n')
    assert.match(readFileSync(folder.at('daemon.log'), 'utf8'), /x\nagain\n$/)
  }),
)

test.run()
