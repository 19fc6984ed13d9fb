// Which certificates the data plane gets, and in which order: of two for one name it uses the first.

import type {Certificate} from '../../snapshot/certificate.ts'
import {createNeed} from './names.ts'
import type {OwnState} from './own-certificates.ts'
import type {Kept} from './store.ts'

const BY_WHOM = ['import', 'acme', 'local'] as const

/**
 * What people have given before what we have got, a host's own before what is for all, and what is good before what has
 * expired. What we have got and no host needs stays in the vault.
 */
export function certificatesInUse(
  own: readonly OwnState[],
  kept: readonly Kept[],
  names: readonly string[],
  nowMs: number,
): Certificate[] {
  const held = own.flatMap(({id, source, held: found}) => {
    if (found === null) return []
    const {names: used, cert, key, facts} = found
    return [
      {certificate: {id, names: used, cert, key, isDefault: source.isDefault}, facts, isForAll: source.host === null},
    ]
  })
  const ofHosts = held.filter(({isForAll}) => !isForAll)
  const ofSettings = held.filter(({isForAll}) => isForAll)
  const isNeeded = createNeed(names)
  const needed = kept
    .filter(({record}) => record.issuer === 'import' || isNeeded(record.names))
    .sort((a, b) => (a.record.id < b.record.id ? -1 : 1))
  const ofVault = BY_WHOM.flatMap(issuer => needed.filter(({record}) => record.issuer === issuer)).map(
    ({record: {id, names: made, cert, key}, facts}) => ({
      certificate: {id, names: made, cert, key, isDefault: false},
      facts,
    }),
  )
  const all = [...ofHosts, ...ofSettings, ...ofVault]
  const isGood = ({facts}: (typeof all)[number]) => facts.notAfterMs > nowMs
  return [...all.filter(isGood), ...all.filter(entry => !isGood(entry))].map(({certificate}) => certificate)
}

/** Names of good certificates that people have given: nobody has to get others for them. */
export function providedNames(own: readonly OwnState[], kept: readonly Kept[], nowMs: number): ReadonlySet<string> {
  const given = [
    ...own.flatMap(({held}) => (held === null ? [] : [held])),
    ...kept.flatMap(({record, facts}) => (record.issuer === 'import' ? [{names: record.names, facts}] : [])),
  ]
  return new Set(given.filter(({facts}) => facts.notAfterMs > nowMs).flatMap(({names}) => names))
}
