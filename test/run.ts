// Runs every test file in a process of its own, several at a time, each under a time limit.
//
//   node test/run.ts [PATTERN…]      only files whose path contains one of the patterns
//
// uvu alone would pass a file without tests or with a forgotten `.run()`, hang on an open handle and mix globals of all
// files, so the counting is done here. The last line is 'N passed, N failed'.

import {spawn} from 'node:child_process'
import {readdirSync, rmSync} from 'node:fs'
import {availableParallelism, tmpdir} from 'node:os'
import {join} from 'node:path'

const LIMIT_MS = Number(process.env['TEST_LIMIT_MS'] ?? 120_000)
/** For what Node does after the last line of the program; see exit.ts. */
const CLEAN_UP_MS = 2_000
const OUTPUT_BYTES = 1 << 20
const root = join(import.meta.dirname, '..')
// Where a daemon makes the key of its vault; that of root would be in /etc.
const configFolder = join(tmpdir(), `routesd-config-${process.pid}`)

type Result = {file: string; passed: number; failed: number; skipped: number; ms: number; output: string; why: string}

const patterns = process.argv.slice(2).filter(word => !word.startsWith('-'))
const files = readdirSync(import.meta.dirname, {recursive: true, encoding: 'utf8'})
  .filter(name => name.endsWith('.test.ts'))
  .map(name => join('test', name))
  .filter(name => patterns.length === 0 || patterns.some(pattern => name.includes(pattern)))
  .sort()

const queue = [...files]
const results: Result[] = []
await Promise.all(Array.from({length: Math.max(2, availableParallelism())}, drain))
rmSync(configFolder, {recursive: true, force: true})
report()

// ---

async function drain(): Promise<void> {
  for (let file = queue.shift(); file; file = queue.shift()) {
    const result = await runFile(file)
    results.push(result)
    const mark = result.failed > 0 ? 'FAIL' : 'ok  '
    console.log(
      `${mark} ${result.file} (${result.passed} passed${result.skipped ? `, ${result.skipped} skipped` : ''}, ${(result.ms / 1000).toFixed(1)} s)`,
    )
    if (result.failed > 0) console.log(`${result.output}\n     ${result.why}`)
    else for (const line of result.output.matchAll(/^SKIP .*$/gm)) console.log(`     ${line[0]}`)
  }
}

function runFile(file: string): Promise<Result> {
  const began = performance.now()
  const child = spawn(process.execPath, ['--no-warnings', '--import', './test/exit.ts', file], {
    cwd: root,
    env: {...process.env, NO_COLOR: '1', FORCE_COLOR: '0', NODE_ENV: 'test', ROUTESD_CONFIG_DIR: configFolder},
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  let output = ''
  let exitCode: number | null = null
  const keep = (data: Buffer) => {
    if (output.length < OUTPUT_BYTES) output += data.toString()
    const said = /^EXIT (\d+)$/m.exec(data.toString())
    if (!said) return
    exitCode = Number(said[1])
    setTimeout(() => child.kill('SIGKILL'), CLEAN_UP_MS).unref()
  }
  child.stdout.on('data', keep)
  child.stderr.on('data', keep)
  let timedOut = false
  const timer = setTimeout(() => {
    timedOut = true
    child.kill('SIGKILL')
  }, LIMIT_MS)
  return new Promise(resolve => {
    child.on('close', code => {
      clearTimeout(timer)
      resolve({file, ms: performance.now() - began, output, ...judge(code ?? exitCode, timedOut, output)})
    })
  })
}

function judge(code: number | null, timedOut: boolean, output: string): Omit<Result, 'file' | 'ms' | 'output'> {
  const number = (label: string) => Number(new RegExp(`^\\s*${label}:\\s+(\\d+)`, 'm').exec(output)?.[1] ?? 0)
  const total = number('Total')
  const passed = number('Passed')
  const skipped = number('Skipped')
  const failed = total - passed
  if (timedOut) return {passed, skipped, failed: Math.max(1, failed), why: `did not end within ${LIMIT_MS} ms`}
  if (failed > 0) return {passed, skipped, failed, why: `${failed} of ${total} failed`}
  if (code !== 0) return {passed, skipped, failed: 1, why: `exit code ${code}`}
  if (total === 0 && skipped === 0) return {passed, skipped, failed: 1, why: 'no test ran: is .run() missing?'}
  return {passed, skipped, failed: 0, why: ''}
}

function report(): void {
  const sum = (pick: (result: Result) => number) => results.reduce((total, result) => total + pick(result), 0)
  const failed = sum(result => result.failed)
  for (const result of results.filter(entry => entry.failed > 0)) console.log(`FAIL ${result.file}: ${result.why}`)
  const skipped = sum(result => result.skipped)
  if (files.length === 0) console.log('no test file matches')
  console.log(`${sum(result => result.passed)} passed, ${failed} failed${skipped ? `, ${skipped} skipped` : ''}`)
  process.exitCode = failed > 0 || files.length === 0 ? 1 : 0
}
