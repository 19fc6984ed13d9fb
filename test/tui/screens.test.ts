// Every screen of the real program, captured from a real terminal. UPDATE_GOLDEN=1 writes the captured screens anew.

import {mkdirSync, readFileSync, writeFileSync} from 'node:fs'
import {join} from 'node:path'
import {test} from 'uvu'
import * as assert from 'uvu/assert'
import {withFolder} from '../helpers/folder.ts'
import {HAS_TMUX, type Tmux, tmuxIn} from '../helpers/tmux.ts'
import {ROUTESD, serveIn} from '../helpers/tui-program.ts'

const GOLDEN = join(import.meta.dirname, '..', 'golden', 'tui-program')

const program = HAS_TMUX ? test : test.skip
if (!HAS_TMUX) console.log('SKIP screens on a terminal: tmux is not installed')

const SIZES = [
  [120, 40],
  [80, 24],
  [40, 10],
] as const

program(
  'every screen at 120x40, 80x24 and 40x10, and a word when there is no room',
  withFolder(async folder => {
    await serveIn(folder)
    const terminal = await tmuxIn(folder, `${ROUTESD} tui`, 120, 40)
    for (const [columns, rows] of SIZES) {
      const size = `${columns}x${rows}`
      await terminal.resize(columns, rows)
      await terminal.press('1')
      if (rows > 10) await terminal.see(/requests\/s 0 .*routes 2/)
      await sees(terminal, `1-routes-${size}`, /▸ x\.localhost/)
      await terminal.press('2', 'g', 'j')
      await sees(terminal, `2-instances-${size}`, /▸ orders@127\.0\.0\.1:8/)
      await terminal.press('Enter')
      await sees(terminal, `2-detail-${size}`, / instance +orders@127\.0\.0\.1:8/)
      await terminal.press('Escape', '3')
      // What is below the head depends on what there is.
      await sees(terminal, `3-certs-${size}`, /COMMON NAME/, headOf)
      await terminal.press('4')
      await sees(terminal, `4-commits-${size}`, /REVISION/, headOf)
      await terminal.press('5')
      await sees(terminal, `5-traffic-${size}`, /▸ x\.localhost.* 0 /)
      await terminal.press('6')
      await sees(terminal, `6-log-${size}`, /▸ .*files\.\w+/)
      await terminal.press('?')
      await sees(terminal, `help-${size}`, /1 to 6 +the screens/)
      await terminal.press('Escape')
    }
    await terminal.resize(39, 9)
    await terminal.see(/39x9 is too small/)
    await terminal.resize(100, 30)
    await terminal.see(/files\.\w+ is live/)
    await terminal.press('q')
    await terminal.ended()
  }),
)

test.run()

// ---

// What is another with every run gets the same length in other letters.
function masked(screen: string): string {
  return screen
    .replace(/(?<=requests\/s 0 )[ ▁]{8,20}(?= {3})/, trend => '_'.repeat(trend.length))
    .replace(/up \d.*$/m, 'up …')
    .replace(/\b\d\d:\d\d:\d\d\b/g, 'hh:mm:ss')
}

// Looks until it is the golden screen: the first that matches may be half a frame, or one of the size before.
async function sees(terminal: Tmux, name: string, pattern: RegExp, part = (screen: string) => screen): Promise<void> {
  const path = join(GOLDEN, `${name}.txt`)
  if (process.env['UPDATE_GOLDEN'] === '1') {
    mkdirSync(GOLDEN, {recursive: true})
    writeFileSync(path, masked(part(await terminal.see(pattern))))
  }
  const golden = readFileSync(path, 'utf8')
  let last = ''
  const isGolden = (screen: string) => {
    last = masked(part(screen))
    return pattern.test(screen) && last === golden
  }
  await terminal.see(isGolden).catch(() => assert.fixture(last, golden, name))
}

// The tabs count the rows, at the right.
function headOf(screen: string): string {
  const lines = screen.split('\n').map(line => line.replace(/ {3,}\d+$/, ''))
  return `${lines.slice(0, 1 + lines.findIndex(line => /COMMON NAME|REVISION/.test(line))).join('\n')}\n`
}
