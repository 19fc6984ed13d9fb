// The access log of the real program: what is in the file after it was told to end, and after it was killed.

import {execFile} from 'node:child_process'
import {constants, existsSync, readdirSync, readFileSync} from 'node:fs'
import {open} from 'node:fs/promises'
import {promisify} from 'node:util'
import {test} from 'uvu'
import * as assert from 'uvu/assert'
import {clientOf, exchange, getAndClose} from '../helpers/client.ts'
import {command, startIn} from '../helpers/command.ts'
import {type Folder, withFolder} from '../helpers/folder.ts'
import {OK, originOf, originThatAnswers} from '../helpers/origin.ts'
import {until} from '../helpers/until.ts'

const SETTINGS = 'listen: {http: "127.0.0.1:0", service: off}\nadmin: {http: off}\nworkers: 2\nedge: {drain: 1s}\n'

test(
  'SIGTERM loses no line: what was answered, and what was cut off at the end of the drain',
  withFolder(async folder => {
    const origin = await originThatAnswers(folder.scope, OK)
    const stuck = await originOf(folder.scope, () => {})
    const {daemon, port} = await started(folder, [origin.url, stuck.url], 'access: ./logs/access.log')
    for (let i = 0; i < 20; i++) await exchange(folder.scope, port, getAndClose(`/${i}`))
    const client = await clientOf(folder.scope, port)
    client.send('GET /held HTTP/1.1\r\nHost: stuck.localhost\r\n\r\n')
    await until('the request', () => stuck.received.join('') !== '')
    assert.is(await daemon.stop(), 0)
    const lines = linesOf(folder)
    assert.is(lines.length, 21)
    const [last = {}] = lines.filter(({path}) => path === '/held')
    assert.equal([last['status'], last['error']], [499, 'client-gone'])
  }),
)

test(
  'a kill loses at most what was answered since the last tick',
  withFolder(async folder => {
    const origin = await originThatAnswers(folder.scope, OK)
    const {daemon, port} = await started(folder, [origin.url], 'access: ./logs/access.log')
    for (let i = 0; i < 20; i++) await exchange(folder.scope, port, getAndClose(`/${i}`))
    // Nothing but time makes a line get there.
    await until('the lines', () => linesOf(folder).length === 20)
    daemon.child.kill('SIGKILL')
    await daemon.ended
    assert.is(linesOf(folder).length, 20)
  }),
)

test(
  'on stdout the lines come behind the ready line, and end with the daemon',
  withFolder(async folder => {
    const origin = await originThatAnswers(folder.scope, OK)
    const {daemon, port} = await started(folder, [origin.url], 'access: stdout, format: combined')
    for (let i = 0; i < 5; i++) await exchange(folder.scope, port, getAndClose(`/${i}`))
    assert.is(await daemon.stop(), 0)
    const [ready = '', ...lines] = daemon.stdout().trimEnd().split('\n')
    assert.match(ready, /^routesd ready /)
    assert.is(lines.length, 5)
    for (const line of lines) assert.match(line, /^127\.0\.0\.1 - - \[.*\] "GET \/\d HTTP\/1\.1" 200 2 "-" "-"$/)
  }),
)

test(
  'a file that cannot be written keeps the daemon from starting, and it says what to do',
  withFolder(async folder => {
    await folder.write({
      'routes.d/a.yaml': '- {id: x.localhost, respond: {status: 200}}\n',
      'routesd.yaml': `${SETTINGS}log: {access: ./routes.d}\n`,
    })
    const {code, stderr} = await command(['run'], {cwd: folder.path})
    assert.is(code, 2)
    assert.match(stderr, /the access log \S+routes\.d cannot be written: EISDIR/)
  }),
)

test(
  'a worker that is stuck in the kernel keeps nobody from stopping the daemon',
  withFolder(async folder => {
    const fifo = folder.at('fifo')
    await promisify(execFile)('mkfifo', [fifo])
    const reader = await open(fifo, constants.O_RDONLY | constants.O_NONBLOCK)
    const origin = await originThatAnswers(folder.scope, OK)
    const {daemon, port} = await started(folder, [origin.url], 'access: ./fifo')
    await exchange(folder.scope, port, getAndClose('/'))
    // Nobody reads any more, so that who opens it again waits for ever.
    await reader.close()
    daemon.child.kill('SIGUSR2')
    await until('a worker to be stuck', () => waitsIn(daemon.child.pid ?? 0).includes('wait_for_partner'))
    await daemon.stop()
    assert.is(daemon.child.signalCode, 'SIGTERM', 'it ended by itself, and was not killed')
    assert.match(daemon.stderr(), /a worker does not end and is left behind/)
  }),
)

test.run()

// ---

async function started(folder: Folder, [target = '', stuck = target]: readonly string[], log: string) {
  await folder.write({
    'routes.d/a.yaml': `- {id: x.localhost, target: "${target}"}\n- {id: stuck.localhost, target: "${stuck}"}\n`,
    'routesd.yaml': `${SETTINGS}log: {${log}}\n`,
  })
  const daemon = startIn(folder, ['run'])
  const ready = await daemon.line(/^routesd ready /)
  return {daemon, port: Number(/ http=\S+:(\d+) /.exec(ready)?.[1])}
}

// Where in the kernel the threads of a process of ours wait; 'wait_for_partner' is the open of a FIFO.
function waitsIn(pid: number): string[] {
  return readdirSync(`/proc/${pid}/task`).map(thread => readFileSync(`/proc/${pid}/task/${thread}/wchan`, 'utf8'))
}

function linesOf(folder: Folder): Record<string, unknown>[] {
  const path = folder.at('logs/access.log')
  const text = existsSync(path) ? readFileSync(path, 'utf8') : ''
  // A line that is being written has no end yet.
  const lines = text.split('\n').slice(0, -1)
  return lines.map(line => JSON.parse(line) as Record<string, unknown>)
}
