// The program that git runs for a credential: passes the question on to the daemon that began the fetch, and its answer
// back. See credential.ts.

import {connect} from 'node:net'

const [path = '', operation] = process.argv.slice(2)
// 'store' and 'erase' are asked for as well; nothing is kept.
if (operation === 'get')
  process.stdin.pipe(connect(path).on('error', () => (process.exitCode = 1))).pipe(process.stdout)
