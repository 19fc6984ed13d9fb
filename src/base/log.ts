// One line per event to stderr: JSON for machines, logfmt for grep, pretty on a terminal. Field values are never trusted:
// control characters are escaped, and fields whose name says that they are secret are blanked.

export type Level = 'debug' | 'info' | 'warn' | 'error'
export type LogFormat = 'json' | 'logfmt' | 'pretty'
export type Fields = Readonly<Record<string, unknown>>

export type Log = {
  debug(message: string, fields?: Fields): void
  info(message: string, fields?: Fields): void
  warn(message: string, fields?: Fields): void
  error(message: string, fields?: Fields): void
}

const RANK: Readonly<Record<Level, number>> = {debug: 0, info: 1, warn: 2, error: 3}
const SECRET = /pass(word|phrase)?|secret|token|authorization|cookie|private|^key$/i

/** A log that writes lines of at least `level`; `write` gets each line with its newline. */
export function createLog(level: Level, format: LogFormat, write: (line: string) => void, now = Date.now): Log {
  const at =
    (rank: Level) =>
    (message: string, fields: Fields = {}) => {
      if (RANK[rank] < RANK[level]) return
      write(`${renderers[format](new Date(now()).toISOString(), rank, message, redact(fields))}\n`)
    }
  return {debug: at('debug'), info: at('info'), warn: at('warn'), error: at('error')}
}

/** A log whose level and format may become others. */
export type AdjustableLog = Log & {adjust(level: Level, format: LogFormat): void}

export function createAdjustableLog(level: Level, format: LogFormat, write: (line: string) => void): AdjustableLog {
  let log = createLog(level, format, write)
  return {
    debug: (message, fields) => log.debug(message, fields),
    info: (message, fields) => log.info(message, fields),
    warn: (message, fields) => log.warn(message, fields),
    error: (message, fields) => log.error(message, fields),
    adjust(nextLevel, nextFormat) {
      log = createLog(nextLevel, nextFormat, write)
    },
  }
}

/** A log that says nothing; for offline verbs and tests. */
export const silentLog: Log = {debug() {}, info() {}, warn() {}, error() {}}

// ---

const renderers: Readonly<Record<LogFormat, (at: string, level: Level, message: string, fields: Fields) => string>> = {
  json: (at, level, message, fields) => JSON.stringify({at, level, message, ...fields}),
  logfmt: (at, level, message, fields) =>
    [`at=${at}`, `level=${level}`, `message=${quote(message)}`, ...pairs(fields)].join(' '),
  pretty: (at, level, message, fields) =>
    [at.slice(11, 19), level.padEnd(5), escapeControls(message), ...pairs(fields)].join(' '),
}

function redact(fields: Fields): Fields {
  const clean: Record<string, unknown> = {}
  for (const [name, value] of Object.entries(fields)) {
    if (value === undefined || value === null) continue
    clean[name] = SECRET.test(name) ? '***' : value instanceof Error ? value.message : value
  }
  return clean
}

function pairs(fields: Fields): string[] {
  return Object.entries(fields).map(
    ([name, value]) => `${name}=${quote(typeof value === 'string' ? value : JSON.stringify(value))}`,
  )
}

function quote(text: string): string {
  return /^[\w./:@+-]+$/.test(text) ? text : JSON.stringify(text)
}

function escapeControls(text: string): string {
  return text.replace(/[\x00-\x1f\x7f]/g, character => `\\x${character.charCodeAt(0).toString(16).padStart(2, '0')}`)
}
