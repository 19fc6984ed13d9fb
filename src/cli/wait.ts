// status --wait: asks until what was asked for is served and well, or it is clear that it will not be.

import {setTimeout as sleep} from 'node:timers/promises'
import type {AdminClient} from '../admin/client.ts'
import type {Status} from '../admin/protocol.ts'
import {AppError, EXIT, type ExitCode} from '../base/errors.ts'

/** `revision` null: whatever is in git. */
export type Wish = {readonly revision: string | null; readonly withinMs: number}

const EVERY_MS = 200

/**
 * Resolves with the last status and what it means: ok, `findings` when the revision was refused or is Degraded when the
 * time is over, `timeout` when it is not served by then. Throws when no daemon answers until then.
 */
export async function waitFor(
  client: Pick<AdminClient, 'status'>,
  {revision, withinMs}: Wish,
): Promise<{answer: Status; code: ExitCode}> {
  const endMs = performance.now() + withinMs
  for (;;) {
    const isLast = performance.now() + EVERY_MS > endMs
    // A daemon that is being restarted is waited for too.
    const answer = await client.status().catch(error => {
      if (isLast || !(error instanceof AppError) || error.exitCode !== EXIT.unreachable) throw error
      return null
    })
    if (answer !== null) {
      const isServed =
        revision === null ? answer.sync.state === 'Synced' : isRevision(answer.revision.applied, revision)
      if (isServed && answer.health.state === 'Healthy') return {answer, code: EXIT.ok}
      if (!isServed && isRefused(answer, revision)) return {answer, code: EXIT.findings}
      if (isLast) return {answer, code: isServed ? EXIT.findings : EXIT.timeout}
    }
    await sleep(EVERY_MS)
  }
}

/** Is nothing to be done about it? */
export function isWell({sync, health}: Status): boolean {
  return sync.state === 'Synced' && health.state === 'Healthy'
}

// ---

function isRefused({revision: {failed}}: Status, revision: string | null): boolean {
  return failed !== null && (revision === null || isRevision(failed, revision))
}

// A daemon names a commit by seven characters, a person by as many as he likes. '+dirty' is no commit.
function isRevision(name: string | null, wanted: string): boolean {
  if (name === null) return false
  if (name === wanted) return true
  return HEX.test(name) && HEX.test(wanted) && (name.startsWith(wanted) || wanted.startsWith(name))
}

const HEX = /^[0-9a-f]{7,64}$/
