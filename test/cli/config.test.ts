import {readFileSync} from 'node:fs'
import {join} from 'node:path'
import {test} from 'uvu'
import * as assert from 'uvu/assert'
import {parse} from 'yaml'
import {command} from '../helpers/command.ts'
import {withFolder} from '../helpers/folder.ts'

const schemas = join(import.meta.dirname, '..', '..', 'schemas')

test('config schema prints a schema as it lies in schemas/, and that of a file unless told', async () => {
  for (const name of ['file', 'route', 'host', 'service', 'test', 'settings', 'defs']) {
    const {code, stdout} = await command(['config', 'schema', name])
    assert.is(code, 0)
    assert.equal(JSON.parse(stdout), JSON.parse(readFileSync(join(schemas, `${name}.schema.json`), 'utf8')))
  }
  assert.is((await command(['config', 'schema'])).stdout, (await command(['config', 'schema', 'file'])).stdout)
})

test(
  'config dump shows settings and routes with their defaults, the same in YAML and JSON',
  withFolder(async folder => {
    await folder.write({
      'conf/routesd.yaml': 'routes: ../r\nworkers: 3\ndefaults: {timeouts: {idle: 9s}}\n',
      'r/x.yaml': '# first\n- id: x.localhost\n  target: http://127.0.0.1:1\n',
    })
    const args = ['config', 'dump', '-c', 'conf/routesd.yaml']
    const yaml = await command(args, {cwd: folder.path})
    const json = await command([...args, '-o', 'json'], {cwd: folder.path})
    assert.equal([yaml.code, json.code], [0, 0], yaml.stderr)
    const dump = JSON.parse(json.stdout) as {
      revision: string
      settings: {workers: number; edge: {drain: string}}
      config: {routes: {from: string; id: string; timeouts: {connect: string; idle: string}}[]}
    }
    assert.equal(parse(yaml.stdout), dump)
    assert.match(dump.revision, /^files\.[0-9a-f]{8}$/)
    assert.equal([dump.settings.workers, dump.settings.edge.drain], [3, '30s'])
    const [route] = dump.config.routes
    assert.equal([route?.id, route?.from], ['x.localhost', 'r/x.yaml:2'])
    assert.equal([route?.timeouts.connect, route?.timeouts.idle], ['5s', '9s'])
  }),
)

test.run()
