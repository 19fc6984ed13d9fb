// run: the daemon in the foreground, and what signals mean to it.

import {join} from 'node:path'
import {AppError, EXIT, type ExitCode} from '../base/errors.ts'
import {createStateFolder} from '../base/files.ts'
import {createAdjustableLog} from '../base/log.ts'
import {loadSettings, type Settings} from '../control/config/settings.ts'
import {runDaemon} from '../daemon.ts'
import {readSettings as readFirstSettings} from './offline.ts'
import {createLogFile, spawnTui} from './run-with-tui.ts'
import {isTerminal} from './terminal.ts'
import type {Call} from './verb.ts'

/** Ctrl-C below npm comes twice, from the terminal and from npm: signals this close together are one. */
const SAME_SIGNAL_MS = 100

/** Serves until a signal asks to stop: the first drains, a second one ends it at once. */
export async function run(call: Call): Promise<ExitCode> {
  const settings = await readFirstSettings(call)
  // A file that was there and is gone is no reason to go on with defaults.
  const readSettings = () => loadSettings({file: settings.file ?? call.configFile, cwd: call.terminal.cwd})
  const {first, second} = listenForSignals()

  const serve = async (): Promise<ExitCode> => {
    if (call.isOn('tui')) return serveOnTerminal()
    const formatOf = ({isFormatWritten, format}: Settings['log']) =>
      !isFormatWritten && process.stderr.isTTY ? 'pretty' : format
    const log = createAdjustableLog(settings.log.level, formatOf(settings.log), line => void process.stderr.write(line))
    const adjustLog = (next: Settings['log']) => log.adjust(next.level, formatOf(next))
    const daemon = await runDaemon(settings, {log, stdout: call.terminal.out, readSettings, adjustLog})
    await first
    return exitCodeOf(await daemon.stop())
  }

  const serveOnTerminal = async (): Promise<ExitCode> => {
    if (!isTerminal(call.terminal.env)) {
      throw new AppError('run --tui needs a terminal', {hint: 'leave --tui out, and use `routesd tui` on one'})
    }
    await createStateFolder(settings.state)
    const write = createLogFile(join(settings.state, 'daemon.log'))
    const log = createAdjustableLog(settings.log.level, settings.log.format, write)
    const adjustLog = ({level, format}: Settings['log']) => log.adjust(level, format)
    const daemon = await runDaemon(settings, {log, stdout: line => write(`${line}\n`), readSettings, adjustLog})
    const screen = spawnTui(call)
    let hasEnded = true
    try {
      await Promise.race([first, screen.ended])
    } finally {
      screen.stop()
      call.terminal.err('routesd: finishing the requests under way; Ctrl-C twice ends them')
      hasEnded = await daemon.stop()
    }
    return exitCodeOf(hasEnded)
  }
  return Promise.race([serve(), second.then((): ExitCode => EXIT.interrupted)])
}

// ---

function exitCodeOf(hasEnded: boolean): ExitCode {
  return hasEnded ? EXIT.ok : EXIT.terminated
}

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
