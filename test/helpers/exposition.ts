// A strict reader of Prometheus' text format 0.0.4: whatever the format's description does not allow is thrown, and so is
// what promtool would complain about (samples without a family, histograms that do not add up, labels given twice).
// https://prometheus.io/docs/instrumenting/exposition_formats/

export type Sample = {readonly name: string; readonly labels: Readonly<Record<string, string>>; readonly value: number}
export type ReadFamily = {
  readonly name: string
  readonly type: string
  readonly help: string
  readonly samples: Sample[]
}

export type Exposition = {
  readonly families: ReadonlyMap<string, ReadFamily>
  /** The one sample with these labels, among others; throws when there is none or more. */
  value(name: string, labels?: Readonly<Record<string, string>>): number
  samples(name: string): readonly Sample[]
}

export function readExposition(text: string): Exposition {
  if (!text.endsWith('\n')) throw new Error('the last line has no end')
  const families = new Map<string, ReadFamily>()
  const seen = new Set<string>()
  let current: ReadFamily | null = null
  let help: {name: string; text: string} | null = null
  for (const line of text.slice(0, -1).split('\n')) {
    const [, kind, name = '', rest = ''] = /^# (HELP|TYPE) ([a-zA-Z_:][a-zA-Z0-9_:]*) (.*)$/.exec(line) ?? []
    if (kind === 'HELP') {
      if (!/^([^\\]|\\[\\n])*$/.test(rest)) throw new Error(`a bad escape in ${line}`)
      help = {name, text: rest}
      continue
    }
    if (kind === 'TYPE') {
      if (!/^(counter|gauge|histogram|summary|untyped)$/.test(rest)) throw new Error(`no such type: ${line}`)
      if (families.has(name)) throw new Error(`${name} comes twice`)
      if (help?.name !== name) throw new Error(`${name} has no help`)
      current = {name, type: rest, help: help.text, samples: []}
      families.set(name, current)
      continue
    }
    const sample = readSample(line)
    if (current === null || !belongs(sample.name, current)) throw new Error(`${line} belongs to no family before it`)
    const key = JSON.stringify([sample.name, Object.entries(sample.labels).sort()])
    if (seen.has(key)) throw new Error(`${line} comes twice`)
    seen.add(key)
    if (current.type !== 'gauge' && sample.value < 0) throw new Error(`${line} is below zero`)
    current.samples.push(sample)
  }
  for (const family of families.values()) if (family.type === 'histogram') checkHistogram(family)
  const samples = (name: string) =>
    [...families.values()].flatMap(family => family.samples.filter(s => s.name === name))
  return {
    families,
    samples,
    value(name, labels = {}) {
      const found = samples(name).filter(s => Object.entries(labels).every(([key, value]) => s.labels[key] === value))
      if (found.length !== 1 || !found[0])
        throw new Error(`${found.length} samples of ${name} ${JSON.stringify(labels)}`)
      return found[0].value
    },
  }
}

// ---

const ESCAPES: Readonly<Record<string, string>> = {'\\\\': '\\', '\\"': '"', '\\n': '\n'}

function readSample(line: string): Sample {
  const match = /^([a-zA-Z_:][a-zA-Z0-9_:]*)(?:\{((?:[^"}]|"(?:[^"\\]|\\.)*")*)\})? (\S+)$/.exec(line)
  if (!match) throw new Error(`not a sample: ${line}`)
  const [, name = '', inside = '', number = ''] = match
  const labels: Record<string, string> = {}
  let left = inside
  while (left !== '') {
    const pair = /^([a-zA-Z_][a-zA-Z0-9_]*)="((?:[^"\\\n]|\\[\\"n])*)"(,|$)/.exec(left)
    if (!pair) throw new Error(`bad labels: ${line}`)
    const [whole, label = '', value = ''] = pair
    if (Object.hasOwn(labels, label)) throw new Error(`label ${label} twice: ${line}`)
    labels[label] = value.replace(/\\[\\"n]/g, sequence => ESCAPES[sequence] ?? '')
    left = left.slice(whole.length)
  }
  if (!/^([+-]Inf|NaN|[+-]?(\d+(\.\d*)?|\.\d+)(e[+-]?\d+)?)$/i.test(number)) throw new Error(`bad number: ${line}`)
  return {name, labels, value: number === '+Inf' ? Number.POSITIVE_INFINITY : Number(number)}
}

function belongs(name: string, {name: family, type}: ReadFamily): boolean {
  const endings =
    type === 'histogram' ? ['_bucket', '_sum', '_count'] : type === 'summary' ? ['', '_sum', '_count'] : ['']
  return endings.some(ending => name === family + ending)
}

function checkHistogram({name, samples}: ReadFamily): void {
  const series = Map.groupBy(samples, ({labels: {le: _, ...others}}) => JSON.stringify(Object.entries(others).sort()))
  for (const [key, list] of series) {
    const buckets = list.filter(sample => sample.name === `${name}_bucket`)
    const bounds = buckets.map(({labels}) =>
      labels['le'] === '+Inf' ? Number.POSITIVE_INFINITY : Number(labels['le']),
    )
    if (bounds.at(-1) !== Number.POSITIVE_INFINITY) throw new Error(`${name} ${key} has no bucket +Inf`)
    for (const [index, {value}] of buckets.entries()) {
      if (index > 0 && !((bounds[index] ?? 0) > (bounds[index - 1] ?? 0))) throw new Error(`${name}: bounds fall`)
      if (index > 0 && value < (buckets[index - 1]?.value ?? 0)) throw new Error(`${name}: buckets do not accumulate`)
    }
    const count = list.find(sample => sample.name === `${name}_count`)?.value
    if (count !== buckets.at(-1)?.value) throw new Error(`${name} ${key}: the count is not that of the last bucket`)
    if (!list.some(sample => sample.name === `${name}_sum`)) throw new Error(`${name} ${key} has no sum`)
  }
}
