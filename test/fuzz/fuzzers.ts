// The fuzzers by name.

import {fuzzDesync} from './desync.ts'
import {fuzzDifferential} from './differential.ts'
import {fuzzFrames} from './frames.ts'
import type {Budget, Report} from './report.ts'
import {fuzzResponses} from './responses.ts'
import {fuzzSplit} from './split.ts'

export const FUZZERS: Readonly<Record<string, (budget: Budget) => Promise<Report>>> = {
  differential: fuzzDifferential,
  responses: fuzzResponses,
  split: fuzzSplit,
  desync: fuzzDesync,
  frames: fuzzFrames,
}

/** The report as lines for people. */
export function linesOf(report: Report, seed: number): string[] {
  const perSecond = Math.round((report.inputs / report.ms) * 1000)
  const lines = [
    `${report.name}: ${report.inputs} inputs in ${(report.ms / 1000).toFixed(1)} s (${perSecond}/s), ${report.findings.length} findings`,
  ]
  for (const note of report.notes) lines.push(`  ${note}`)
  for (const {what, input, expected, got} of report.findings) {
    lines.push(`FOUND ${report.name}: ${what}`, `  seed      ${seed}`, `  input     ${escaped(JSON.stringify(input))}`)
    lines.push(`  expected  ${escaped(expected)}`, `  got       ${escaped(got)}`)
  }
  return lines
}

// ---

// 0xa0 looks like a space in a terminal, and is what the finding is about.
function escaped(text: string): string {
  return text.replace(/[^\n\x20-\x7e]/g, character => `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`)
}
