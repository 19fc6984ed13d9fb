// The data plane in a process of its own, so that its memory is its own: 'node plane-process.ts TARGET' prints its port,
// and for every line on stdin its resident memory in bytes, before and after a collection.

import {spawn} from 'node:child_process'
import {createInterface} from 'node:readline'
import {createScope, type Scope} from '../../src/base/scope.ts'
import {threadOf} from './thread.ts'

export type PlaneProcess = {
  readonly port: number
  memory(): Promise<{readonly rss: number; readonly collected: number; readonly clients: number}>
}

/** Starts one that serves x.localhost from `target`. */
export async function planeProcess(scope: Scope, target: string): Promise<PlaneProcess> {
  const child = spawn(process.execPath, ['--no-warnings', '--expose-gc', import.meta.filename, target], {
    stdio: ['pipe', 'pipe', 'inherit'],
  })
  scope.defer(() => void child.kill('SIGKILL'))
  const lines = createInterface({input: child.stdout})[Symbol.asyncIterator]()
  const next = async () => String((await lines.next()).value ?? '')
  const port = Number(await next())
  return {
    port,
    async memory() {
      child.stdin.write('\n')
      const [rss = 0, collected = 0, clients = 0] = (await next()).split(' ').map(Number)
      return {rss, collected, clients}
    },
  }
}

// ---

if (import.meta.main) await serve(process.argv[2] ?? '')

// In the main thread, where a collection can be asked for.
async function serve(target: string): Promise<void> {
  const {port, thread} = await threadOf(createScope(), {'x.localhost': target})
  console.log(port)
  createInterface({input: process.stdin}).on('line', () => {
    const rss = process.memoryUsage.rss()
    globalThis.gc?.()
    globalThis.gc?.()
    console.log(rss, process.memoryUsage.rss(), thread.clients.size)
  })
}
