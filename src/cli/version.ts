// version: of routesd, and of what it runs on.

import {EXIT, type ExitCode} from '../base/errors.ts'
import {readVersion} from '../base/version.ts'
import type {Call} from './verb.ts'

export async function version({format, terminal}: Call): Promise<ExitCode> {
  const facts = {version: readVersion(), node: process.versions.node, platform: process.platform, arch: process.arch}
  terminal.out(
    format === 'json'
      ? JSON.stringify(facts, null, 2)
      : `routesd ${facts.version} (node ${facts.node}, ${facts.platform} ${facts.arch})`,
  )
  return EXIT.ok
}
