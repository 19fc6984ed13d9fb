// Parsing is the cost of a cold start with many routes. Large sets are parsed by several threads at once, whose memory, many
// times that of the result, goes with them; and the main thread answers meanwhile.

import {availableParallelism} from 'node:os'
import {Worker} from 'node:worker_threads'
import type {SourceFile} from '../../base/source-file.ts'
import {type CheckedFile, checkSimpleFile} from './check-file.ts'

/** Below this a set is parsed in less time than threads need to start. */
const LARGE_CHARS = 1 << 20
const THREADS_MAX = 4
/** Runs the thread's file: '.ts' from source, '.js' as built. */
const ENTRY = new URL(`./check-thread${import.meta.url.endsWith('.ts') ? '.ts' : '.js'}`, import.meta.url)

/**
 * Checks the files, the simple ones at once, the others in threads when they are many; `done` gets each result. A file for which it is not called (a small set, a
 * thread that died) is left to the caller. Never throws.
 */
export async function checkInThreads(
  files: readonly SourceFile[],
  done: (sha256: string, checked: CheckedFile) => void,
): Promise<void> {
  const queue = files.filter(({sha256, text}) => {
    const checked = checkSimpleFile(text)
    if (checked) done(sha256, checked)
    return checked === null
  })
  const chars = queue.reduce((sum, {text}) => sum + text.length, 0)
  if (chars < LARGE_CHARS || queue.length < 2) return
  queue.sort((a, b) => a.text.length - b.text.length)
  const threads = Math.min(THREADS_MAX, availableParallelism(), queue.length)
  await Promise.all(Array.from({length: threads}, () => drain(queue, done)))
}

// ---

// One file at a time, the largest first, so that the threads end at about the same time.
function drain(queue: SourceFile[], done: (sha256: string, checked: CheckedFile) => void): Promise<void> {
  // Syntax trees die young: with room for them the collector has next to nothing to copy.
  const worker = new Worker(ENTRY, {resourceLimits: {maxYoungGenerationSizeMb: 48}})
  return new Promise(resolve => {
    let current: SourceFile | undefined
    const next = () => {
      current = queue.pop()
      if (current) worker.postMessage(current.text)
      else void worker.terminate()
    }
    worker.on('message', (checked: CheckedFile) => {
      if (current) done(current.sha256, checked)
      next()
    })
    // What it was at is left to the caller, whose own attempt will say what is wrong.
    worker.on('error', () => {})
    worker.on('exit', () => resolve())
    next()
  })
}
