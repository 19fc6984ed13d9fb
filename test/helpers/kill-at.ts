// Loaded into a program before its own code (`node --import …/kill-at.ts?below=FOLDER&log=FILE&at=12`): kills it with SIGKILL at
// its 12th change of a file below that folder, before that is done, or halfway where it is a write and `torn` says so. Changes
// are counted from SIGWINCH on, or with `armed` from the start, and are written down in the log.

import {appendFileSync, fsyncSync, openSync, promises, writeSync} from 'node:fs'
import type {FileHandle} from 'node:fs/promises'
import {syncBuiltinESMExports} from 'node:module'
import {relative} from 'node:path'
import {isMainThread} from 'node:worker_threads'
import {killChildren} from './kill-children.ts'

type Loose = (...args: unknown[]) => Promise<unknown>

const options = new URL(import.meta.url).searchParams
const below = options.get('below') ?? ''
const log = openSync(options.get('log') ?? '', 'a')
const at = Number(options.get('at'))
let isArmed = options.has('armed')
let changes = 0

// Workers change nothing that has to outlive them, and process.kill would end them all the same.
if (isMainThread) await watch()

// ---

async function watch(): Promise<void> {
  process.on('SIGWINCH', () => {
    isArmed = true
    appendFileSync(log, 'armed\n')
  })
  const functions = promises as unknown as Record<string, Loose>
  const paths = new WeakMap<object, string>()
  for (const name of ['rename', 'unlink', 'mkdir', 'rm', 'link', 'writeFile', 'chmod']) {
    const original = functions[name] as Loose
    functions[name] = (path, ...rest) => {
      change(name, String(path))
      return original(path, ...rest)
    }
  }
  const open = functions['open'] as Loose
  functions['open'] = async (path, flags, ...rest) => {
    if (flags !== undefined && flags !== 'r') change('open', String(path))
    const handle = await open(path, flags, ...rest)
    paths.set(handle as object, String(path))
    return handle
  }
  const opened = (await open('/dev/null', 'r')) as FileHandle
  const handles = Object.getPrototypeOf(opened) as Record<string, Loose>
  for (const name of ['write', 'writeFile', 'appendFile', 'sync', 'datasync', 'truncate']) {
    const original = handles[name] as Loose
    handles[name] = function (this: FileHandle, ...args: unknown[]) {
      change(name, paths.get(this) ?? '', () => tear(this, args[0]))
      return original.apply(this, args)
    }
  }
  await opened.close()
  syncBuiltinESMExports()
}

function change(name: string, path: string, tearIt?: () => void): void {
  if (!isArmed || !path.startsWith(below)) return
  changes++
  appendFileSync(log, `${changes} ${name} ${relative(below, path)}\n`)
  if (changes !== at) return
  if (options.has('torn')) tearIt?.()
  if (options.has('children')) killChildren(process.pid)
  process.kill(process.pid, 'SIGKILL')
}

// The first half is there and the rest is not, as when the power goes.
function tear({fd}: FileHandle, data: unknown): void {
  const bytes = typeof data === 'string' ? Buffer.from(data) : data
  if (!(bytes instanceof Uint8Array)) return
  writeSync(fd, bytes.subarray(0, bytes.length >> 1))
  fsyncSync(fd)
}
