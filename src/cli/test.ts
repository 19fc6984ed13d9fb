// test: do the requests that stand under `tests:` go where they should? Decided offline, with the router of the daemon.

import {AppError, EXIT, type ExitCode} from '../base/errors.ts'
import {compile} from '../control/compile/compile.ts'
import {runTests, type TestRun} from '../control/compile/request-tests.ts'
import {NO_REFERENCES} from '../control/config/references.ts'
import {nameRevision} from '../control/gitops/revision.ts'
import {loadChosen, readChosen} from './chosen-files.ts'
import {invalid, readSettings} from './offline.ts'
import {renderJunit} from './render-junit.ts'
import {failureCases, githubLines, renderTests} from './render-tests.ts'
import type {Call} from './verb.ts'

export async function test(call: Call): Promise<ExitCode> {
  const least = readLeast(call)
  const run = await runChosen(call)
  const isCovered = run.coverage >= least
  print(call, run)
  if (!isCovered) call.terminal.err(`routesd: ${run.coverage}% of the routes are tested, and --fail-under is ${least}`)
  return run.ok && isCovered ? EXIT.ok : EXIT.findings
}

// ---

function readLeast({values}: Call): number {
  const text = values('fail-under').at(-1) ?? '0'
  const least = /^\d+(\.\d+)?%?$/.test(text) ? Number.parseFloat(text) : Number.NaN
  if (!(least <= 100)) throw new AppError(`--fail-under '${text}' is not a percentage from 0 to 100`)
  return least
}

async function runChosen(call: Call): Promise<TestRun & {readonly revision: string}> {
  const settings = await readSettings(call)
  const chosen = await readChosen(call, settings)
  const loaded = loadChosen(call, settings, chosen)
  const errors = [...chosen.diagnostics, ...loaded.diagnostics].filter(({severity}) => severity === 'error')
  if (loaded.config === null || errors.length > 0) throw invalid(call, errors, chosen.where)
  const revision = chosen.sha?.slice(0, 7) ?? (await nameRevision(settings.routes, chosen.files)).revision
  const {forward, defaults} = settings
  const snapshot = compile(loaded.config, {revision, forward, defaults, references: NO_REFERENCES})
  return {...runTests(loaded.config.tests, snapshot), revision}
}

function print({format, values, terminal}: Call, run: TestRun): void {
  const isAnnotating = terminal.env['GITHUB_ACTIONS'] === 'true' && values('format').length === 0
  const chosen = isAnnotating ? 'github' : format
  const text = render(chosen, run, terminal.color.out)
  if (text !== '') terminal.out(text)
  if (chosen === 'github') terminal.err(summaryOf(run))
}

function render(format: string, run: TestRun, color: boolean): string {
  if (format === 'json') return JSON.stringify(run, null, 2)
  if (format === 'junit') return renderJunit('routesd test', failureCases(run), summaryOf(run))
  return format === 'github' ? githubLines(run) : renderTests(run, color)
}

function summaryOf({passed, failed, coverage}: TestRun): string {
  return `${passed} passed, ${failed} failed; ${coverage}% of the routes are tested`
}
