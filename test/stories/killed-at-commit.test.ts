import {test} from 'uvu'
import {withFolder} from '../helpers/folder.ts'
import {KILLS, killAndStart} from '../helpers/kills.ts'

test(
  `killed up to ${KILLS} times: a commit is served whole, the old one or the new one`,
  withFolder(folder => killAndStart(folder, 'commit')),
)

test.run()
