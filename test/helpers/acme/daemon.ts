// The real program with https, whose certificates come from a Pebble that looks for http-01 where the program listens.

import {createAdminClient} from '../../../src/admin/client.ts'
import type {CertRow, Status} from '../../../src/admin/protocol.ts'
import type {CommandResult} from '../command.ts'
import {command, type RunningCommand, startIn} from '../command.ts'
import type {Folder} from '../folder.ts'
import {freePort} from '../ports.ts'
import {PATIENCE_MS, until} from '../until.ts'
import {type Pebble, type PebbleOptions, pebbleOf} from './pebble.ts'

export type HttpsDaemon = {
  readonly pebble: Pebble
  readonly httpPort: number
  httpsPort(): number
  running(): RunningCommand
  /** Starts it, or again after it was killed; resolves when it serves. */
  start(nodeArgs?: readonly string[]): Promise<void>
  run(...args: string[]): Promise<CommandResult>
  rows(): Promise<readonly CertRow[]>
  status(): Promise<Status>
  /** The row of a certificate, once it is as wanted. */
  row(id: string, isWanted: (row: CertRow) => boolean, limitMs?: number): Promise<CertRow>
}

/** Hosts get a route each. */
export async function httpsDaemonIn(
  folder: Folder,
  hosts: readonly string[],
  options: PebbleOptions & {
    readonly directoryUrl?: (pebble: Pebble) => Promise<string>
    /** Of acme.dns. */
    readonly dns?: (pebble: Pebble) => Promise<string>
  } = {},
): Promise<HttpsDaemon> {
  const httpPort = await freePort()
  const pebble = await pebbleOf(folder.scope, {...options, httpPort})
  const directory = (await options.directoryUrl?.(pebble)) ?? pebble.directoryUrl
  const dns = (await options.dns?.(pebble)) ?? ''
  await folder.write({
    'ca.pem': pebble.ca,
    'routesd.yaml': [
      'workers: 2',
      `listen: {http: "127.0.0.1:${httpPort}", https: "127.0.0.1:0", service: off}`,
      `acme: {agree: true, directory: "${directory}", ca: {file: ca.pem}${dns && `, dns: ${dns}`}}`,
      '',
    ].join('\n'),
    'routes.d/hosts.yaml': hosts.map(routeOf).join(''),
  })
  const env = {ROUTESD_CONFIG_DIR: folder.at('config')}
  let running: RunningCommand | null = null
  let httpsPort = 0
  const run = (...args: string[]) => command(args, {cwd: folder.path, env})
  const client = createAdminClient(folder.at('.routesd/admin.sock'), PATIENCE_MS)
  const rows = () => client.certs()
  const daemon: HttpsDaemon = {
    pebble,
    httpPort,
    httpsPort: () => httpsPort,
    running() {
      if (running === null) throw new Error('it does not run')
      return running
    },
    async start(nodeArgs = []) {
      running = startIn(folder, ['run'], {env, nodeArgs})
      const ready = await running.line(/^routesd ready /)
      httpsPort = Number(/ https=\S+:(\d+) /.exec(ready)?.[1])
    },
    run,
    rows,
    status: () => client.status(),
    row: (id, isWanted, limitMs = 30_000) =>
      until(`${id} to be as wanted`, async () => (await rows()).find(row => row.id === id && isWanted(row)), limitMs),
  }
  await daemon.start()
  return daemon
}

export function routeOf(host: string): string {
  return `- id: "${host}"\n  respond: {status: 200, body: "${host}"}\n`
}
