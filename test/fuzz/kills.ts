// kill -9, again and again, at chosen changes of files and by a timer: of certificates (kills/certificates.ts) and of commits
// that come from a remote (kills/syncs.ts), both at the same time.

import {hasPebble} from '../helpers/acme/pebble.ts'
import {type Folder, withFolder} from '../helpers/folder.ts'
import {killCertificates} from './kills/certificates.ts'
import type {Kills, Tally} from './kills/plan.ts'
import {killSyncs} from './kills/syncs.ts'
import {tableOf} from './report.ts'

/** So many rounds of each; prints where the program has died and returns how many of the two have found something. */
export async function soakKills(rounds: number, seed: number): Promise<number> {
  console.log(`${rounds} kills of each kind, seed ${seed}`)
  if (!hasPebble) console.log('SKIP pebble is not installed: no certificates')
  const kills = {rounds, seed, limitMs: Number.POSITIVE_INFINITY}
  const isSound = await Promise.all([
    ...(hasPebble ? [soak('certificates', killCertificates, kills)] : []),
    soak('syncs', killSyncs, kills),
  ])
  return isSound.filter(sound => !sound).length
}

// ---

async function soak(
  name: string,
  run: (folder: Folder, kills: Kills) => Promise<Tally>,
  kills: Kills,
): Promise<boolean> {
  const began = performance.now()
  try {
    await withFolder(async folder => {
      const {rounds, deaths} = await run(folder, kills)
      for (const line of tableOf(`${name}: killed at`, deaths)) console.log(line)
      const sum = [...deaths.values()].reduce((total, count) => total + count, 0)
      const seconds = Math.round((performance.now() - began) / 1000)
      console.log(`${name}: ${rounds} rounds, ${sum} kills at ${deaths.size} places, ${seconds} s: nothing lost`)
    })()
    return true
  } catch (error) {
    console.log(`${name}: ${error}`)
    return false
  }
}
