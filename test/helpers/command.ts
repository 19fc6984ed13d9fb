// The real program as a child process, in an environment that npm and the runner have left no trace in.

import {type ChildProcess, spawn} from 'node:child_process'
import {once} from 'node:events'
import {join} from 'node:path'
import {createInterface} from 'node:readline'
import type {Folder} from './folder.ts'

const MAIN = join(import.meta.dirname, '..', '..', 'src', 'main.ts')
const LIMIT_MS = 30_000

export type CommandOptions = {
  readonly cwd?: string
  readonly env?: Readonly<Record<string, string>>
  /** For Node itself. */
  readonly nodeArgs?: readonly string[]
}
export type CommandResult = {readonly code: number | null; readonly stdout: string; readonly stderr: string}

/** Runs `routesd ARGS…` to its end. */
export async function command(args: readonly string[], options: CommandOptions = {}): Promise<CommandResult> {
  const running = spawnCommand(args, options)
  const timer = setTimeout(() => running.child.kill('SIGKILL'), LIMIT_MS)
  const code = await running.ended
  clearTimeout(timer)
  return {code, stdout: running.stdout(), stderr: running.stderr()}
}

export type RunningCommand = {
  readonly child: ChildProcess
  /** The exit code; null when a signal ended it. */
  readonly ended: Promise<number | null>
  stdout(): string
  stderr(): string
  /** Resolves with the first line of stdout that matches, and rejects when the program ends before. */
  line(pattern: RegExp): Promise<string>
  /** Asks it to stop, and kills it when it does not. */
  stop(): Promise<number | null>
}

/** Starts `routesd ARGS…`, or another script, and leaves it running. */
export function spawnCommand(
  args: readonly string[],
  options: CommandOptions & {script?: string} = {},
): RunningCommand {
  const child = spawn(
    process.execPath,
    ['--no-warnings', ...(options.nodeArgs ?? []), options.script ?? MAIN, ...args],
    {
      cwd: options.cwd ?? process.cwd(),
      env: {...cleanEnvironment(), ...options.env},
      stdio: ['ignore', 'pipe', 'pipe'],
    },
  )
  const lines: string[] = []
  let stdout = ''
  let stderr = ''
  child.stdout.on('data', data => {
    stdout += data
  })
  child.stderr.on('data', data => {
    stderr += data
  })
  const reader = createInterface({input: child.stdout}).on('line', line => lines.push(line))
  const ended = once(child, 'close').then(([code]) => code as number | null)
  return {
    child,
    ended,
    stdout: () => stdout,
    stderr: () => stderr,
    line(pattern) {
      const {promise, resolve, reject} = Promise.withResolvers<string>()
      const look = () => {
        const found = lines.find(line => pattern.test(line))
        if (found !== undefined) resolve(found)
      }
      reader.on('line', look)
      look()
      ended.then(code => reject(new Error(`ended with ${code} before ${pattern}\n${stdout}${stderr}`)))
      return promise
    },
    async stop() {
      child.kill('SIGTERM')
      const timer = setTimeout(() => child.kill('SIGKILL'), LIMIT_MS)
      const code = await ended
      clearTimeout(timer)
      return code
    },
  }
}

/** Starts `routesd ARGS…` in a folder and stops it before the folder is removed. */
export function startIn(folder: Folder, args: readonly string[], options: CommandOptions = {}): RunningCommand {
  return folder.scope.own(spawnCommand(args, {cwd: folder.path, ...options}), running => running.stop())
}

// ---

function cleanEnvironment(): NodeJS.ProcessEnv {
  const kept = Object.entries(process.env).filter(([name]) => !/^(npm_|GIT_|GITHUB_|INIT_CWD$|NODE_)/.test(name))
  return {...Object.fromEntries(kept), NO_COLOR: '', FORCE_COLOR: ''}
}
