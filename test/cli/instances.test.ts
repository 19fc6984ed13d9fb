import {test} from 'uvu'
import * as assert from 'uvu/assert'
import {command} from '../helpers/command.ts'
import {daemonIn} from '../helpers/daemon.ts'
import {withFolder} from '../helpers/folder.ts'

const YAML = `routes:
  - {id: x.localhost, service: orders}
  - {id: x.localhost/pay, service: pay}
  - {id: y.localhost, target: "http://127.0.0.1:9"}
services:
  - {slug: orders, balance: random-two, instances: ["http://127.0.0.1:7", {url: "https://127.0.0.1:7/base", weight: 3}]}
  - {slug: pay, instances: ["http://127.0.0.1:7", "http://127.0.0.1:7"]}
`
const words = (text: string) =>
  text
    .trimEnd()
    .split('\n')
    .map(line => line.split(/ {2,}/))

test(
  'without a daemon, services and instances are what is written, uncounted and of unknown state',
  withFolder(async folder => {
    await folder.write({'routes.d/a.yaml': YAML})
    const run = async (...args: string[]) => {
      const {code, stdout, stderr} = await command(args, {cwd: folder.path})
      assert.is(code, 0, stderr)
      assert.match(stderr, args.includes('--offline') ? /^$/ : /no daemon at .*this is what the files say/)
      return stdout
    }
    assert.equal(words(await run('services', 'list')), [
      ['SERVICE', 'BALANCE', 'INSTANCES', 'USABLE'],
      ['orders', 'random-two', '2', '-'],
      ['pay', 'round-robin', '1', '-'],
    ])
    assert.equal(words(await run('instances', 'ls', '--offline')), [
      ['ID', 'SERVICE', 'STATE', 'WEIGHT', 'IN FLIGHT', 'REQUESTS', 'ERRORS', 'REASON'],
      ['orders@127.0.0.1:7', 'orders', 'unknown', '1', '-', '-', '-'],
      ['orders@https://127.0.0.1:7/base', 'orders', 'unknown', '3', '-', '-', '-'],
      ['pay@127.0.0.1:7', 'pay', 'unknown', '1', '-', '-', '-'],
      ['http://127.0.0.1:9@127.0.0.1:9', 'http://127.0.0.1:9', 'unknown', '1', '-', '-', '-'],
    ])
    assert.equal(JSON.parse(await run('instances', 'list', 'pay', '--offline', '-o', 'json')), [
      {
        id: 'pay@127.0.0.1:7',
        service: 'pay',
        url: 'http://127.0.0.1:7',
        weight: 1,
        state: 'unknown',
        inFlight: null,
        requests: null,
        errors: null,
        latencyMs: null,
        lastChange: null,
        reason: '',
      },
    ])
  }),
)

test(
  'drain and undrain need a daemon, and say what they do not understand before they ask it',
  withFolder(async folder => {
    await folder.write({'routes.d/a.yaml': YAML})
    const mistakes: readonly (readonly [args: string[], code: number, message: RegExp])[] = [
      [['instances', 'drain', 'orders@127.0.0.1:7'], 4, /no daemon at /],
      [['instances', 'undrain', 'orders@127.0.0.1:7'], 4, /no daemon at /],
      [['instances', 'drain', 'a', '--for', 'soon'], 2, /--for 'soon' is not a duration \(such as 10m/],
      [['instances', 'drain'], 2, /'instances drain' needs ID/],
      [['instances', 'ls', 'ordrs', '--offline'], 2, /there is no service 'ordrs' \(did you mean orders\?\)/],
    ]
    for (const [args, code, message] of mistakes) {
      const got = await command(args, {cwd: folder.path})
      assert.equal([got.code, got.stdout], [code, ''], args.join(' '))
      assert.match(got.stderr, message)
    }
  }),
)

test(
  'an id that is not one whole id is refused with those that were probably meant',
  withFolder(async folder => {
    await folder.write({'routes.d/a.yaml': YAML})
    const {operations} = await daemonIn(folder)
    const drain = (...args: string[]) => command(['instances', 'drain', ...args], {cwd: folder.path})
    const mistakes: readonly (readonly [id: string, message: RegExp])[] = [
      [
        '127.0.0.1:7',
        /there is no instance '127\.0\.0\.1:7'; orders@127\.0\.0\.1:7 and pay@127\.0\.0\.1:7 are there: name one/,
      ],
      ['127.0.0.1:9', /did you mean http:\/\/127\.0\.0\.1:9@127\.0\.0\.1:9\?/],
      ['order@127.0.0.1:7', /did you mean orders@127\.0\.0\.1:7\?/],
      ['something/else', /there is no instance 'something\/else' \(not-found\)/],
    ]
    for (const [id, message] of mistakes) {
      const {code, stdout, stderr} = await drain(id)
      assert.equal([code, stdout], [2, ''], id)
      assert.match(stderr, message)
    }
    const long = await drain('pay@127.0.0.1:7', '--for', '31d')
    assert.is(long.code, 2)
    assert.match(long.stderr, /'for' is between 1s and 30d/)
    assert.ok(operations.instances().every(({state}) => state !== 'draining'))

    const {stdout} = await drain('orders@https://127.0.0.1:7/base', '-o', 'json')
    const {id, service, usable} = JSON.parse(stdout) as Record<string, unknown>
    assert.equal([id, service, usable], ['orders@https://127.0.0.1:7/base', 'orders', 1])
    assert.equal(
      operations.instances().map(({state}) => state),
      ['up', 'draining', 'up', 'up'],
    )
  }),
)

test.run()
