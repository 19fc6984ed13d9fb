// The version of this routesd, as its package.json says.

import {readFileSync} from 'node:fs'

/** '1.0.0'. */
export function readVersion(): string {
  // The same place seen from src/base and from dist/base.
  const text = readFileSync(new URL('../../package.json', import.meta.url), 'utf8')
  return (JSON.parse(text) as {version: string}).version
}
