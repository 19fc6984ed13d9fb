// Certificates that the local CA makes for the names of this machine and its network, some at a time: a thousand keys and
// files take seconds, in which nobody who waits for something else should have to wait.

import type {Clock} from '../../base/clock.ts'
import {createLocalCa, type LocalCa} from './local-ca.ts'
import {type Shelf, sentenceOf} from './shelf.ts'
import {certificateId, type Kept, type NewRecord} from './store.ts'
import type {Vault} from './vault.ts'

export type LocalCertificates = {
  /** Those of the names that have none, or one that is to be renewed. */
  due(names: readonly string[]): string[]
  /** Makes one for each name, whatever becomes of the others; why there is none, by name. */
  issueEach(names: readonly string[], vault: Vault): Promise<ReadonlyMap<string, string>>
  /** Makes one, though it may not be due; throws. */
  issue(name: string, vault: Vault): Promise<void>
}

/** Keys made in one turn of the loop, in about 10 ms; their files are written together. */
const STEP = 16

export function createLocalCertificates({
  shelf,
  clock,
}: {
  readonly shelf: Shelf
  readonly clock: Clock
}): LocalCertificates {
  let localCa: LocalCa | null = null

  async function make(name: string, vault: Vault): Promise<NewRecord> {
    const id = certificateId('local', [name])
    // A file that cannot be opened may be somebody's evidence: whoever wants it replaced removes it.
    const spoiled = shelf.unreadable().find(other => other.id === id)
    if (spoiled !== undefined) throw new Error(spoiled.message)
    localCa ??= createLocalCa({vault, clock})
    const pair = await localCa.issue([name])
    return {id, names: [name], ...pair, issuer: 'local', updatedAt: new Date(clock.now()).toISOString()}
  }

  async function issueStep(names: readonly string[], vault: Vault): Promise<Map<string, string>> {
    const failures = new Map<string, string>()
    const made: {readonly name: string; readonly record: NewRecord}[] = []
    for (const name of names) {
      try {
        made.push({name, record: await make(name, vault)})
      } catch (error) {
        failures.set(name, sentenceOf(error))
      }
    }
    const results = await shelf.keepEach(made.map(({record}) => record))
    for (const [index, result] of results.entries()) {
      if (result.status === 'rejected') failures.set(made[index]?.name ?? '', sentenceOf(result.reason))
    }
    return failures
  }

  return {
    due: names =>
      names.filter(name => {
        const before = shelf.get(certificateId('local', [name]))
        return before === null || clock.now() >= renewalOf(before)
      }),
    async issueEach(names, vault) {
      const failures = new Map<string, string>()
      for (let from = 0; from < names.length; from += STEP) {
        for (const [name, why] of await issueStep(names.slice(from, from + STEP), vault)) failures.set(name, why)
      }
      return failures
    },
    async issue(name, vault) {
      await shelf.keep(await make(name, vault))
    },
  }
}

/** Two thirds through its life: there is time to try again. */
export function renewalOf({facts: {notBeforeMs, notAfterMs}}: Kept): number {
  return notAfterMs - (notAfterMs - notBeforeMs) / 3
}
