// resume: ends a suspension, or else the quarantine of what was taken back.

import {createAdminClient} from '../admin/client.ts'
import type {ResumeAnswer} from '../admin/protocol.ts'
import {EXIT, type ExitCode} from '../base/errors.ts'
import {readSettings} from './offline.ts'
import type {Call} from './verb.ts'

/** Succeeds as well when there was nothing to lift; exit code `unreachable` without a daemon. */
export async function resume(call: Call): Promise<ExitCode> {
  const {admin} = await readSettings(call)
  const answer = await createAdminClient(admin.socket, ANSWER_MS).resume()
  call.terminal.out(call.format === 'json' ? JSON.stringify(answer, null, 2) : render(answer))
  return EXIT.ok
}

// ---

/** The answer comes when what was held back has been applied. */
const ANSWER_MS = 60_000

function render({suspension, quarantine, left}: ResumeAnswer): string {
  if (suspension === null) {
    return quarantine.length === 0 ? 'nothing was held back' : `no longer in quarantine: ${quarantine.join(', ')}`
  }
  const rest = left.length === 0 ? '' : `; still in quarantine, until the next resume: ${left.join(', ')}`
  return `no longer suspended${rest}`
}
