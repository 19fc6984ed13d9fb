// JUnit XML as the schema of the Ant task has it (github.com/windyroad/JUnit-Schema), which Jenkins, GitLab and GitHub
// actions read: its required attributes and elements are all here, and no attribute that it does not know.

export type JunitCase = {
  readonly name: string
  /** The file that the case is about. */
  readonly classname: string
  /** null: passed. */
  readonly failure: {readonly type: string; readonly message: string; readonly text: string} | null
}

/** One suite. Times are 0: nothing here waits for anything. */
export function renderJunit(suite: string, cases: readonly JunitCase[], output = '', now = new Date()): string {
  const failures = cases.filter(({failure}) => failure !== null).length
  const attributes = {
    id: '0',
    package: 'routesd',
    name: suite,
    timestamp: now.toISOString().slice(0, 19),
    hostname: 'localhost',
    tests: String(cases.length),
    failures: String(failures),
    errors: '0',
    time: '0',
  }
  return [
    '<?xml version="1.0" encoding="UTF-8"?>',
    '<testsuites>',
    `  <testsuite${attributesOf(attributes)}>`,
    '    <properties/>',
    ...cases.flatMap(caseLines),
    `    <system-out>${xml(output)}</system-out>`,
    '    <system-err></system-err>',
    '  </testsuite>',
    '</testsuites>',
  ].join('\n')
}

// ---

function caseLines({name, classname, failure}: JunitCase): string[] {
  const start = `    <testcase${attributesOf({name, classname, time: '0'})}`
  if (failure === null) return [`${start}/>`]
  const {type, message, text} = failure
  return [`${start}>`, `      <failure${attributesOf({type, message})}>${xml(text)}</failure>`, '    </testcase>']
}

function attributesOf(attributes: Readonly<Record<string, string>>): string {
  return Object.entries(attributes)
    .map(([name, value]) => ` ${name}="${xml(value).replaceAll('"', '&quot;').replaceAll('\n', '&#10;')}"`)
    .join('')
}

/** XML 1.0 §2.2: most control characters, and lone surrogates, cannot stand in a document, not even escaped. */
function xml(text: string): string {
  return text
    .toWellFormed()
    .replace(/[\x00-\x08\x0b\x0c\x0e-\x1f\ufffe\uffff]/g, '\ufffd')
    .replaceAll('&', '&amp;')
    .replaceAll('<', '&lt;')
    .replaceAll('>', '&gt;')
}
