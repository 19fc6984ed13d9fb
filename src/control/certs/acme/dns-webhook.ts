// dns-01 (RFC 8555 §8.4) by a service of the operator. It is sent POST {"action": "set" or "remove", "name", "value"} and answers
// with 2xx when that is done. It may be asked for the same twice: an answer can get lost.

import {messageOf} from '../../../base/errors.ts'
import {AcmeError} from '../issuer.ts'
import type {Challenge, Prover} from './prover.ts'
import {createTransport} from './transport.ts'

export type DnsWebhook = {
  /** https, or http to this machine. */
  readonly url: string
  /** Read for every request, so that a new token is noticed; null: none, and the system's authorities. */
  readonly readSecrets: () => Promise<{readonly token: string | null; readonly ca: string | null}>
  readonly propagationMs: number
  readonly userAgent: string
  /** Of one request. */
  readonly deadlineMs?: number
  /** Before each further try. */
  readonly waitsMs?: readonly number[]
}

/** With the tries and the waits between them: two minutes at the most, while the order waits. */
const DEADLINE_MS = 30_000
const WAITS_MS = [1_000, 5_000]
const RETRY_AFTER_MAX_MS = 10_000

export function createDnsWebhook(webhook: DnsWebhook): Prover {
  return {
    kind: 'dns-01',
    module: {
      propagationDelay: webhook.propagationMs,
      set: ({challenge}) => ask(webhook, 'set', challenge),
      remove: ({challenge}) => ask(webhook, 'remove', challenge),
    },
  }
}

// ---

async function ask(webhook: DnsWebhook, action: 'set' | 'remove', challenge: Challenge): Promise<null> {
  const {dnsHost: name = '', keyAuthorizationDigest: value = ''} = challenge
  const {waitsMs = WAITS_MS} = webhook
  const body = JSON.stringify({action, name, value})
  for (let attempt = 0; ; attempt++) {
    try {
      await post(webhook, body)
      return null
    } catch (error) {
      const waitMs = error instanceof AcmeError && error.retryable ? waitsMs[attempt] : undefined
      if (waitMs === undefined) throw failed(error, `${action} ${name}`)
      const askedMs = error instanceof AcmeError ? (error.retryAfterMs ?? 0) : 0
      await new Promise(resolve => setTimeout(resolve, Math.max(waitMs, Math.min(askedMs, RETRY_AFTER_MAX_MS))))
    }
  }
}

async function post({url, readSecrets, userAgent, deadlineMs = DEADLINE_MS}: DnsWebhook, body: string): Promise<void> {
  const {token, ca} = await readSecrets()
  const transport = createTransport({userAgent, ca, isSecure: url.startsWith('https:'), deadlineMs})
  try {
    const headers = {
      'content-type': 'application/json',
      ...(token === null ? {} : {authorization: `Bearer ${token}`}),
    }
    const {status} = await transport.send({method: 'POST', url, headers, body})
    // Wherever it leads, the token was not meant for it.
    if (status >= 300) throw new Error(`POST ${url}: HTTP status ${status}, and redirects are not followed`)
  } finally {
    transport.close()
  }
}

// Not with the status that it came with: a webhook that is down is no authority that is down.
function failed(error: unknown, what: string): AcmeError {
  const detail = `${what} failed: ${messageOf(error)}`
  return new AcmeError({status: 0, type: 'dns-webhook', detail, retryAfterMs: null, retryable: true, cause: error})
}
