// Certificates of a public authority as the daemon gets them.

import {createServer} from 'node:http'
import type {AddressInfo} from 'node:net'
import {test} from 'uvu'
import * as assert from 'uvu/assert'
import {systemClock} from '../../src/base/clock.ts'
import {silentLog} from '../../src/base/log.ts'
import {schedulingOf} from '../../src/control/acme.ts'
import type {Scheduler} from '../../src/control/certs/scheduler.ts'
import {loadSettings} from '../../src/control/config/settings.ts'
import {vaultIn} from '../helpers/acme/issuer.ts'
import {type Folder, withFolder} from '../helpers/folder.ts'
import {until} from '../helpers/until.ts'

test(
  'nothing is ordered before connections are taken: the authority would look in vain',
  withFolder(async folder => {
    const asked: (string | undefined)[] = []
    const authority = createServer((request, response) => {
      asked.push(request.url)
      response.writeHead(503).end()
    })
    await new Promise<void>(done => authority.listen(0, '127.0.0.1', done))
    folder.scope.defer(() => {
      authority.close()
      authority.closeAllConnections()
    })
    const {port} = authority.address() as AddressInfo
    const listening = Promise.withResolvers<void>()
    const early = await schedulerAt(folder, `http://127.0.0.1:${port}/early`, listening.promise)
    early.want(['shop.example.com'])
    // One that began later has asked: so the other one does not.
    const late = await schedulerAt(folder, `http://127.0.0.1:${port}/late`, Promise.resolve())
    late.want(['shop.example.com'])
    await until('the late one', () => asked.includes('/late'))
    assert.equal(asked, ['/late'])
    listening.resolve()
    await until('the early one', () => asked.includes('/early'))
  }),
)

test.run()

// ---

async function schedulerAt(folder: Folder, directory: string, listening: Promise<void>): Promise<Scheduler> {
  await folder.write({'routesd.yaml': `acme: {agree: true, directory: "${directory}"}\n`})
  const {settings} = await loadSettings({file: null, cwd: folder.path})
  if (settings === null) throw new Error('no settings')
  const scheduling = schedulingOf({
    settings,
    clock: systemClock,
    log: silentLog,
    setChallenges: async () => {},
    listening,
  })
  if (typeof scheduling === 'string') throw new Error(scheduling)
  const vault = await vaultIn(folder.scope)
  const desk = {vault, kept: () => [], keep: async () => {}, changed: () => {}}
  return folder.scope.own(scheduling(desk), owned => owned.close())
}
