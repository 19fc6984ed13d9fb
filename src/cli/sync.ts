// sync: reads again now, what a remote has included, and waits for what comes of it.

import {createAdminClient} from '../admin/client.ts'
import {EXIT, type ExitCode} from '../base/errors.ts'
import {readSettings} from './offline.ts'
import type {Call} from './verb.ts'

/** Prints what is served then; exit code `findings` when that is not what was read, `unreachable` without a daemon. */
export async function sync(call: Call): Promise<ExitCode> {
  const {admin, git} = await readSettings(call)
  const answer = await createAdminClient(admin.socket, 2 * git.timeoutMs + RELOAD_MS).sync()
  const {state, reason, message} = answer.sync
  const serving = answer.revision.applied ?? 'nothing'
  const detail = [reason, message].filter(Boolean).join(': ')
  call.terminal.out(
    call.format === 'json' ? JSON.stringify(answer, null, 2) : `${state}, serving ${serving} (${detail})`,
  )
  const settings = answer.settings ?? []
  for (const {type, message: why} of settings) call.terminal.err(`${type}: ${why}`)
  const isRefused = settings.some(({type}) => type === 'SettingsRefused')
  return state === 'Synced' && !isRefused ? EXIT.ok : EXIT.findings
}

// ---

/** For a run that was under way, and one of our own, beside two fetches. */
const RELOAD_MS = 60_000
