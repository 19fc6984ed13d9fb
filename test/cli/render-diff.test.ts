import {test} from 'uvu'
import * as assert from 'uvu/assert'
import type {Diff} from '../../src/cli/diff.ts'
import {renderDiff} from '../../src/cli/render-diff.ts'
import {renderDiffMarkdown} from '../../src/cli/render-diff-markdown.ts'
import {diffCertificates} from '../../src/router/certificate-names.ts'
import {diffSnapshots} from '../../src/router/diff.ts'
import {compiled} from '../helpers/written.ts'

const BEFORE = `
- {id: x.com, target: "http://a"}
- {id: x.com/old, redirect: {to: "https://new.com/a|b"}}
- {id: "*.x.com", target: "http://all"}
`
const AFTER = `
- {id: x.com, target: "http://a", timeouts: {idle: 5s}}
- {id: "*.x.com", target: "http://all"}
- {id: a.x.com, target: "http://own"}
`

function found(before: string, after: string): Diff {
  const [a, b] = [compiled({'a.yaml': before}), compiled({'a.yaml': after})]
  return {from: '1111111', to: '2222222', changes: diffSnapshots(a, b), certificates: diffCertificates(a, b)}
}

test('text is a line for each piece of URL space, and what it means below', () => {
  assert.is(
    renderDiff(found(BEFORE, AFTER), false),
    `1111111 → 2222222
  2 moved, 1 changed; 1 shadowed

  moved    a.x.com    http://all → http://own
    shadowed: taken by a.x.com, no longer by *.x.com, which is still there: a.x.com is the more specific host
    routes.d/a.yaml:4

  changed  x.com      http://a
    timeouts.idle 1m → 5s
    routes.d/a.yaml:2

  moved    x.com/old  308 https://new.com/a|b → http://a
    taken by x.com, no longer by x.com/old; timeouts.idle 1m → 5s
    routes.d/a.yaml:3 → routes.d/a.yaml:2

  certificates to order, where https is served: a.x.com`,
  )
  assert.is(renderDiff(found(BEFORE, BEFORE), false), '1111111 → 2222222\n  no URL is served otherwise')
})

test('Markdown is a table that nothing in a route breaks', () => {
  assert.is(
    renderDiffMarkdown(found('- {id: x.com, respond: {body: a}}', '- {id: "*.x_y_.com", target: "http://a_b_/`|<b>"}')),
    `<!-- routesd diff -->
### routesd: \`1111111\` → \`2222222\`

**1 added, 1 removed**

| | URLs | before | after | what it means |
|---|---|---|---|---|
| added | \`*.x_y_.com\` | 404 | \`http://a_b_/'\\|<b>\`<br>\`routes.d/a.yaml:1\` | nobody took this host: 404 |
| removed | \`x.com\` | \`200\`<br>\`routes.d/a.yaml:1\` | 404 | no route takes this host any more: 404 |

Certificates to order, where https is served: \`*.x_y_.com\`

Certificates to drop, where https is served: \`x.com\``,
  )
})

test('Markdown fits into a comment however much changes', () => {
  const routes = Array.from(
    {length: 3000},
    (_, i) => `- {id: h${i}.example.com, target: "http://a/${'a'.repeat(300)}"}`,
  )
  const text = renderDiffMarkdown(found('', routes.join('\n')))
  assert.ok(text.length < 65_000, `${text.length} characters`)
  const rows = text.split('\n').filter(line => line.startsWith('| added')).length
  assert.match(text, `… and ${3000 - rows} more: \`routesd diff\` shows all.`)
})

test.run()
