// The webhook as the settings have it now: opened, heard at another address or by another secret, closed.

import {formatAddress} from '../base/address.ts'
import type {Clock} from '../base/clock.ts'
import {AppError, messageOf} from '../base/errors.ts'
import type {Log} from '../base/log.ts'
import {readSecret} from '../base/secret.ts'
import type {GitSettings} from './config/git-settings.ts'
import {createWebhook, type Webhook} from './gitops/webhook.ts'

export type WebhookKeeping = {
  /**
   * Listens where these settings want it, beside where it does. What it returns has only that be heard; throws AppError when
   * nobody can listen there, or when there is no secret.
   */
  prepare(git: GitSettings): Promise<() => Promise<void>>
  close(): Promise<void>
}

export type WebhookKeepingParts = {
  readonly clock: Clock
  readonly log: Log
  /** Called for news; must not throw. */
  readonly onNews: () => void
}

type Open = {webhook: Webhook; git: GitSettings; wanted: NonNullable<GitSettings['webhook']>}

export function createWebhookKeeping({clock, log, onNews}: WebhookKeepingParts): WebhookKeeping {
  let open: Open | null = null

  async function listen(git: GitSettings): Promise<Open | null> {
    const wanted = git.webhook
    if (wanted === null) return null
    const held = {git, wanted}
    const webhook = await createWebhook({
      listen: wanted.listen,
      // Those of the settings in force.
      get path() {
        return held.wanted.path
      },
      get branch() {
        return held.git.branch
      },
      readSecret: () => readSecret(held.wanted.secret, held.git.folder),
      ...{clock, log, onNews},
    })
    log.info('webhooks are taken', {at: `http://${webhook.address}${wanted.path}`})
    return Object.assign(held, {webhook})
  }

  return {
    async prepare(git) {
      const before = open
      const wanted = git.webhook
      if (before !== null && wanted !== null && formatAddress(before.wanted.listen) === formatAddress(wanted.listen)) {
        await readSecret(wanted.secret, git.folder).catch((error: unknown) => {
          throw new AppError(`the secret of git.webhook cannot be read: ${messageOf(error)}`, {cause: error})
        })
        return async () => void Object.assign(before, {git, wanted})
      }
      const opened = await listen(git)
      return async () => {
        open = opened
        await before?.webhook.close()
      }
    },
    async close() {
      await open?.webhook.close()
    },
  }
}
