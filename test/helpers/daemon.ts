// The whole daemon in the test's process, on ports of its own, serving a folder.

import type {Clock} from '../../src/base/clock.ts'
import {type Log, silentLog} from '../../src/base/log.ts'
import {loadSettings} from '../../src/control/config/settings.ts'
import {type Daemon, runDaemon} from '../../src/daemon.ts'
import type {Folder} from './folder.ts'

export type RunningDaemon = Daemon & {readonly port: number; readonly servicePort: number}

export type DaemonOptions = {
  /** Lines of routesd.yaml beside those that give it ports of its own. */
  readonly settings?: string
  readonly resolve?: (host: string) => Promise<readonly string[]>
  readonly log?: Log
  readonly servers?: readonly string[]
  readonly clock?: Clock
}

/** Starts a daemon on `folder` (routes.d and state below it) that ends with the folder's scope. */
export async function daemonIn(folder: Folder, options: DaemonOptions = {}): Promise<RunningDaemon> {
  await writeSettings(folder, options.settings ?? '')
  const {settings, diagnostics} = await loadSettings({file: folder.at('routesd.yaml'), cwd: folder.path})
  if (!settings) throw new Error(JSON.stringify(diagnostics))
  const daemon = await runDaemon(settings, {
    log: options.log ?? silentLog,
    stdout: () => {},
    ...(options.resolve ? {resolve: options.resolve} : {}),
    ...(options.servers ? {servers: options.servers} : {}),
    ...(options.clock ? {clock: options.clock} : {}),
  })
  folder.scope.defer(async () => void (await daemon.stop()))
  const portOf = (addresses: readonly string[]) => Number(addresses[0]?.split(':').at(-1))
  return {...daemon, port: portOf(daemon.listeners.http), servicePort: portOf(daemon.listeners.service)}
}

/** routesd.yaml with these lines beside those that give a daemon ports of its own; what the lines say of `listen` goes instead. */
export async function writeSettings(folder: Folder, lines: string): Promise<void> {
  // Their defaults are one port each for all of the machine.
  const admin = lines.includes('admin:') ? '' : 'admin: {http: off}\n'
  const listen = /^listen:/m.test(lines) ? '' : 'listen: {http: "127.0.0.1:0", service: "127.0.0.1:0"}\n'
  const workers = /^workers:/m.test(lines) ? '' : 'workers: 2\n'
  await folder.write({'routesd.yaml': `${workers}${listen}${admin}${lines}`})
}
