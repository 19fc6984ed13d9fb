// config dump: settings and routes.d as they are understood, with every default written out.

import {stringify} from 'yaml'
import {EXIT, type ExitCode} from '../base/errors.ts'
import type {Config, Placed} from '../control/config/config.ts'
import {fillDefaults} from '../control/config/defaults.ts'
import type {SchemaName} from '../control/config/schema-files.ts'
import {nameRevision} from '../control/gitops/revision.ts'
import {checkFiles, readRoutes} from './offline.ts'
import type {Call} from './verb.ts'

export async function configDump(call: Call): Promise<ExitCode> {
  const folder = await readRoutes(call)
  const config = checkFiles(call, folder, folder.files)
  const {revision} = await nameRevision(folder.root, folder.files)
  const dump = {revision, settings: folder.settings.document, config: complete(config)}
  call.terminal.out(call.format === 'json' ? JSON.stringify(dump, null, 2) : stringify(dump).trimEnd())
  return EXIT.ok
}

// ---

function complete({routes, hosts, services, tests}: Config): Record<string, unknown> {
  const all = (name: SchemaName, entries: readonly Placed<unknown>[]) =>
    entries.map(({value, file, line}) => ({from: `${file}:${line}`, ...(fillDefaults(name, value) as object)}))
  return {
    routes: all('route', routes),
    hosts: all('host', hosts),
    services: all('service', services),
    tests: all('test', tests),
  }
}
