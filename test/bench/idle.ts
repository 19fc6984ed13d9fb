// What the terminal UI takes of a processor while somebody only looks: the real program on a real terminal, beside a real
// daemon that nobody asks anything, or that gets --rate requests a second.
//
//   node test/bench/idle.ts [--routes N (10)] [--seconds N (30)] [--screen 1-6 (1)] [--rate N (0)]

import {readFileSync} from 'node:fs'
import {setTimeout as delay} from 'node:timers/promises'
import {parseArgs} from 'node:util'
import {startIn} from '../helpers/command.ts'
import {withFolder} from '../helpers/folder.ts'
import {cpuSecondsOf, residentBytesOf} from '../helpers/process.ts'
import {tmuxIn} from '../helpers/tmux.ts'
import {ROUTESD, SETTINGS} from '../helpers/tui-program.ts'
import {startLoad} from './load.ts'

/** After the first frames: code is compiled, lists are read. */
const WARM_UP_MS = 8_000

const {values} = parseArgs({
  options: {
    routes: {type: 'string', default: '10'},
    seconds: {type: 'string', default: '30'},
    screen: {type: 'string', default: '1'},
    rate: {type: 'string', default: '0'},
  },
})
const [routes, seconds, rate] = [Number(values.routes), Number(values.seconds), Number(values.rate)]

await withFolder(async folder => {
  const written = Array.from(
    {length: routes},
    (_, index) => `- {id: h${index}.localhost, respond: {status: 200, body: ok}}`,
  )
  await folder.write({'routesd.yaml': SETTINGS, 'routes.d/a.yaml': `${written.join('\n')}\n`})
  const daemon = startIn(folder, ['run'])
  const ready = await daemon.line(/^routesd ready /)
  const terminal = await tmuxIn(folder, `echo $$ > tui.pid; exec ${ROUTESD} tui`, 120, 40)
  await terminal.see(/routes \d/)
  await terminal.press(values.screen)
  const load =
    rate > 0 ? startLoad({port: Number(/ http=\S+:(\d+)/.exec(ready)?.[1]), host: 'h1.localhost', rate}) : null
  await delay(WARM_UP_MS)
  const tui = Number(readFileSync(folder.at('tui.pid'), 'utf8'))
  const pids = {tui, daemon: daemon.child.pid ?? 0}
  const before = {tui: cpuSecondsOf(pids.tui), daemon: cpuSecondsOf(pids.daemon)}
  await delay(seconds * 1000)
  const share = (name: 'tui' | 'daemon') =>
    `${(((cpuSecondsOf(pids[name]) - before[name]) / seconds) * 100).toFixed(2)} %`
  const mib = (residentBytesOf(tui) / 2 ** 20).toFixed(0)
  console.log(
    `${routes} routes, screen ${values.screen}, ${rate} requests/s: TUI ${share('tui')} of a core and ${mib} MiB, daemon ${share('daemon')}`,
  )
  await load?.stop()
})()
