// run --tui: the daemon in this process, its terminal UI in another one on the same terminal. The screen belongs to the
// UI, so the log goes to a file; leaving the UI stops the daemon.

import {spawn} from 'node:child_process'
import {closeSync, openSync, renameSync, statSync, writeSync} from 'node:fs'
import {AppError} from '../base/errors.ts'
import type {Call} from './verb.ts'

/** The log starts anew at this size; the one before is kept as FILE.1. */
const LOG_BYTES = 16 << 20

/** Writes lines to a file that only its owner may read; throws what the system says when it cannot be opened. */
export function createLogFile(path: string, bytesMax = LOG_BYTES): (line: string) => void {
  let {file, bytes} = openLog(path)
  return line => {
    try {
      if (bytes > bytesMax) {
        renameSync(path, `${path}.1`)
        closeSync(file)
        ;({file, bytes} = openLog(path))
      }
      bytes += writeSync(file, line)
    } catch {
      // A disk that is full loses lines; there is nobody to tell, and requests must be served all the same.
    }
  }
}

export type TuiProcess = {
  /** Resolves when it has ended, however that came. */
  readonly ended: Promise<void>
  stop(): void
}

/** Starts `routesd tui` with the settings of this call. */
export function spawnTui({configFile, terminal, isOn}: Call): TuiProcess {
  const [main = ''] = process.argv.slice(1)
  const flags = [...(configFile === null ? [] : ['--config', configFile]), ...(isOn('no-color') ? ['--no-color'] : [])]
  const args = [...process.execArgv, main, 'tui', '--attached', ...flags]
  const child = spawn(process.execPath, args, {cwd: terminal.cwd, env: terminal.env, stdio: 'inherit'})
  const ended = new Promise<void>((resolve, reject) => {
    child.once('exit', () => resolve())
    child.once('error', error => reject(new AppError(`the terminal UI cannot be started: ${error.message}`)))
  })
  return {ended, stop: () => void child.kill('SIGTERM')}
}

// ---

function openLog(path: string): {file: number; bytes: number} {
  return {file: openSync(path, 'a', 0o600), bytes: statSync(path).size}
}
