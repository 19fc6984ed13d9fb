// Every rule once: what people read when a file of routes.d is wrong. The cases are test/golden/diagnostics/*.txt.

import {test} from 'uvu'
import * as assert from 'uvu/assert'
import type {SourceFile} from '../../../src/base/source-file.ts'
import type {Diagnostic} from '../../../src/control/config/diagnostic.ts'
import {decodeSource} from '../../../src/control/config/files.ts'
import {loadConfig} from '../../../src/control/config/load.ts'
import {renderDiagnostics} from '../../../src/control/config/render.ts'
import {type GoldenCase, goldenCases} from '../../helpers/golden.ts'

const cases = goldenCases('diagnostics')

test('there is a golden file for every kind of mistake', () => {
  assert.ok(cases.length >= 30, `${cases.length} cases`)
})

for (const golden of cases) {
  test(golden.name.replaceAll('-', ' '), () => {
    golden.expect(renderDiagnostics(diagnose(golden), 'pretty', {color: false}) || 'no problem')
  })
}

test.run()

// ---

function diagnose({files}: GoldenCase): Diagnostic[] {
  const read = files.map(({path, bytes}) => decodeSource(path, bytes, `routes.d/${path}`))
  const sources = read.filter((entry): entry is SourceFile => 'sha256' in entry)
  const unread = read.filter((entry): entry is Diagnostic => 'rule' in entry)
  const {diagnostics} = loadConfig(sources, {label: 'routes.d', denyTargets: ['169.254.0.0/16']})
  return [...unread, ...diagnostics]
}
