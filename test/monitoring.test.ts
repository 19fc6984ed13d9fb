// What examples/monitoring asks for is there: every metric that the dashboard and the alert rules name.

import {readFileSync} from 'node:fs'
import {join} from 'node:path'
import {test} from 'uvu'
import * as assert from 'uvu/assert'
import {parse} from 'yaml'
import {FAMILIES} from '../src/admin/metrics.ts'

const folder = join(import.meta.dirname, '..', 'examples', 'monitoring')

type Rules = {groups: {rules: {alert: string; expr: string; annotations: {summary: string}}[]}[]}
type Dashboard = {panels: {title: string; targets?: {expr: string}[]}[]; templating: {list: {query: string}[]}}

const SUFFIXES: Readonly<Record<string, readonly string[]>> = {
  counter: [''],
  gauge: [''],
  histogram: ['_bucket', '_sum', '_count'],
  summary: ['_sum', '_count'],
}
const names = new Set(
  Object.values(FAMILIES).flatMap(({name, type}) => (SUFFIXES[type] ?? []).map(suffix => name + suffix)),
)

test('every alert rule asks for metrics that there are, and says what is wrong', () => {
  const {groups} = parse(readFileSync(join(folder, 'prometheus', 'alerts.yml'), 'utf8')) as Rules
  const rules = groups.flatMap(group => group.rules)
  assert.is(new Set(rules.map(({alert}) => alert)).size, rules.length)
  for (const {alert, expr, annotations} of rules) {
    checkQuery(expr, alert)
    assert.ok(annotations.summary.length > 0, alert)
  }
})

test('every panel of the dashboard asks for metrics that there are', () => {
  const {panels, templating} = JSON.parse(readFileSync(join(folder, 'grafana', 'routesd.json'), 'utf8')) as Dashboard
  const queries = panels.flatMap(({title, targets = []}) => targets.map(({expr}) => ({title, expr})))
  assert.ok(queries.length > 15)
  for (const {title, expr} of queries) checkQuery(expr, title)
  for (const {query} of templating.list) if (query.startsWith('label_values')) checkQuery(query, query)
})

test('every metric is on the dashboard, in a rule, or about the log', () => {
  const text = ['prometheus/alerts.yml', 'grafana/routesd.json']
    .map(file => readFileSync(join(folder, file), 'utf8'))
    .join()
  const unused = Object.values(FAMILIES).filter(({name}) => !text.includes(name))
  assert.equal(unused.map(({name}) => name).sort(), [
    'process_start_time_seconds',
    'routesd_access_log_lines_total',
    'routesd_condition',
    'routesd_connections_accepted_total',
    'routesd_tunnel_bytes_total',
    'routesd_upstream_requests_total',
    'routesd_upstream_state',
    'routesd_worker_heap_used_bytes',
    'routesd_worker_up',
  ])
})

test.run()

// ---

function checkQuery(expr: string, where: string): void {
  const asked = expr.match(/\b(routesd|process)_[a-z0-9_]+/g) ?? []
  assert.ok(asked.length > 0 || expr.startsWith('up{'), where)
  for (const name of asked) assert.ok(names.has(name), `${where}: there is no ${name}`)
  for (const [open, close] of ['()', '{}', '[]'].map(pair => pair.split('')))
    assert.is(expr.split(open ?? '').length, expr.split(close ?? '').length, `${where}: ${expr}`)
}
