// A terminal for the real program: a tmux server of the test's own, on a socket of its own.

import {execFile, spawnSync} from 'node:child_process'
import {setTimeout as delay} from 'node:timers/promises'
import {promisify} from 'node:util'
import type {Folder} from './folder.ts'
import {until} from './until.ts'

const run = promisify(execFile)
const WAIT_MS = 30_000
/** Every look is a process, which takes from the program that is looked at. */
const LOOK_MS = 50
/** A test that was killed must not leave its terminal behind; in seconds. */
const LIFE_S = 115

export type Tmux = {
  /** Keys as tmux names them: 'j', 'Enter', 'Escape'. */
  press(...keys: string[]): Promise<void>
  resize(columns: number, rows: number): Promise<void>
  /** What is on the screen now. */
  screen(): Promise<string>
  /** Waits until the screen matches, and returns it. The first that does may be a half drawn one: ask for all that counts. */
  see(wanted: RegExp | ((screen: string) => boolean)): Promise<string>
  /** Waits until the program has ended. */
  ended(): Promise<void>
}

export const HAS_TMUX = spawnSync('tmux', ['-V']).status === 0

/** Runs a command line of sh in a terminal of that size until the test ends. */
export async function tmuxIn(folder: Folder, command: string, columns: number, rows: number): Promise<Tmux> {
  const env = {PATH: process.env['PATH'], HOME: folder.path, TERM: 'xterm-256color', LANG: 'C.UTF-8', TZ: 'UTC'}
  const tmux = async (...args: string[]) => {
    const {stdout} = await run('tmux', ['-S', folder.at('tmux.sock'), '-f', '/dev/null', '-u', ...args], {env})
    return stdout
  }
  const bounded = `exec timeout --foreground ${LIFE_S} sh -c '${command.replaceAll("'", "'\\''")}'`
  const size = ['-x', String(columns), '-y', String(rows)]
  await tmux('new-session', '-d', ...size, '-c', folder.path, bounded, ';', 'set-option', '-g', 'escape-time', '0')
  // It ends with its last session, and there is nobody to ask then.
  folder.scope.defer(() => tmux('kill-server').catch(() => ''))
  const screen = async () => {
    const text = await tmux('capture-pane', '-p')
    return `${text.trimEnd()}\n`
  }
  return {
    screen,
    press: async (...keys) => void (await tmux('send-keys', ...keys)),
    resize: async (width, height) => void (await tmux('resize-window', '-x', String(width), '-y', String(height))),
    async see(wanted) {
      const isIt = typeof wanted === 'function' ? wanted : (text: string) => wanted.test(text)
      let last = ''
      const look = async () => {
        await delay(LOOK_MS)
        last = await screen()
        return isIt(last) ? last : null
      }
      try {
        return await until(String(wanted), look, WAIT_MS)
      } catch (error) {
        throw new Error(`${wanted} is not on the screen:\n${last}`, {cause: error})
      }
    },
    async ended() {
      await until(
        'the program to end',
        () =>
          tmux('list-sessions').then(
            () => false,
            () => true,
          ),
        WAIT_MS,
      )
    },
  }
}
