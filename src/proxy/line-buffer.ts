// Lines of a worker on their way to a file that other workers write too, or to the main thread for stdout. One write at a
// time, of whole lines, to a file opened with O_APPEND: the kernel puts each behind the others. Nobody waits for the disk:
// when it stalls, lines are kept up to a bound and then dropped and counted.

import {close, openSync, write} from 'node:fs'
import {codeOf} from '../base/errors.ts'
import {LOG_DROPPED, LOGGED} from '../scoreboard/gauges.ts'

/** Characters that wait to be written, beside those being written. */
const PENDING_MAX = 4 << 20
/** From so many on a write begins before the tick. */
const FLUSH_AT = 64 << 10
/** A stall of this long at the end of the worker loses what is left. */
const END_MS = 2_000
/** Owner writes, its group reads: a log names clients. */
const MODE = 0o640

/** Takes one text; `done` is told how much of it was written, in bytes, and whether there is a use in going on. */
export type LineTarget = {
  write(bytes: Buffer, done: (written: number, state: 'ok' | 'later' | 'failed') => void): void
  reopen(): void
  /** Nothing more is written. */
  close(): void
}

export type LineBuffer = {
  /** Takes a line with its newline. */
  add(line: string): void
  flush(): void
  reopen(): void
  /** Resolves when all is written, or after END_MS. */
  end(): Promise<void>
}

export function createLineBuffer(target: LineTarget, gauges: Float64Array): LineBuffer {
  let pending = ''
  let pendingLines = 0
  let rest: Buffer | null = null
  let restLines = 0
  let hasBegun = false
  let isWriting = false
  /** The last line in the file has no end. */
  let isTorn = false
  let onIdle = () => {}

  function flush(): void {
    if (isWriting) return
    if (rest === null) {
      if (pending === '') return
      rest = Buffer.from(isTorn ? `\n${pending}` : pending)
      isTorn = false
      restLines = pendingLines
      pending = ''
      pendingLines = 0
      hasBegun = false
    }
    isWriting = true
    const bytes = rest
    target.write(bytes, (written, state) => {
      isWriting = false
      if (state === 'failed') {
        gauges[LOG_DROPPED] = (gauges[LOG_DROPPED] ?? 0) + restLines
        isTorn = hasBegun
        rest = null
      } else if (written < bytes.length) {
        rest = bytes.subarray(written)
        hasBegun ||= written > 0
        if (state === 'ok') return flush()
        return
      } else {
        gauges[LOGGED] = (gauges[LOGGED] ?? 0) + restLines
        rest = null
      }
      if (pending.length >= FLUSH_AT) flush()
      else if (pending === '') onIdle()
    })
  }

  return {
    add(line) {
      if (pending.length + line.length > PENDING_MAX) {
        gauges[LOG_DROPPED] = (gauges[LOG_DROPPED] ?? 0) + 1
        return
      }
      pending += line
      pendingLines++
      if (pending.length >= FLUSH_AT) flush()
    },
    flush,
    reopen: () => target.reopen(),
    end() {
      return new Promise(resolve => {
        const retry = setInterval(flush, 20)
        const finish = () => {
          clearInterval(retry)
          clearTimeout(limit)
          target.close()
          resolve()
        }
        const limit = setTimeout(finish, END_MS)
        onIdle = finish
        flush()
        if (!isWriting && rest === null && pending === '') finish()
      })
    },
  }
}

/** A file that is appended to. One that cannot be opened takes nothing, and is tried again with every write. */
export function fileTarget(path: string): LineTarget {
  let file: number | null = open()
  let isWriting = false
  let isMoved = false
  let isClosed = false

  function open(): number | null {
    try {
      return openSync(path, 'a', MODE)
    } catch {
      // Whoever started us has opened it before; what is lost from now on is counted.
      return null
    }
  }

  // Never while a write is under way: its number could be given to another file.
  function change(): void {
    isMoved = false
    const old = file
    file = isClosed ? null : open()
    if (old !== null) close(old, () => {})
  }

  function reopen(): void {
    if (isWriting) isMoved = true
    else change()
  }

  return {
    write(bytes, done) {
      if (!isClosed) file ??= open()
      if (file === null) {
        setImmediate(done, 0, 'failed')
        return
      }
      isWriting = true
      write(file, bytes, 0, bytes.length, null, (error, written) => {
        isWriting = false
        if (isMoved) change()
        if (!error) done(written, 'ok')
        // A pipe that is full for the moment.
        else done(0, codeOf(error) === 'EAGAIN' ? 'later' : 'failed')
      })
    },
    reopen,
    close() {
      isClosed = true
      reopen()
    },
  }
}

/** Whoever owns stdout: `send` gives it lines, and `taken` is to be called when they are written. */
export function remoteTarget(send: (lines: string) => void): LineTarget & {taken(): void} {
  let waiting: (() => void) | null = null
  return {
    write(bytes, done) {
      waiting = () => done(bytes.length, 'ok')
      send(bytes.toString())
    },
    taken() {
      const told = waiting
      waiting = null
      told?.()
    },
    reopen() {},
    close() {},
  }
}
