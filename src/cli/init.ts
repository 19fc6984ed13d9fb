// init: a first routesd.yaml and routes.d, as a place to start writing.

import {mkdir, readdir, writeFile} from 'node:fs/promises'
import {isAbsolute, join, relative} from 'node:path'
import {fileURLToPath} from 'node:url'
import {AppError, codeOf, EXIT, type ExitCode} from '../base/errors.ts'
import type {Call} from './verb.ts'

const SCHEMAS = fileURLToPath(new URL('../../schemas', import.meta.url))

/** Writes both, or neither: a folder that has one of them is somebody's configuration already. */
export async function init({terminal}: Call): Promise<ExitCode> {
  const names = await readdir(terminal.cwd)
  const taken = ['routesd.yaml', 'routes.d'].filter(name => names.includes(name))
  if (taken.length > 0) throw new AppError(`${taken.join(' and ')} exists already in ${terminal.cwd}`)
  const folder = join(terminal.cwd, 'routes.d')
  await mkdir(folder)
  await create(join(folder, 'app.localhost.yaml'), schemaComment(folder, 'file') + FIRST_ROUTE)
  await create(join(terminal.cwd, 'routesd.yaml'), schemaComment(terminal.cwd, 'settings') + FIRST_SETTINGS)
  terminal.out('wrote routesd.yaml\nwrote routes.d/app.localhost.yaml')
  terminal.err('next: routesd check, then routesd run, then open http://app.localhost:8080')
  return EXIT.ok
}

// ---

// 'wx': what somebody else has written in the meantime stays.
async function create(path: string, text: string): Promise<void> {
  await writeFile(path, text, {flag: 'wx', mode: 0o644}).catch(error => {
    throw codeOf(error) === 'EEXIST' ? new AppError(`${path} exists already`) : error
  })
}

// Editors follow a relative path only, so the line is written where routesd lies below the folder (node_modules).
function schemaComment(from: string, name: string): string {
  const path = relative(from, join(SCHEMAS, `${name}.schema.json`))
  const isBelow = !isAbsolute(path) && !path.startsWith('../../')
  return isBelow ? `# yaml-language-server: $schema=${path}\n` : ''
}

const FIRST_ROUTE = `# A route: requests for the host go to the target. The path is kept.
# A host may be followed by a path prefix (app.localhost/api); the longest prefix wins.
- id: app.localhost
  target: http://127.0.0.1:3000
`

const FIRST_SETTINGS = `# Every key is optional; \`routesd config dump\` shows all of them with their defaults.
routes: ./routes.d
listen:
  http: 127.0.0.1:8080
`
