import {test} from 'uvu'
import * as assert from 'uvu/assert'
import type {Diagnostic} from '../../../src/control/config/diagnostic.ts'
import {renderDiagnostics} from '../../../src/control/config/render.ts'

const found: Diagnostic = {
  rule: 'unknown-key',
  severity: 'error',
  file: 'routes.d/a,b.yaml',
  line: 4,
  column: 3,
  endLine: 4,
  endColumn: 8,
  path: '/0/targt',
  message: 'unknown key "targt": 100% wrong\nreally',
  hint: 'Did you mean "target"?',
  excerpt: '  targt: http://a\n  ^^^^^',
}

test('compact is one line for each', () => {
  assert.is(
    renderDiagnostics([found, {...found, hint: null, severity: 'warning'}], 'compact', {color: false}),
    'routes.d/a,b.yaml:4:3: error unknown-key: unknown key "targt": 100% wrong\ufffdreally (Did you mean "target"?)\n' +
      'routes.d/a,b.yaml:4:3: warning unknown-key: unknown key "targt": 100% wrong\ufffdreally',
  )
})

test('github escapes what would end a command', () => {
  assert.is(
    renderDiagnostics([found], 'github', {color: false}),
    '::error file=routes.d/a%2Cb.yaml,line=4,col=3,endLine=4,endColumn=8,title=unknown-key::' +
      'unknown key "targt": 100%25 wrong%0Areally%0ADid you mean "target"?',
  )
})

test('colour changes nothing but colour', () => {
  const plain = renderDiagnostics([found], 'pretty', {color: false})
  const painted = renderDiagnostics([found], 'pretty', {color: true})
  assert.match(painted, '\x1b[31merror\x1b[0m')
  assert.is(painted.replace(/\x1b\[\d+m/g, ''), plain)
})

test('nothing to say is nothing', () => {
  for (const format of ['pretty', 'compact', 'github'] as const)
    assert.is(renderDiagnostics([], format, {color: true}), '')
})

test.run()
