// Prometheus' text format, version 0.0.4: families with their HELP and TYPE, then one line per sample.
// https://prometheus.io/docs/instrumenting/exposition_formats/

export type Family = {
  readonly name: string
  readonly type: 'counter' | 'gauge' | 'histogram' | 'summary'
  readonly help: string
}

export type Labels = Readonly<Record<string, string | number>>

/** Answered with these bytes' type. */
export const CONTENT_TYPE = 'text/plain; version=0.0.4; charset=utf-8'

/** The lines that introduce a family. */
export function renderFamily({name, type, help}: Family): string {
  return `# HELP ${name} ${help.replaceAll('\\', '\\\\').replaceAll('\n', '\\n')}\n# TYPE ${name} ${type}\n`
}

/** One line: the name with its labels, and the number. */
export function renderSample(name: string, labels: Labels, value: number): string {
  return `${name}${renderLabels(labels)} ${renderNumber(value)}\n`
}

/** The lines of one histogram: `buckets` count each by itself, the last one beyond all `bounds`. */
export function renderHistogram(
  name: string,
  labels: Labels,
  bounds: readonly number[],
  buckets: readonly number[],
  sum: number,
): string {
  let text = ''
  let count = 0
  for (const [index, bucket] of buckets.entries()) {
    count += bucket
    const le = renderNumber(bounds[index] ?? Number.POSITIVE_INFINITY)
    text += renderSample(`${name}_bucket`, {...labels, le}, count)
  }
  return text + renderSample(`${name}_sum`, labels, sum) + renderSample(`${name}_count`, labels, count)
}

// ---

function renderLabels(labels: Labels): string {
  const pairs = Object.entries(labels).map(([name, value]) => `${name}="${escapeValue(String(value))}"`)
  return pairs.length === 0 ? '' : `{${pairs.join(',')}}`
}

function escapeValue(value: string): string {
  return value.replaceAll('\\', '\\\\').replaceAll('"', '\\"').replaceAll('\n', '\\n')
}

function renderNumber(value: number): string {
  if (Number.isFinite(value)) return String(value)
  return Number.isNaN(value) ? 'NaN' : value > 0 ? '+Inf' : '-Inf'
}
