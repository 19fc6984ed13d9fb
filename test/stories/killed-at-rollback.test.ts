import {test} from 'uvu'
import {withFolder} from '../helpers/folder.ts'
import {KILLS, killAndStart} from '../helpers/kills.ts'

test(
  `killed up to ${KILLS} times: a rollback is done or is not, and what was taken back stays away`,
  withFolder(folder => killAndStart(folder, 'rollback')),
)

test.run()
