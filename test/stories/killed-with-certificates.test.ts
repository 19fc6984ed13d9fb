import {test} from 'uvu'
import {killCertificates} from '../fuzz/kills/certificates.ts'
import {hasPebble} from '../helpers/acme/pebble.ts'
import {withFolder} from '../helpers/folder.ts'

if (!hasPebble) console.log('SKIP pebble is not installed: nothing is ordered')
const acme = hasPebble ? test : test.skip
/** As many as there is time for on a busy machine; 200 with `npm run soak -- --kills 200`. */
const ROUNDS = {rounds: 20, limitMs: 50_000}

acme(
  'killed up to 20 times while ordering, renewing and sealing anew: no certificate is lost, and no key lies open',
  withFolder(async folder => {
    await killCertificates(folder, {...ROUNDS, seed: Date.now() % 2 ** 31})
  }),
)

test.run()
