// Diagnostics as text: for a person, for grep, for GitHub's annotations. File contents are shown as they are but for
// control characters, which could rewrite the terminal they are printed on.

import type {Diagnostic} from './diagnostic.ts'

export type DiagnosticFormat = 'pretty' | 'compact' | 'github'

/** The diagnostics one after another, without a newline at the end. */
export function renderDiagnostics(
  diagnostics: readonly Diagnostic[],
  format: DiagnosticFormat,
  {color}: {color: boolean},
): string {
  switch (format) {
    case 'pretty':
      return diagnostics.map(entry => pretty(entry, color ? PAINT : PLAIN)).join('\n\n')
    case 'compact':
      return diagnostics.map(compact).join('\n')
    case 'github':
      return diagnostics.map(github).join('\n')
  }
}

// ---

type Paint = {readonly [style in 'error' | 'warning' | 'bold' | 'dim' | 'hint']: (text: string) => string}

const PLAIN: Paint = {error: same, warning: same, bold: same, dim: same, hint: same}
const PAINT: Paint = {error: sgr(31), warning: sgr(33), bold: sgr(1), dim: sgr(2), hint: sgr(36)}

function same(text: string): string {
  return text
}

function sgr(code: number): (text: string) => string {
  return text => `\x1b[${code}m${text}\x1b[0m`
}

function pretty(diagnostic: Diagnostic, paint: Paint): string {
  const {severity, file, line, column, rule, message, hint, excerpt} = diagnostic
  const place = paint.bold(`${visible(file)}:${line}:${column}`)
  const parts = [`${paint[severity](severity)} ${place} ${paint.dim(rule)}`, `  ${visible(message)}`]
  if (excerpt !== null) parts.push(...withGutter(excerpt, line, paint, paint[severity]))
  if (hint !== null) parts.push(`  ${paint.hint('hint:')} ${visible(hint)}`)
  return parts.join('\n')
}

function withGutter(excerpt: string, line: number, paint: Paint, mark: (text: string) => string): string[] {
  const [text = '', carets = ''] = excerpt.split('\n')
  const number = String(line)
  const gutter = (label: string) => paint.dim(`  ${label.padStart(number.length)} |`)
  const shown = visible(text).trimEnd()
  return [shown === '' ? gutter(number) : `${gutter(number)} ${shown}`, `${gutter('')} ${mark(carets)}`]
}

function compact({severity, file, line, column, rule, message, hint}: Diagnostic): string {
  return visible(`${file}:${line}:${column}: ${severity} ${rule}: ${message}${hint === null ? '' : ` (${hint})`}`)
}

// https://docs.github.com/actions/reference/workflow-commands-for-github-actions: values escape more than the message.
function github({severity, file, line, column, endLine, endColumn, rule, message, hint}: Diagnostic): string {
  const data = (text: string) => text.replaceAll('%', '%25').replaceAll('\r', '%0D').replaceAll('\n', '%0A')
  const property = (text: string) => data(text).replaceAll(':', '%3A').replaceAll(',', '%2C')
  const text = hint === null ? message : `${message}\n${hint}`
  // Columns are taken only within one line.
  const [start, end] = endLine === line ? [`,col=${column}`, `,endColumn=${endColumn}`] : ['', '']
  const place = `file=${property(file)},line=${line}${start},endLine=${endLine}${end}`
  return `::${severity} ${place},title=${property(rule)}::${data(text)}`
}

/** One symbol per control character, so that a caret below still stands right. Tabs stay. */
function visible(text: string): string {
  return text.replace(/[\x00-\x08\x0a-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]/g, '\ufffd')
}
