import {writeFile} from 'node:fs/promises'
import {test} from 'uvu'
import * as assert from 'uvu/assert'
import {writeAtomic} from '../../../src/base/files.ts'
import {silentLog} from '../../../src/base/log.ts'
import {
  createDecisionFile,
  QUARANTINE_BOUNDS,
  type Quarantine,
  quarantineOf,
  type Trial,
} from '../../../src/control/gitops/decisions.ts'
import {withFolder} from '../../helpers/folder.ts'

const AT = '2026-01-01T00:00:00.000Z'
const TRIAL: Trial = {
  ...{revision: 'b', commits: ['bb'], contents: ['2'], to: {revision: 'a', commit: 'aa', content: '1'}},
  ...{
    since: AT,
    soakUntil: AT,
    confirmBy: null,
    watched: [{id: 'x.test', errorRate: 0.25, pace: {p99Ms: 50, meanMs: 12.5}}],
  },
}

test(
  'what was decided is what a restart reads',
  withFolder(async folder => {
    const one = createDecisionFile(folder.path, silentLog)
    await one.decide({suspension: {since: AT, until: null, who: 'ada', why: ''}, trial: TRIAL})
    await one.decide({quarantine: [quarantine(['bb'])]})
    const two = createDecisionFile(folder.path, silentLog)
    await two.load()
    assert.equal(two.now(), one.now())
    assert.is(two.now().quarantine.length, 1)
  }),
)

test(
  'what cannot be written does not hold, unless it must hold at once',
  withFolder(async folder => {
    let isFull = false
    const write: typeof writeAtomic = (...args) => (isFull ? Promise.reject(new Error('ENOSPC')) : writeAtomic(...args))
    const file = createDecisionFile(folder.path, silentLog, write)
    isFull = true
    const thrown = await file.decide({trial: TRIAL}).catch((error: Error) => error.message)
    assert.equal([thrown, file.now().trial], ['ENOSPC', null])
    assert.is(await file.decideAnyway({trial: TRIAL}), false)
    assert.equal(file.now().trial, TRIAL)
    isFull = false
    assert.is(await file.decideAnyway({quarantine: []}), true)
  }),
)

test(
  'a file that is damaged, or of another version, is said and holds nothing',
  withFolder(async folder => {
    const texts = ['', 'x', '[]', '{"version":2}', '{"version":1,"suspension":null,"trial":{},"quarantine":[]}']
    for (const text of texts) {
      await writeFile(folder.at('decisions.json'), text)
      const said: string[] = []
      const file = createDecisionFile(folder.path, {...silentLog, error: message => void said.push(message)})
      await file.load()
      assert.equal([said.length, file.now().quarantine], [1, []], text)
    }
  }),
)

test(
  'the newest decisions and the newest commits are kept',
  withFolder(async folder => {
    const file = createDecisionFile(folder.path, silentLog)
    const many = Array.from({length: QUARANTINE_BOUNDS.commits}, (_, n) => `c${n}`)
    await file.decide({quarantine: [quarantine(['old']), quarantine(many.slice(1)), quarantine(['x', 'y'])]})
    assert.equal(
      file.now().quarantine.map(({commits}) => commits.length),
      [0, many.length - 2, 2],
    )
    await file.decide({quarantine: Array.from({length: 150}, (_, n) => quarantine([`c${n}`]))})
    assert.equal([file.now().quarantine.length, file.now().quarantine.at(-1)?.commits], [100, ['c149']])
  }),
)

test('a set is out by its commit or by its content', () => {
  const decisions = {suspension: null, trial: null, quarantine: [quarantine(['bb'], ['2'])]}
  const isOut = (commit: string | null, content: string) => quarantineOf(decisions, commit, () => content) !== null
  assert.equal([isOut('bb', '1'), isOut('cc', '2'), isOut('cc', '3'), isOut(null, '3')], [true, true, false, false])
})

// ---

function quarantine(commits: readonly string[], contents: readonly string[] = []): Quarantine {
  return {revision: 'b', to: 'a', reason: 'RolledBack', message: 'rolled back', at: AT, commits, contents}
}

test.run()
