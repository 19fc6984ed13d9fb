// routesd in a folder with a certificate to bring, with a daemon that serves it or without.

import {certificates, hasOpenssl} from './certificates.ts'
import {type CommandResult, command, startIn} from './command.ts'
import type {Folder} from './folder.ts'

export const SETTINGS = 'workers: 1\nlisten: {http: "127.0.0.1:0", service: off}\n'
export type SetUp = {
  run(...args: string[]): Promise<CommandResult>
  stop(): Promise<unknown>
  readonly pair: {readonly cert: string; readonly key: string}
}

export async function setUp(folder: Folder, how: 'a daemon' | 'no daemon'): Promise<SetUp> {
  const pair = hasOpenssl ? certificates(folder.scope).server : {cert: '', key: ''}
  await folder.write({
    'routesd.yaml': SETTINGS,
    'routes.d/x.yaml': '- id: x.localhost\n  target: http://127.0.0.1:1\n',
    'in.pem': pair.cert,
    'in.key': pair.key,
    'weak.key': '00'.repeat(32),
  })
  const env = {ROUTESD_CONFIG_DIR: folder.at('config')}
  const daemon = how === 'a daemon' ? startIn(folder, ['run'], {env}) : null
  await daemon?.line(/^routesd ready/)
  return {run: (...args) => command(args, {cwd: folder.path, env}), stop: async () => daemon?.stop(), pair}
}
