// kill -9, again and again, at chosen changes of files and by a timer: of certificates (kills/certificates.ts) and of commits
// that come from a remote (kills/syncs.ts).

import {hasPebble} from '../helpers/acme/pebble.ts'
import {withFolder} from '../helpers/folder.ts'
import {killCertificates} from './kills/certificates.ts'
import {killSyncs} from './kills/syncs.ts'
import {tableOf} from './report.ts'

/** So many rounds of each; prints where the program has died and returns how many of the two have found something. */
export async function soakKills(rounds: number, seed: number): Promise<number> {
  console.log(`${rounds} kills of each kind, seed ${seed}`)
  let found = 0
  if (!hasPebble) console.log('SKIP pebble is not installed: no certificates')
  for (const [name, run] of Object.entries({certificates: killCertificates, syncs: killSyncs})) {
    if (name === 'certificates' && !hasPebble) continue
    const began = performance.now()
    await withFolder(async folder => {
      const tally = await run(folder, {rounds, seed, limitMs: Number.POSITIVE_INFINITY})
      for (const line of tableOf(`${name}: killed at`, tally.deaths)) console.log(line)
      const deaths = [...tally.deaths.values()].reduce((sum, count) => sum + count, 0)
      const seconds = Math.round((performance.now() - began) / 1000)
      console.log(
        `${name}: ${tally.rounds} rounds, ${deaths} kills at ${tally.deaths.size} places, ${seconds} s: nothing lost`,
      )
    })().catch(error => {
      found++
      console.log(`${name}: ${error}`)
    })
  }
  return found
}
