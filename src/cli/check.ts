// check: is this valid? Schema and cross-checks, and nothing that needs a network, a name server or a secret.

import {AppError, EXIT, type ExitCode} from '../base/errors.ts'
import type {SourceFile} from '../base/source-file.ts'
import type {Diagnostic} from '../control/config/diagnostic.ts'
import {readPaths, readRoutesFolder} from '../control/config/files.ts'
import {type Loaded, loadConfig} from '../control/config/load.ts'
import {type DiagnosticFormat, renderDiagnostics} from '../control/config/render.ts'
import {loadSettings, type Settings} from '../control/config/settings.ts'
import {readCommitFiles, readPathsAt} from './read-commit.ts'
import type {Call} from './verb.ts'

type Report = {readonly counts: Loaded['counts']; readonly diagnostics: readonly Diagnostic[]}

export async function check(call: Call): Promise<ExitCode> {
  const report = await examine(call)
  const errors = report.diagnostics.filter(entry => entry.severity === 'error').length
  const warnings = report.diagnostics.length - errors
  print(call, report, errors, warnings)
  if (errors > 0) return EXIT.findings
  return warnings > 0 && call.isOn('strict') ? EXIT.warnings : EXIT.ok
}

// ---

async function examine({configFile, operands, values, terminal}: Call): Promise<Report> {
  const {settings, diagnostics} = await loadSettings({file: configFile, cwd: terminal.cwd})
  const counts = {files: 0, routes: 0, services: 0, tests: 0}
  if (!settings) {
    if (diagnostics.some(entry => entry.rule === 'unreadable')) throw unreadable(diagnostics)
    return {counts, diagnostics}
  }
  const at = values('at').at(-1) ?? null
  const read = await readChosen(settings, operands, at)
  if (read.files.length === 0 && read.diagnostics.length === 0) {
    throw new AppError(`no files matched: ${read.where} holds no *.yaml or *.yml`)
  }
  const loaded = loadConfig(read.files, {label: read.label, denyTargets: settings.permit.denyTargets})
  return {counts: loaded.counts, diagnostics: [...diagnostics, ...read.diagnostics, ...loaded.diagnostics]}
}

type Read = {
  readonly files: readonly SourceFile[]
  readonly diagnostics: readonly Diagnostic[]
  readonly label: string
  readonly where: string
}

/** Of the work tree, or of the commit `at`: the given files and folders, or routes.d. */
async function readChosen(settings: Settings, operands: readonly string[], at: string | null): Promise<Read> {
  if (operands.length === 0) return readOwn(settings, at)
  const read = at === null ? await readPaths(operands) : await readPathsAt(operands, at)
  const {missing, ...rest} = read
  const where = operands.join(', ')
  if (missing.length > 0)
    throw new AppError(`no such file or folder${at === null ? '' : ` at ${at}`}: ${missing.join(', ')}`)
  return {...rest, label: '', where}
}

async function readOwn({routes, routesLabel: label}: Settings, at: string | null): Promise<Read> {
  const read = at === null ? await readRoutesFolder(routes, label) : await readCommitFiles(routes, label, at)
  if (read.missing) throw new AppError(`no files matched: there is no ${label}${at === null ? '' : ` at ${at}`}`)
  return {...read, label, where: label}
}

function unreadable(diagnostics: readonly Diagnostic[]): AppError {
  return new AppError(renderDiagnostics(diagnostics, 'compact', {color: false}))
}

function print({format, values, terminal}: Call, report: Report, errors: number, warnings: number): void {
  const {counts, diagnostics} = report
  if (format === 'json') {
    const plain = diagnostics.map(({excerpt: _, ...rest}) => rest)
    terminal.out(JSON.stringify({ok: errors === 0, ...counts, diagnostics: plain}, null, 2))
    return
  }
  const isAnnotating = terminal.env['GITHUB_ACTIONS'] === 'true' && values('format').length === 0
  const chosen = isAnnotating ? 'github' : (format as DiagnosticFormat)
  const text = renderDiagnostics(diagnostics, chosen, {color: terminal.color.out})
  if (text !== '') terminal.out(text)
  // Only people read the summary; the other formats are read by programs, line by line.
  const summary = summaryOf(counts, errors, warnings)
  if (chosen !== 'pretty') terminal.err(summary)
  else terminal.out(text === '' ? summary : `\n${summary}`)
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
