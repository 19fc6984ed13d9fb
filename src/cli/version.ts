// version: of routesd, and of what it runs on.

import {readFile} from 'node:fs/promises'
import {EXIT, type ExitCode} from '../base/errors.ts'
import type {Call} from './verb.ts'

export async function version({format, terminal}: Call): Promise<ExitCode> {
  // The same place seen from src/cli and from dist/cli.
  const manifest = JSON.parse(await readFile(new URL('../../package.json', import.meta.url), 'utf8')) as {
    version: string
  }
  const facts = {version: manifest.version, node: process.versions.node, platform: process.platform, arch: process.arch}
  terminal.out(
    format === 'json'
      ? JSON.stringify(facts, null, 2)
      : `routesd ${facts.version} (node ${facts.node}, ${facts.platform} ${facts.arch})`,
  )
  return EXIT.ok
}
