// One line of the access log in each of its formats. Whatever a client may have written is escaped: a line is one line, and
// no terminal that shows it is moved. Values of query parameters that are named like secrets are blanked.

/** 'combined' is that of Apache and nginx, which tools know; it has no room for what only we know. */
export type AccessFormat = 'json' | 'logfmt' | 'combined'

/** Texts of a head have one character for each byte. -1 or '' stand for what there is not. */
export type Line = {
  /** When it ended, milliseconds since 1970. */
  at: number
  revision: string
  /** The route, and a cache for what is written of it. */
  place: {readonly id: string; readonly variant: string; logged: string} | null
  instance: string
  client: string
  method: string
  host: string
  target: string
  scheme: 'http' | 'https'
  /** As an exchange has it: 2 for HTTP/2. */
  minor: number
  status: number
  error: string
  attempts: number
  durationMs: number
  firstByteMs: number
  bytesIn: number
  bytesOut: number
  requestId: string
  traceId: string
  userAgent: string
  referer: string
}

/** The line with its newline. A worker writes one format only. */
export function formatLine(format: AccessFormat, line: Line): string {
  switch (format) {
    case 'json':
      return json(line)
    case 'logfmt':
      return logfmt(line)
    case 'combined':
      return combined(line)
  }
}

// ---

function json(line: Line): string {
  const {place} = line
  if (place !== null && place.logged === '')
    place.logged = `,"route":"${escapeText(place.id)}"${place.variant === '' ? '' : `,"variant":"${escapeText(place.variant)}"`}`
  return (
    `{"at":"${isoTime(line.at)}","revision":"${line.revision}"${place === null ? '' : place.logged}` +
    textField('instance', line.instance) +
    `,"client":"${line.client}"` +
    textField('method', line.method) +
    textField('host', line.host) +
    (line.target === ''
      ? ''
      : `,"path":"${escapeText(withoutSecrets(line.target))}","scheme":"${line.scheme}","protocol":"${protocolOf(line)}"`) +
    `,"status":${line.status}` +
    textField('error', line.error) +
    `,"attempts":${line.attempts},"durationMs":${milliseconds(line.durationMs)}` +
    (line.firstByteMs < 0 ? '' : `,"firstByteMs":${milliseconds(line.firstByteMs)}`) +
    `,"bytesIn":${line.bytesIn},"bytesOut":${line.bytesOut}` +
    textField('requestId', line.requestId) +
    textField('traceId', line.traceId) +
    textField('userAgent', line.userAgent) +
    textField('referer', withoutSecrets(line.referer)) +
    '}\n'
  )
}

function protocolOf({minor}: Line): string {
  return minor === 2 ? 'HTTP/2.0' : `HTTP/1.${minor}`
}

function textField(name: string, value: string): string {
  return value === '' ? '' : `,"${name}":"${escapeText(value)}"`
}

function logfmt(line: Line): string {
  const {place} = line
  if (place !== null && place.logged === '') place.logged = pair('route', place.id) + pair('variant', place.variant)
  return (
    `at=${isoTime(line.at)}${pair('revision', line.revision)}${place === null ? '' : place.logged}` +
    pair('instance', line.instance) +
    pair('client', line.client) +
    pair('method', line.method) +
    pair('host', line.host) +
    pair('path', withoutSecrets(line.target)) +
    (line.target === '' ? '' : ` scheme=${line.scheme} protocol=${protocolOf(line)}`) +
    ` status=${line.status}` +
    pair('error', line.error) +
    ` attempts=${line.attempts} durationMs=${milliseconds(line.durationMs)}` +
    (line.firstByteMs < 0 ? '' : ` firstByteMs=${milliseconds(line.firstByteMs)}`) +
    ` bytesIn=${line.bytesIn} bytesOut=${line.bytesOut}` +
    pair('requestId', line.requestId) +
    pair('traceId', line.traceId) +
    pair('userAgent', line.userAgent) +
    pair('referer', withoutSecrets(line.referer)) +
    '\n'
  )
}

function pair(name: string, value: string): string {
  if (value === '') return ''
  return /^[\w./:@+*?&%~,;-]+$/.test(value) ? ` ${name}=${value}` : ` ${name}="${escapeText(value)}"`
}

// https://httpd.apache.org/docs/2.4/logs.html#combined
function combined(line: Line): string {
  const request = line.target === '' ? '-' : `${line.method} ${withoutSecrets(line.target)} ${protocolOf(line)}`
  return (
    `${line.client} - - [${apacheTime(line.at)}] "${escapeBytes(request)}" ${line.status} ${line.bytesOut || '-'} ` +
    `"${escapeBytes(withoutSecrets(line.referer)) || '-'}" "${escapeBytes(line.userAgent) || '-'}"\n`
  )
}

// Most texts need nothing. One that has bytes beyond ASCII is read as UTF-8 when it is valid; what could move the cursor of
// a terminal or end a line is escaped as JSON does it, C1 controls and Unicode's own line ends too.
function escapeText(text: string): string {
  if (!UNSAFE.test(text)) return text
  const decoded = Buffer.from(text, 'latin1').toString('utf8')
  const told = decoded.includes('\ufffd') ? text : decoded
  return JSON.stringify(told)
    .slice(1, -1)
    .replace(
      /[\x7f-\x9f\u061c\u200b-\u200f\u2028-\u202e\u2060-\u2069\ufeff]/g,
      character => `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`,
    )
}

// As nginx and Apache do it: a byte that is none of printable ASCII as \xXX.
function escapeBytes(text: string): string {
  if (!UNSAFE.test(text)) return text
  return text.replace(
    /[^\x20-\x7e]|["\\]/g,
    character => `\\x${character.charCodeAt(0).toString(16).toUpperCase().padStart(2, '0')}`,
  )
}

const UNSAFE = /[^\x20-\x7e]|["\\]/

// '/reset?token=abc&x=1' → '/reset?token=***&x=1'
function withoutSecrets(target: string): string {
  const query = target.indexOf('?')
  if (query < 0) return target
  return target.slice(0, query) + target.slice(query).replace(SECRET_VALUES, '$1***')
}

const SECRET_VALUES =
  /([?&;](?:[^=&;]*(?:passw|secret|token|credential|signature)[^=&;]*|pwd|sig|code|key|api_?key|jwt)=)[^&;#]*/gi

// Numbers with three decimals: whole ones are far cheaper to write than fractions.
function milliseconds(ms: number): string {
  const us = Math.max(0, Math.round(ms * 1000))
  const rest = us % 1000
  return `${(us - rest) / 1000}.${rest < 10 ? '00' : rest < 100 ? '0' : ''}${rest}`
}

// A second is written once for all the lines in it.
let isoSecond = Number.NaN
let isoText = ''
let apacheSecond = Number.NaN
let apacheText = ''

function isoTime(at: number): string {
  const second = Math.floor(at / 1000)
  if (second !== isoSecond) {
    isoSecond = second
    isoText = new Date(second * 1000).toISOString().slice(0, 20)
  }
  const ms = Math.floor(at - second * 1000)
  return `${isoText}${ms < 10 ? '00' : ms < 100 ? '0' : ''}${ms}Z`
}

// '21/Nov/2026:14:05:00 +0000'
function apacheTime(at: number): string {
  const second = Math.floor(at / 1000)
  if (second !== apacheSecond) {
    apacheSecond = second
    const [, day = '', month = '', year = '', time = ''] = new Date(second * 1000).toUTCString().split(' ')
    apacheText = `${day}/${month}/${year}:${time} +0000`
  }
  return apacheText
}
