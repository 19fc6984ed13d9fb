// Plans on the disk, one file each: what failed, and how long it is left alone, outlives the process.

import {messageOf} from '../../../base/errors.ts'
import type {Log} from '../../../base/log.ts'
import type {Vault} from '../vault.ts'
import type {Plan} from './plan.ts'

export type Plans = {
  /** Those of names that are wanted, and of names that were until lately. One that cannot be read is as good as none. */
  load(): Promise<Map<string, Plan>>
  save(plan: Plan): Promise<void>
  remove(name: string): Promise<void>
}

const KIND = 'acme-plan'

export function createPlans(vault: Vault, log: Log): Plans {
  return {
    async load() {
      const plans = new Map<string, Plan>()
      for (const name of await vault.list(KIND)) {
        try {
          const bytes = await vault.read(KIND, name)
          if (bytes !== null) plans.set(name, parse(bytes.toString(), name))
        } catch (error) {
          log.warn('when a certificate was last asked for is not known any more', {name, why: messageOf(error)})
        }
      }
      return plans
    },
    save: plan => vault.write(KIND, plan.name, Buffer.from(JSON.stringify({version: 1, ...plan}))),
    remove: name => vault.remove(KIND, name),
  }
}

// ---

// Written by this program, but perhaps by another version of it.
function parse(text: string, name: string): Plan {
  const value = Object(JSON.parse(text)) as Record<string, unknown>
  const number = (key: string) => {
    const found = value[key]
    if (typeof found !== 'number') throw new Error(`${key} is not a number`)
    return found
  }
  const window = value['window'] === null ? null : (Object(value['window']) as Record<string, unknown>)
  const {error, failedAtMs} = value
  return {
    name,
    notAfterMs: number('notAfterMs'),
    renewAtMs: number('renewAtMs'),
    window: window === null ? null : {startMs: Number(window['startMs']), endMs: Number(window['endMs'])},
    askAtMs: number('askAtMs'),
    failures: number('failures'),
    retryAtMs: number('retryAtMs'),
    error: typeof error === 'string' ? error : '',
    failedAtMs: Array.isArray(failedAtMs) ? failedAtMs.map(Number) : [],
  }
}
