// Where a verb reads and writes. Results go to stdout, everything that is about the run itself to stderr.

import {dirname} from 'node:path'
import {styleText} from 'node:util'

export type Terminal = {
  /** Writes to stdout and ends the line. */
  out(text: string): void
  /** Writes to stderr and ends the line. */
  err(text: string): void
  /** May stdout, and may stderr, be coloured? */
  readonly color: {readonly out: boolean; readonly err: boolean}
  /** What relative paths are relative to. */
  readonly cwd: string
  readonly env: NodeJS.ProcessEnv
}

export function createTerminal(noColor: boolean): Terminal {
  const {env} = process
  return {
    out: text => void process.stdout.write(`${text}\n`),
    err: text => void process.stderr.write(`${text}\n`),
    color: {
      out: !noColor && wantsColor(process.stdout.isTTY, env),
      err: !noColor && wantsColor(process.stderr.isTTY, env),
    },
    cwd: callerFolder(process.cwd(), env),
    env,
  }
}

/**
 * `npm run routesd -- check x.yaml` starts us in the folder of package.json, whatever the folder of the caller; npm tells
 * that one in INIT_CWD. A program that npm started may start us as well, in a folder of its choice: that one counts then.
 */
export function callerFolder(cwd: string, env: NodeJS.ProcessEnv): string {
  const script = env['npm_lifecycle_script'] ?? ''
  const isNpmScript = /^node \S*\bmain\.(ts|js)\b/.test(script) && dirname(env['npm_package_json'] ?? '') === cwd
  return (isNpmScript && env['INIT_CWD']) || cwd
}

/** Whether there is a terminal that can show a screen. */
export function isTerminal(env: NodeJS.ProcessEnv): boolean {
  return process.stdin.isTTY === true && process.stdout.isTTY === true && env['TERM'] !== 'dumb'
}

export type Style = 'bold' | 'dim' | 'green' | 'yellow' | 'red'

/** The text in a style, or as it is where colour is not wanted. */
export function paint(color: boolean, style: Style, text: string): string {
  return color ? styleText(style, text, {validateStream: false}) : text
}

// ---

// https://no-color.org: any value but the empty one. FORCE_COLOR is what CI systems set for a log that shows colour.
function wantsColor(isTTY: boolean | undefined, env: NodeJS.ProcessEnv): boolean {
  if (env['NO_COLOR']) return false
  if (env['FORCE_COLOR']) return env['FORCE_COLOR'] !== '0'
  return isTTY === true && env['TERM'] !== 'dumb'
}
