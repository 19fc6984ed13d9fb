// The scripts are run by the shells themselves, where they are installed.

import {spawnSync} from 'node:child_process'
import {test} from 'uvu'
import * as assert from 'uvu/assert'
import {GLOBAL_FLAGS, VERBS} from '../../src/cli/verbs.ts'
import {command} from '../helpers/command.ts'
import {withFolder} from '../helpers/folder.ts'

const script = async (shell: string) => (await command(['completion', shell])).stdout
const bash = await script('bash')

test('bash offers every verb, every group and every second word', () => {
  const first = complete('routesd ')
  for (const {name} of VERBS) {
    const [group = '', second] = name.split(' ')
    assert.ok(first.includes(group), group)
    if (second !== undefined) assert.ok(complete(`routesd ${group} `).includes(second), name)
  }
  assert.equal(complete('routesd che'), ['check'])
  assert.equal(complete('routesd instances d'), ['drain'])
})

test('bash offers the flags of a verb and no others, also behind flags that have values', () => {
  for (const {name, flags} of VERBS) {
    const offered = complete(`routesd -c x.yaml ${name} --`)
    const all = [...flags, ...GLOBAL_FLAGS].map(flag => `--${flag.name}`)
    assert.equal([...new Set(offered)].sort(), [...new Set(all)].sort(), name)
  }
  assert.equal(complete('routesd instances list --off'), ['--offline'])
})

test('bash offers the values that are known', () => {
  assert.equal(complete('routesd check -o g'), ['github'])
  assert.equal(complete('routesd completion f'), ['fish'])
  assert.ok(complete('routesd config schema ').includes('settings'))
  assert.equal(complete('routesd status --revision '), [])
})

test(
  'bash offers files where a path may stand',
  withFolder(async folder => {
    await folder.write({'site.yaml': '', 'site two.yaml': ''})
    assert.equal(complete('routesd check si', folder.path).sort(), ['site two.yaml', 'site.yaml'])
    assert.equal(complete('routesd run -c site.', folder.path), ['site.yaml'])
  }),
)

for (const shell of ['bash', 'zsh', 'fish']) {
  const isThere = spawnSync(shell, ['-c', 'true']).error === undefined
  const name = `the script for ${shell} is one that it can read`
  const run = async () => {
    const {status, stderr} = spawnSync(shell, ['-n'], {input: await script(shell), encoding: 'utf8'})
    assert.equal([status, stderr], [0, ''])
  }
  if (isThere) test(name, run)
  else test.skip(`${name} (it is not installed)`, run)
}

test('every shell is told every verb', async () => {
  for (const shell of ['zsh', 'fish']) {
    const text = await script(shell)
    for (const {name} of VERBS) assert.ok(text.includes(name.split(' ').at(-1) ?? ''), `${shell}: ${name}`)
  }
})

test('another shell is refused by name', async () => {
  const {code, stderr} = await command(['completion', 'tcsh'])
  assert.is(code, 2)
  assert.match(stderr, "there is no completion for 'tcsh'")
})

test.run()

// ---

// As readline calls it: the words before the cursor, the last one being written.
function complete(line: string, cwd = '/'): string[] {
  const words = line.split(' ')
  const call = `COMP_WORDS=(${words.map(word => `'${word}'`).join(' ')}); COMP_CWORD=${words.length - 1}; _routesd; printf '%s\\n' "\${COMPREPLY[@]}"`
  const {status, stdout, stderr} = spawnSync('bash', ['--norc', '-c', `${bash}\n${call}`], {cwd, encoding: 'utf8'})
  assert.equal([status, stderr], [0, ''])
  return stdout.split('\n').filter(Boolean)
}
