// The shape that most files have, and all large ones: a list of flat routes.
//
//   - id: x.localhost
//     target: "http://10.0.0.1:8080"
//
// Read line by line, at less than a tenth of the cost of the YAML parser, which 100,000 routes feel at every cold start.
// It reads nothing but what can mean one thing only; any other line, and it leaves the whole file to the parser. A test holds
// the two together: what is read here the parser reads alike.

export type SimpleRoute = {readonly value: Readonly<Record<string, string>>; readonly line: number}

/** The routes of a file of that shape with the line of each, or null when the file has anything else in it. */
export function readSimpleRoutes(text: string): SimpleRoute[] | null {
  const routes: SimpleRoute[] = []
  let current: Record<string, string> | null = null
  let line = 0
  for (let start = 0; start < text.length; line++) {
    const newline = text.indexOf('\n', start)
    const end = newline < 0 ? text.length : newline
    const content = text.slice(start, end)
    start = end + 1
    const match = PAIR.exec(content)
    if (!match) {
      if (IGNORED.test(content)) continue
      return null
    }
    const [, lead, key = '', double, single, plain = ''] = match
    if (lead === '- ') {
      current = {}
      routes.push({value: current, line: line + 1})
    }
    // A key before the first item, a key twice, a word that is no text.
    if (current === null || Object.hasOwn(current, key) || WORDS.has(plain) || plain.endsWith(':')) return null
    current[key] = double ?? single ?? plain
  }
  return routes.length === 0 ? null : routes
}

// ---

/** '- key: value' or '  key: value'; quoted texts of printable ASCII without escapes, plain ones that begin with a letter. */
const PAIR = /^(- | {2})([a-z][A-Za-z]*): +(?:"([ !#-[\]-~]*)"|'([ -&(-~]*)'|([A-Za-z][A-Za-z0-9._/:@%+~-]*)) *$/

/** Empty lines and comments. */
const IGNORED = /^ *(?:#[\t -~]*)?$/

/** Plain words that YAML's core schema reads as something else than text. */
const WORDS = new Set(['true', 'True', 'TRUE', 'false', 'False', 'FALSE', 'null', 'Null', 'NULL'])
