// check: is this valid? Schema and cross-checks, and nothing that needs a network, a name server or a secret.

import {AppError, EXIT, type ExitCode} from '../base/errors.ts'
import {readVersion} from '../base/version.ts'
import type {Diagnostic} from '../control/config/diagnostic.ts'
import {nameOf} from '../control/config/files.ts'
import type {Loaded} from '../control/config/load.ts'
import {type DiagnosticFormat, renderDiagnostics} from '../control/config/render.ts'
import {loadSettings} from '../control/config/settings.ts'
import {loadChosen, readChosen} from './chosen-files.ts'
import {fileCases, renderCodeQuality, renderSarif} from './render-findings.ts'
import {renderJunit} from './render-junit.ts'
import type {Call} from './verb.ts'

type Report = {
  readonly counts: Loaded['counts']
  /** Names of the files that were looked at. */
  readonly files: readonly string[]
  readonly diagnostics: readonly Diagnostic[]
}

export async function check(call: Call): Promise<ExitCode> {
  const report = await examine(call)
  const errors = report.diagnostics.filter(entry => entry.severity === 'error').length
  const warnings = report.diagnostics.length - errors
  print(call, report, errors, warnings)
  if (errors > 0) return EXIT.findings
  return warnings > 0 && call.isOn('strict') ? EXIT.warnings : EXIT.ok
}

// ---

async function examine(call: Call): Promise<Report> {
  const {settings, diagnostics} = await loadSettings({file: call.configFile, cwd: call.terminal.cwd})
  const counts = {files: 0, routes: 0, services: 0, tests: 0}
  if (!settings) {
    if (diagnostics.some(entry => entry.rule === 'unreadable')) throw unreadable(diagnostics)
    return {counts, files: [], diagnostics}
  }
  const chosen = await readChosen(call, settings)
  const loaded = loadChosen(call, settings, chosen)
  const files = chosen.files.map(({path}) => nameOf(chosen.label, path))
  return {counts: loaded.counts, files, diagnostics: [...diagnostics, ...chosen.diagnostics, ...loaded.diagnostics]}
}

function unreadable(diagnostics: readonly Diagnostic[]): AppError {
  return new AppError(renderDiagnostics(diagnostics, 'compact', {color: false}))
}

function print({format, values, terminal}: Call, report: Report, errors: number, warnings: number): void {
  const {counts, diagnostics} = report
  const isAnnotating = terminal.env['GITHUB_ACTIONS'] === 'true' && values('format').length === 0
  const chosen = isAnnotating ? 'github' : format
  const text = render(chosen, report, errors, terminal.color.out)
  if (text !== '') terminal.out(text)
  if (chosen !== 'pretty' && !LINES.has(chosen)) return
  // Only people read the summary; the other formats are read by programs, line by line.
  const summary = summaryOf(counts, errors, warnings)
  if (chosen !== 'pretty') terminal.err(summary)
  else terminal.out(diagnostics.length === 0 ? summary : `\n${summary}`)
}

/** Formats of a line for each finding. */
const LINES: ReadonlySet<string> = new Set(['compact', 'github'])

function render(format: string, report: Report, errors: number, color: boolean): string {
  const {counts, files, diagnostics} = report
  const plain = diagnostics.map(({excerpt: _, ...rest}) => rest)
  switch (format) {
    case 'json':
      return JSON.stringify({ok: errors === 0, ...counts, diagnostics: plain}, null, 2)
    case 'sarif':
      return renderSarif(diagnostics, readVersion())
    case 'junit':
      return renderJunit('routesd check', fileCases(files, diagnostics))
    case 'codequality':
      return renderCodeQuality(diagnostics)
    default:
      return renderDiagnostics(diagnostics, format as DiagnosticFormat, {color})
  }
}

function summaryOf({files, routes, services, tests}: Loaded['counts'], errors: number, warnings: number): string {
  const looked = [
    some(files, 'file'),
    some(routes, 'route'),
    services && some(services, 'service'),
    tests && some(tests, 'test'),
  ]
  const found = [errors && some(errors, 'error'), warnings && some(warnings, 'warning')].filter(Boolean)
  return `${looked.filter(Boolean).join(', ')}: ${found.join(', ') || 'all valid'}`
}

function some(count: number, noun: string): string {
  return `${count} ${noun}${count === 1 ? '' : 's'}`
}
