// The `tracing` of routesd.yaml: which requests have spans, and the collector that gets them.

import {messageOf} from '../../base/errors.ts'
import {readSecret} from '../../base/secret.ts'
import {parseDuration, parseShare} from '../../base/units.ts'
import type {SettingsDocument} from './types.ts'

export type TracingSettings = {
  /** Share of the traces that begin here, 0 to 1. */
  readonly sample: number
  /** service.name. */
  readonly service: string
  readonly url: string
  readonly timeoutMs: number
  /** Read for every batch, so that a new token counts at once. Throws an Error that says which header it is. */
  readHeaders(): Promise<Readonly<Record<string, string>>>
}

/** null: off. Paths of secrets count from `folder`. */
export function tracingSettingsOf({tracing}: SettingsDocument, folder: string): TracingSettings | null {
  if (tracing === undefined || tracing === 'off' || tracing === false) return null
  const {otlp = {}, sample = '10%', service = 'routesd'} = tracing
  const {url = 'http://127.0.0.1:4318', headers = {}, timeout = '10s'} = otlp
  return {
    sample: parseShare(sample) ?? 0,
    service,
    url: withPath(url),
    timeoutMs: parseDuration(timeout) ?? 10_000,
    async readHeaders() {
      const read: Record<string, string> = {}
      for (const [name, reference] of Object.entries(headers)) {
        try {
          read[name] = await readSecret(reference, folder)
        } catch (error) {
          throw new Error(`the header ${name} of tracing.otlp: ${messageOf(error)}`, {cause: error})
        }
      }
      return read
    },
  }
}

// ---

// What collectors listen at; the address alone is what people tend to write.
function withPath(url: string): string {
  const {origin, pathname, search} = new URL(url)
  return pathname === '/' && search === '' ? `${origin}/v1/traces` : url
}
