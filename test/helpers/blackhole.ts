// An address that neither accepts nor refuses: a process listens there, is stopped, and its queue is full. Linux then
// leaves the SYN of every further connection without an answer.

import {spawn} from 'node:child_process'
import {connect} from 'node:net'
import type {Scope} from '../../src/base/scope.ts'

const LISTENER = `
const server = require('node:net').createServer().listen({host: '127.0.0.1', port: 0, backlog: 1}, () => {
  console.log(server.address().port)
})`
/** More than a backlog of 1 takes. */
const FILLERS = 8

/** 'http://127.0.0.1:port' of one. */
export async function blackholeOf(scope: Scope): Promise<string> {
  const child = spawn(process.execPath, ['-e', LISTENER], {stdio: ['ignore', 'pipe', 'ignore']})
  scope.defer(() => void child.kill('SIGKILL'))
  const port = await new Promise<number>((resolve, reject) => {
    child.stdout.once('data', data => resolve(Number(data)))
    child.once('exit', () => reject(new Error('the listener ended')))
  })
  child.kill('SIGSTOP')
  let connected = 0
  let waited = 0
  for (let i = 0; i < FILLERS; i++) {
    const filler = connect({host: '127.0.0.1', port}).on('error', () => {})
    scope.defer(() => void filler.destroy())
    // One after the other: the first that is left waiting says that the queue is full.
    const isIn = await Promise.race([
      new Promise<boolean>(resolve => void filler.once('connect', () => resolve(true))),
      new Promise<boolean>(resolve => setTimeout(() => resolve(false), 200)),
    ])
    if (isIn) connected++
    else if (++waited === 2) return `http://127.0.0.1:${port}`
  }
  throw new Error(`${connected} connections did not fill a queue of one`)
}
