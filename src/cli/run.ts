// run: the daemon in the foreground, and what signals mean to it.

import {join} from 'node:path'
import {AppError, EXIT, type ExitCode} from '../base/errors.ts'
import {createStateFolder} from '../base/files.ts'
import {createLog} from '../base/log.ts'
import {runDaemon} from '../daemon.ts'
import {readSettings} from './offline.ts'
import {createLogFile, spawnTui} from './run-with-tui.ts'
import {isTerminal} from './terminal.ts'
import type {Call} from './verb.ts'

/** Ctrl-C below npm comes twice, from the terminal and from npm: signals this close together are one. */
const SAME_SIGNAL_MS = 100

/** Serves until a signal asks to stop: the first drains, a second one ends it at once. */
export async function run(call: Call): Promise<ExitCode> {
  const settings = await readSettings(call)
  const {level, format, isFormatWritten} = settings.log
  const {first, second} = listenForSignals()

  const serve = async (): Promise<ExitCode> => {
    if (call.isOn('tui')) return serveOnTerminal()
    const rendered = !isFormatWritten && process.stderr.isTTY ? 'pretty' : format
    const log = createLog(level, rendered, line => void process.stderr.write(line))
    const daemon = await runDaemon(settings, {log, stdout: call.terminal.out})
    await first
    await daemon.stop()
    return EXIT.ok
  }

  const serveOnTerminal = async (): Promise<ExitCode> => {
    if (!isTerminal(call.terminal.env)) {
      throw new AppError('run --tui needs a terminal', {hint: 'leave --tui out, and use `routesd tui` on one'})
    }
    await createStateFolder(settings.state)
    const write = createLogFile(join(settings.state, 'daemon.log'))
    const daemon = await runDaemon(settings, {log: createLog(level, format, write), stdout: line => write(`${line}\n`)})
    const screen = spawnTui(call)
    try {
      await Promise.race([first, screen.ended])
    } finally {
      screen.stop()
      call.terminal.err('routesd: finishing the requests under way; Ctrl-C twice ends them')
      await daemon.stop()
    }
    return EXIT.ok
  }
  return Promise.race([serve(), second.then((): ExitCode => EXIT.interrupted)])
}

// ---

function listenForSignals(): {first: Promise<void>; second: Promise<void>} {
  const first = Promise.withResolvers<void>()
  const second = Promise.withResolvers<void>()
  let since: number | null = null
  const onSignal = () => {
    const now = performance.now()
    since ??= now
    if (since === now) first.resolve()
    else if (now - since > SAME_SIGNAL_MS) second.resolve()
  }
  process.on('SIGINT', onSignal)
  process.on('SIGTERM', onSignal)
  return {first: first.promise, second: second.promise}
}
