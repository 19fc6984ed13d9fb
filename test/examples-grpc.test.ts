// A call of gRPC to the service of examples/grpc, as its README makes it.

import {spawn} from 'node:child_process'
import {cp, readFile, writeFile} from 'node:fs/promises'
import {join} from 'node:path'
import {test} from 'uvu'
import * as assert from 'uvu/assert'
import type {Scope} from '../src/base/scope.ts'
import {startIn} from './helpers/command.ts'
import {withFolder} from './helpers/folder.ts'
import {ask, http2To} from './helpers/http2-client.ts'
import {framed} from './helpers/http2-origin.ts'

const EXAMPLE = join(import.meta.dirname, '../examples/grpc')
const CALL = {':method': 'POST', ':path': '/shop.Orders/Echo', 'content-type': 'application/grpc', te: 'trailers'}

test(
  'a call is answered by the service, and by routesd when there is none',
  withFolder(async folder => {
    await cp(join(EXAMPLE, 'routes.d'), folder.at('routes.d'), {recursive: true})
    const routes = await readFile(folder.at('routes.d/shop.yaml'), 'utf8')
    const orders = await ordersOf(folder.scope)
    await writeFile(folder.at('routes.d/shop.yaml'), routes.replace('127.0.0.1:9000', `127.0.0.1:${orders.port}`))
    const settings = await readFile(join(EXAMPLE, 'routesd.yaml'), 'utf8')
    const text = settings.replace(/127\.0\.0\.1:\d+/g, '127.0.0.1:0').replace('listen:', 'listen:\n  service: off')
    await writeFile(folder.at('routesd.yaml'), text)
    const daemon = startIn(folder, ['run'], {env: {ROUTESD_CONFIG_DIR: folder.at('config')}})
    const ready = await daemon.line(/^routesd ready /)
    const session = await http2To(folder.scope, Number(/ https=\S+:(\d+) /.exec(ready)?.[1]), 'shop.localhost')
    const answer = await ask(session, CALL, framed('hello'))
    assert.equal([answer.status, answer.trailers['grpc-status']], [200, '0'])
    assert.is(answer.body, framed('hello').toString('latin1'))
    await orders.end()
    const failed = await ask(session, CALL, framed('hello'))
    assert.equal([failed.status, failed.headers['grpc-status']], [200, '14'])
  }),
)

async function ordersOf(scope: Scope): Promise<{readonly port: number; end(): Promise<void>}> {
  const child = spawn(process.execPath, [join(EXAMPLE, 'orders.ts'), '0'], {stdio: ['ignore', 'pipe', 'inherit']})
  const gone = new Promise<void>(done => child.on('close', () => done()))
  const end = () => {
    child.kill()
    return gone
  }
  scope.defer(end)
  const said = await new Promise<string>(done => child.stdout.once('data', data => done(String(data))))
  return {port: Number(/port: (\d+)/.exec(said)?.[1]), end}
}

test.run()
