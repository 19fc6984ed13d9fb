// The story of examples/gitops is told, with the real program behind the name routesd.

import {spawn} from 'node:child_process'
import {chmod, cp, readFile, writeFile} from 'node:fs/promises'
import {join} from 'node:path'
import {test} from 'uvu'
import * as assert from 'uvu/assert'
import {withFolder} from './helpers/folder.ts'

const EXAMPLE = join(import.meta.dirname, '../examples/gitops')
const MAIN = join(import.meta.dirname, '../src/main.ts')

test(
  'the story ends well, and every part of it',
  withFolder(async folder => {
    await cp(EXAMPLE, folder.at('example'), {recursive: true})
    const settings = await readFile(folder.at('example/edge.yaml'), 'utf8')
    assert.match(settings, '127.0.0.1:8080')
    await writeFile(folder.at('example/edge.yaml'), settings.replace('127.0.0.1:8080', '127.0.0.1:0'))
    await folder.write({
      'bin/routesd': `#!/bin/sh\nexec "${process.execPath}" --no-warnings "${MAIN}" "$@"\n`,
      'place/.keep': '',
    })
    await chmod(folder.at('bin/routesd'), 0o755)
    const kept = Object.entries(process.env).filter(([name]) => !/^(npm_|GIT_|INIT_CWD$|NODE_)/.test(name))
    const env = {
      ...Object.fromEntries(kept),
      PATH: `${folder.at('bin')}:${process.env['PATH']}`,
      ...{GIT_CONFIG_GLOBAL: '/dev/null', GIT_CONFIG_NOSYSTEM: '1', NO_COLOR: '1', SUDO_USER: 'ada'},
    }
    const child = spawn('sh', [folder.at('example/story.sh'), folder.at('place')], {env, timeout: 110_000})
    let said = ''
    child.stdout.on('data', (data: Buffer) => (said += data))
    child.stderr.on('data', (data: Buffer) => (said += data))
    const code = await new Promise<number | null>(done => child.on('close', done))
    assert.is(code, 0, said)
    const answers = said.split('\n').filter(line => /^(one|two|three|four)$/.test(line))
    assert.equal(answers, ['one', 'two', 'two', 'three', 'three', 'three', 'four', 'three', 'four'], said)
    for (const part of [
      /OutOfSync, serving \w{7} \(ValidationFailed: .*unknown key "respnd"/,
      /OutOfSync \(Quarantined: \w{7} was taken back to \w{7} \(the soak failed: hello\.localhost answered 100%/,
      /serving \w{7} instead of \w{7}; in quarantine: \w{7}/,
      /reverted +RolledBack .* rolled back by ada: not what was wanted/,
      /reverted +SoakFailed /,
      /refused +ValidationFailed /,
    ])
      assert.match(said, part)
  }),
)

test.run()
