// https without anybody having done anything: a host appears in routes.d, and clients that trust the local CA reach it.

import {readdirSync, readFileSync, writeFileSync} from 'node:fs'
import {get} from 'node:https'
import {test} from 'uvu'
import * as assert from 'uvu/assert'
import {createAdminClient} from '../../src/admin/client.ts'
import {startIn} from '../helpers/command.ts'
import {type Folder, withFolder} from '../helpers/folder.ts'
import {filesWith} from '../helpers/scan.ts'
import {until} from '../helpers/until.ts'

const SETTINGS = 'workers: 2\nlisten: {http: "127.0.0.1:0", https: "127.0.0.1:0", service: off}\n'

test(
  'hosts for this machine are served on https as soon as they are served at all',
  withFolder(async folder => {
    await folder.write({'routes.d/x.yaml': routesFor('x.localhost', '127.0.0.1', 'registry')})
    const {port, admin} = await start(folder)
    const {roots} = await admin.certRoots()
    assert.is(roots.length, 2)
    for (const host of ['x.localhost', '127.0.0.1', 'registry'])
      assert.is(await ask(host, port, roots), `this is ${host}`)

    await folder.write({'routes.d/y.yaml': routesFor('y.localhost')})
    // The first answer to the new host on plain http sends to https, and there it is.
    await until('the new host', async () => (await admin.routes()).some(({host}) => host === 'y.localhost'))
    assert.is(await ask('y.localhost', port, roots), 'this is y.localhost')
    assert.is((await admin.status()).health.state, 'Healthy')
    assert.equal(await filesWith(folder.at('.routesd'), ['PRIVATE KEY', 'BEGIN ']), [])
  }),
)

test(
  'a killed daemon comes back with the same certificates; one that is spoiled costs that host alone, and is said',
  withFolder(async folder => {
    await folder.write({'routes.d/x.yaml': routesFor('a.localhost', 'b.localhost')})
    const first = await start(folder)
    const before = await first.admin.certs()
    first.running.child.kill('SIGKILL')
    await first.running.ended
    const second = await start(folder)
    assert.equal(await second.admin.certs(), before)
    await second.running.stop()

    const sealed = folder.at('.routesd/vault/certificate')
    assert.equal(readdirSync(sealed), ['local-a.localhost.sealed', 'local-b.localhost.sealed'])
    const path = `${sealed}/local-a.localhost.sealed`
    const bytes = readFileSync(path)
    bytes[bytes.length - 1] = (bytes.at(-1) ?? 0) ^ 1
    writeFileSync(path, bytes)
    const third = await start(folder)
    const {roots} = await third.admin.certRoots()
    assert.is(await ask('b.localhost', third.port, roots), 'this is b.localhost')
    assert.match(await ask('a.localhost', third.port, roots), /unrecognized name/i)
    const {health, conditions} = await third.admin.status()
    assert.is(health.state, 'Degraded')
    assert.ok(conditions.some(({type, message}) => type === 'CertificateFailing' && message.includes(path)))
  }),
)

test(
  'a host of the public internet is served on plain http and says what it takes for https',
  withFolder(async folder => {
    await folder.write({'routes.d/x.yaml': routesFor('shop.example.com', 'x.localhost')})
    const {port, admin} = await start(folder)
    const {roots} = await admin.certRoots()
    assert.is(await ask('x.localhost', port, roots), 'this is x.localhost')
    assert.match(await ask('shop.example.com', port, roots), /unrecognized name/i)
    const {health} = await admin.status()
    assert.is(health.state, 'Degraded')
    assert.match(health.message, /^shop\.example\.com: .*acme\.agree/)
  }),
)

test.run()

// ---

function routesFor(...hosts: string[]): string {
  return hosts.map(host => `- id: "${host}"\n  respond: {status: 200, body: "this is ${host}"}\n`).join('')
}

async function start(folder: Folder) {
  await folder.write({'routesd.yaml': SETTINGS})
  const running = startIn(folder, ['run'], {env: {ROUTESD_CONFIG_DIR: folder.at('config')}})
  const line = await running.line(/^routesd ready/)
  const port = Number(/https=127\.0\.0\.1:(\d+)/.exec(line)?.[1])
  return {running, port, admin: createAdminClient(folder.at('.routesd/admin.sock'))}
}

// The body of the answer, or why there is none.
function ask(host: string, port: number, ca: readonly string[]): Promise<string> {
  return new Promise(resolve => {
    const options = {host: '127.0.0.1', port, ca: [...ca], headers: {host}, agent: false}
    const isAddress = /^[\d.]+$/.test(host)
    const request = get({...options, ...(isAddress ? {} : {servername: host})}, async response => {
      let text = ''
      for await (const chunk of response) text += chunk
      resolve(text)
    })
    request.on('error', error => resolve(error.message))
  })
}
