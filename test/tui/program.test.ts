// The real program on a real terminal, against a real daemon.

import {readFileSync} from 'node:fs'
import {test} from 'uvu'
import * as assert from 'uvu/assert'
import {command, startIn} from '../helpers/command.ts'
import {withFolder} from '../helpers/folder.ts'
import {HAS_TMUX, tmuxIn} from '../helpers/tmux.ts'
import {GOOD, ROUTESD, SETTINGS, serveIn} from '../helpers/tui-program.ts'
import {until} from '../helpers/until.ts'

const BROKEN = GOOD.replace('target:', 'targt:')

const program = HAS_TMUX ? test : test.skip
if (!HAS_TMUX) console.log('SKIP the terminal UI on a terminal: tmux is not installed')

program(
  'a broken set is a banner with its lines, which goes when it is mended, and a daemon that was killed comes back',
  withFolder(async folder => {
    const daemon = await serveIn(folder)
    const terminal = await tmuxIn(folder, `${ROUTESD} tui`, 100, 24)
    await terminal.see(/requests\/s 0 /)
    await folder.write({'routes.d/a.yaml': BROKEN})
    const refusal = [
      /OutOfSync {2}● Healthy/,
      /is refused; files\.\w+ keeps serving/,
      /^ {3}routes\.d\/a\.yaml:3: unknown key "targt" in a route\n {5}3 \| - \{id: .*\n {7}\| +\^{5}\n/m,
    ]
    await terminal.see(screen => refusal.every(part => part.test(screen)))
    await folder.write({'routes.d/a.yaml': GOOD})
    await terminal.see(screen => /● Synced/.test(screen) && !/is refused/.test(screen))

    daemon.child.kill('SIGKILL')
    await terminal.see(screen => /daemon is gone, retrying/.test(screen) && /✗ no daemon/.test(screen))
    await startIn(folder, ['run']).line(/^routesd ready /)
    await terminal.see(/● Synced/)
    await terminal.press('6')
    await terminal.see(/the daemon answers again/)
  }),
)

program(
  'a drain is asked for, confirmed, done and lifted again',
  withFolder(async folder => {
    await serveIn(folder)
    const terminal = await tmuxIn(folder, `${ROUTESD} tui --ascii`, 100, 24)
    await terminal.press('2')
    await terminal.see(/> orders@127\.0\.0\.1:7 +\+ up/)
    await terminal.press('d')
    await terminal.see(/drain orders@127\.0\.0\.1:7 for: 10m_/)
    await terminal.press('Enter')
    await terminal.see(/why: _/)
    await terminal.press('new version', 'Enter')
    await terminal.see(/for 10m\? y\/n/)
    await terminal.press('y')
    await terminal.see(/> orders@127\.0\.0\.1:7 +! draining/)
    const {stdout} = await command(['instances', 'ls', 'orders'], {cwd: folder.path})
    assert.match(stdout, /^orders@127\.0\.0\.1:7 +orders +draining .*new version/m)
    await terminal.press('u')
    await terminal.see(/undrain orders@127\.0\.0\.1:7\? y\/n/)
    await terminal.press('y')
    await terminal.see(/> orders@127\.0\.0\.1:7 +\+ up/)
    await terminal.press(':', 'sync', 'Enter')
    await terminal.see(/sync is not available by this daemon|sync\? y\/n/)
  }),
)

program(
  'run --tui serves, logs to a file, and leaving it asks and stops the daemon',
  withFolder(async folder => {
    await folder.write({'routesd.yaml': SETTINGS, 'routes.d/a.yaml': GOOD})
    const terminal = await tmuxIn(folder, `${ROUTESD} run --tui`, 100, 24)
    await terminal.see(/▸ x\.localhost/)
    const log = () => readFileSync(folder.at('.routesd/daemon.log'), 'utf8')
    await until('the ready line', () => /^routesd ready revision=/m.test(log()))
    await terminal.press('q')
    await terminal.see(/leaving stops the daemon: leave\? y\/n/)
    await terminal.press('n')
    await terminal.press('q')
    await terminal.press('y')
    await terminal.ended()
    assert.is((await command(['status'], {cwd: folder.path})).code, 4)
  }),
)

program(
  'NO_COLOR leaves no colour, and the screen before is there again afterwards',
  withFolder(async folder => {
    await serveIn(folder)
    const script = `printf 'before\\n'; NO_COLOR=1 ${ROUTESD} tui; printf 'after\\n'; cat`
    const terminal = await tmuxIn(folder, script, 80, 24)
    await terminal.see(/▸ x\.localhost/)
    await terminal.press('q')
    assert.match(await terminal.see(/after/), /^before\nafter\n/)
  }),
)

test.run()
