// run: the daemon in the foreground, and what signals mean to it.

import {EXIT, type ExitCode} from '../base/errors.ts'
import {createLog} from '../base/log.ts'
import {runDaemon} from '../daemon.ts'
import {readSettings} from './offline.ts'
import type {Call} from './verb.ts'

/** Ctrl-C below npm comes twice, from the terminal and from npm: signals this close together are one. */
const SAME_SIGNAL_MS = 100

/** Serves until a signal asks to stop: the first drains, a second one ends it at once. */
export async function run(call: Call): Promise<ExitCode> {
  const settings = await readSettings(call)
  const log = createLog(settings.log.level, settings.log.format, line => void process.stderr.write(line))
  const {first, second} = listenForSignals()

  const serve = async (): Promise<ExitCode> => {
    const daemon = await runDaemon(settings, {log, stdout: call.terminal.out})
    await first
    await daemon.stop()
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
