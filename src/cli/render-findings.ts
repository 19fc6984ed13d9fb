// Findings of `check` for the machines that show them beside the code: SARIF for code scanning, Code Quality for GitLab,
// and the cases of a JUnit report.

import {createHash} from 'node:crypto'
import {isAbsolute} from 'node:path'
import {pathToFileURL} from 'node:url'
import type {Diagnostic} from '../control/config/diagnostic.ts'
import {renderDiagnostics} from '../control/config/render.ts'
import type {JunitCase} from './render-junit.ts'

/** SARIF 2.1.0 (OASIS), one run. Columns count UTF-16 units, as ours do. */
export function renderSarif(diagnostics: readonly Diagnostic[], version: string): string {
  const rules = [...new Set(diagnostics.map(({rule}) => rule))].sort()
  const prints = fingerprints(diagnostics)
  const results = diagnostics.map((entry, index) => ({
    ruleId: entry.rule,
    ruleIndex: rules.indexOf(entry.rule),
    level: entry.severity,
    message: {text: wordsOf(entry)},
    locations: [{physicalLocation: {artifactLocation: {uri: uriOf(entry.file)}, region: regionOf(entry)}}],
    partialFingerprints: {'routesd/v1': prints[index]},
  }))
  const driver = {name: 'routesd', version, rules: rules.map(id => ({id}))}
  const run = {tool: {driver}, columnKind: 'utf16CodeUnits', results}
  return JSON.stringify({$schema: SARIF_SCHEMA, version: '2.1.0', runs: [run]}, null, 2)
}

/** GitLab's Code Quality report. */
export function renderCodeQuality(diagnostics: readonly Diagnostic[]): string {
  const prints = fingerprints(diagnostics)
  const issues = diagnostics.map((entry, index) => ({
    description: wordsOf(entry),
    check_name: entry.rule,
    fingerprint: prints[index],
    severity: entry.severity === 'error' ? 'major' : 'minor',
    location: {path: entry.file, lines: {begin: entry.line, end: entry.endLine}},
  }))
  return JSON.stringify(issues, null, 2)
}

/** A case for each file, and for whatever else something is wrong with; a file with warnings only passes. */
export function fileCases(files: readonly string[], diagnostics: readonly Diagnostic[]): JunitCase[] {
  const errors = diagnostics.filter(({severity}) => severity === 'error')
  const byFile = Map.groupBy(errors, ({file}) => file)
  return [...new Set([...files, ...byFile.keys()])].map(file => {
    const found = byFile.get(file) ?? []
    const [first] = found
    const text = renderDiagnostics(found, 'compact', {color: false})
    return {name: file, classname: 'check', failure: first ? {type: first.rule, message: first.message, text} : null}
  })
}

// ---

const SARIF_SCHEMA = 'https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json'

function wordsOf({message, hint}: Diagnostic): string {
  return hint === null ? message : `${message}\n${hint}`
}

function uriOf(file: string): string {
  return isAbsolute(file) ? pathToFileURL(file).href : file.split('/').map(encodeURIComponent).join('/')
}

function regionOf({line, column, endLine, endColumn}: Diagnostic): Record<string, number> {
  return {startLine: line, startColumn: column, endLine, endColumn}
}

/** What stays the same when lines move; the second finding of the same words in a file gets another one. */
function fingerprints(diagnostics: readonly Diagnostic[]): string[] {
  const seen = new Map<string, number>()
  return diagnostics.map(({rule, file, message}) => {
    const words = JSON.stringify([rule, file, message])
    const count = seen.get(words) ?? 0
    seen.set(words, count + 1)
    return createHash('sha256').update(`${words} ${count}`).digest('hex').slice(0, 32)
  })
}
