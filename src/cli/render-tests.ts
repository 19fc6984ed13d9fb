// A run of declared tests for people and for the machines that show failures beside the code.

import {diagnoseTest, failuresOf, type TestResult, type TestRun} from '../control/compile/request-tests.ts'
import {renderDiagnostics} from '../control/config/render.ts'
import type {JunitCase} from './render-junit.ts'
import {paint} from './terminal.ts'

/** Routes without a test that are named; the rest is counted. */
const UNCOVERED_MAX = 20

/** Every test, what is wrong with those that failed, and how much of the routes they reach. */
export function renderTests({results, passed, failed, coverage, uncovered}: TestRun, color: boolean): string {
  const lines = results.flatMap(result => testLines(result, color))
  if (lines.length > 0) lines.push('')
  const verdict = failed > 0 ? paint(color, 'red', `${failed} failed`) : '0 failed'
  lines.push(`${passed} passed, ${verdict}; ${coverage}% of the routes are tested`)
  for (const {id, file, line} of uncovered.slice(0, UNCOVERED_MAX))
    lines.push(`  no test reaches ${visible(id)} (${visible(file)}:${line})`)
  const rest = uncovered.length - UNCOVERED_MAX
  if (rest > 0) lines.push(`  nor ${rest} more`)
  return lines.join('\n')
}

/** Annotations of the failures; '' when there are none. */
export function githubLines({results}: TestRun): string {
  return renderDiagnostics(results.filter(({ok}) => !ok).map(diagnoseTest), 'github', {color: false})
}

/** A case for each test. */
export function failureCases({results}: TestRun): JunitCase[] {
  return results.map(result => {
    const {name, ok, file, line, why} = result
    const [first = '', ...others] = failuresOf(result)
    const text = [`${file}:${line}`, first, ...others, why].filter(Boolean).join('\n')
    return {name, classname: file, failure: ok ? null : {type: 'test-failed', message: first, text}}
  })
}

// ---

function testLines(result: TestResult, color: boolean): string[] {
  const {name, ok, file, line, expected, actual, why} = result
  if (ok) return [`${paint(color, 'green', 'ok')}   ${visible(name)}`]
  const wrong = Object.keys(expected).filter(key => expected[key] !== actual[key])
  return [
    `${paint(color, 'red', 'FAIL')} ${visible(name)}  ${paint(color, 'dim', `${visible(file)}:${line}`)}`,
    ...wrong.flatMap(key => [
      `       ${visible(key)}`,
      `         expected ${visible(JSON.stringify(expected[key]))}`,
      `         actual   ${visible(JSON.stringify(actual[key]))}`,
    ]),
    `       ${visible(why)}`,
  ]
}

/** Names are what people wrote, and a control character could rewrite the terminal. */
function visible(text: string): string {
  return text.replace(/[\x00-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]/g, '\ufffd')
}
