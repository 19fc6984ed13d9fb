// config dump: settings and routes.d as they are understood, with every default written out.

import {stringify} from 'yaml'
import {EXIT, type ExitCode} from '../base/errors.ts'
import {configWithDefaults} from '../control/compile/route-defaults.ts'
import {completeConfig} from '../control/config/complete.ts'
import {checkFiles, readRoutes, revisionOf} from './offline.ts'
import type {Call} from './verb.ts'

export async function configDump(call: Call): Promise<ExitCode> {
  const folder = await readRoutes(call)
  const config = checkFiles(call, folder, folder.files)
  const written = configWithDefaults(config, folder.settings.defaults)
  const revision = await revisionOf(folder, folder.files)
  const dump = {revision, settings: folder.settings.document, config: completeConfig(written)}
  call.terminal.out(call.format === 'json' ? JSON.stringify(dump, null, 2) : stringify(dump).trimEnd())
  return EXIT.ok
}
