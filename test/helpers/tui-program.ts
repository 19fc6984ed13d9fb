// The program on a terminal, and the daemon that it shows.

import {join} from 'node:path'
import {type RunningCommand, startIn} from './command.ts'
import type {Folder} from './folder.ts'

/** As a shell runs it. */
export const ROUTESD = `'${process.execPath}' --no-warnings '${join(import.meta.dirname, '..', '..', 'src', 'main.ts')}'`
export const SETTINGS = 'workers: 1\nlisten: {http: "127.0.0.1:0", service: off}\nadmin: {http: off}\n'
export const GOOD = `routes:
- {id: x.localhost, service: orders}
- {id: x.localhost/pay, target: "http://127.0.0.1:9"}
services:
- {slug: orders, instances: ["http://127.0.0.1:7", "http://127.0.0.1:8"]}
`

/** A daemon that serves two routes of three instances, none of which is there. */
export async function serveIn(folder: Folder): Promise<RunningCommand> {
  await folder.write({'routesd.yaml': SETTINGS, 'routes.d/a.yaml': GOOD})
  const daemon = startIn(folder, ['run'])
  await daemon.line(/^routesd ready /)
  return daemon
}
