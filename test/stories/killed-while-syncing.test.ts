import {test} from 'uvu'
import {killSyncs} from '../fuzz/kills/syncs.ts'
import {withFolder} from '../helpers/folder.ts'

/** As many as there is time for on a busy machine; 200 with `npm run soak -- --kills 200`. */
const ROUNDS = {rounds: 20, limitMs: 50_000}

test(
  'killed up to 20 times while a remote is mirrored: the revision before or the one after is served, whole',
  withFolder(async folder => {
    await killSyncs(folder, {...ROUNDS, seed: Date.now() % 2 ** 31})
  }),
)

test.run()
