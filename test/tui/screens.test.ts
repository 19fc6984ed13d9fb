// Every screen of the real program, captured from a real terminal. UPDATE_GOLDEN=1 writes the captured screens anew.

import {mkdirSync, readFileSync, writeFileSync} from 'node:fs'
import {join} from 'node:path'
import {test} from 'uvu'
import * as assert from 'uvu/assert'
import {withFolder} from '../helpers/folder.ts'
import {HAS_TMUX, tmuxIn} from '../helpers/tmux.ts'
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
      matches(`1-routes-${size}`, await terminal.see(/▸ x\.localhost/))
      await terminal.press('2', 'g', 'j')
      matches(`2-instances-${size}`, await terminal.see(/▸ orders@127\.0\.0\.1:8/))
      await terminal.press('Enter')
      matches(`2-detail-${size}`, await terminal.see(/ instance +orders@127\.0\.0\.1:8/))
      await terminal.press('Escape', '3')
      // What is below the head depends on what there is.
      headMatches(`3-certs-${size}`, await terminal.see(/COMMON NAME/))
      await terminal.press('4')
      headMatches(`4-commits-${size}`, await terminal.see(/REVISION/))
      await terminal.press('5')
      matches(`5-traffic-${size}`, await terminal.see(/▸ x\.localhost.* 0 /))
      await terminal.press('6')
      matches(`6-log-${size}`, await terminal.see(/▸ .*files\.\w+/))
      await terminal.press('?')
      matches(`help-${size}`, await terminal.see(/1 to 6 +the screens/))
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

function matches(name: string, screen: string): void {
  const text = masked(screen)
  if (process.env['UPDATE_GOLDEN'] === '1') {
    mkdirSync(GOLDEN, {recursive: true})
    writeFileSync(join(GOLDEN, `${name}.txt`), text)
  }
  assert.fixture(text, readFileSync(join(GOLDEN, `${name}.txt`), 'utf8'), name)
}

// The tabs count the rows, at the right.
function headMatches(name: string, screen: string): void {
  const lines = screen.split('\n').map(line => line.replace(/ {3,}\d+$/, ''))
  matches(name, `${lines.slice(0, 1 + lines.findIndex(line => /COMMON NAME|REVISION/.test(line))).join('\n')}\n`)
}
