// Resident memory of the data plane for each idle keep-alive connection, above what it needs without any.
//
//   node test/bench/memory.ts [CONNECTIONS]

import {execFileSync} from 'node:child_process'
import {connect, type Socket} from 'node:net'
import {createScope} from '../../src/base/scope.ts'
import {OK, originThatAnswers} from '../helpers/origin.ts'
import {planeProcess} from '../helpers/plane-process.ts'
import {until} from '../helpers/until.ts'

/** Connections that are being opened at once. */
const OPENING = 200
/** Connections before the first measurement, OPENING at once: the code is compiled by then. */
const WARM_UP = 2_000

const limit = Number(execFileSync('sh', ['-c', 'ulimit -n'], {encoding: 'utf8'}))
const count = Math.min(Number(process.argv[2] ?? 10_000), limit - 1_000)
const scope = createScope()
const sockets: Socket[] = []
try {
  const origin = await originThatAnswers(scope, OK)
  const plane = await planeProcess(scope, origin.url)
  for (let done = 0; done < WARM_UP; done += OPENING) {
    await openTogether(plane.port, OPENING)
    for (const socket of sockets.splice(0)) socket.destroy()
  }
  await until('it to be idle', async () => (await plane.memory()).clients === 0)
  const before = await plane.memory()
  for (let done = 0; done < count; done += OPENING) await openTogether(plane.port, Math.min(OPENING, count - done))
  await until('all to be in', async () => (await plane.memory()).clients === count)
  const after = await plane.memory()
  const kib = (bytes: number) => (bytes / count / 1024).toFixed(2)
  console.log(
    `${count} idle connections: ${kib(after.rss - before.rss)} KiB each, ` +
      `${kib(after.collected - before.collected)} KiB after a collection (${(before.collected / 2 ** 20).toFixed(0)} MiB without any)`,
  )
} finally {
  for (const socket of sockets) socket.destroy()
  await scope.close()
}

// ---

// Each has had one answer when this resolves.
async function openTogether(port: number, many: number): Promise<void> {
  await Promise.all(
    Array.from({length: many}, async () => {
      const socket = connect({port, host: '127.0.0.1'})
      sockets.push(socket)
      await new Promise<void>((resolve, reject) => {
        socket.on('error', reject)
        socket.on('data', () => resolve())
        socket.write(
          'GET / HTTP/1.1\r\nHost: x.localhost\r\nUser-Agent: Mozilla/5.0 (X11; Linux x86_64)\r\nAccept: */*\r\n' +
            `Cookie: session=${'0123456789abcdef'.repeat(16)}\r\n\r\n`,
        )
      })
    }),
  )
}
