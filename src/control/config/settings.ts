// routesd.yaml → Settings: every default filled in, every path absolute, every unit a number. How the process runs; what it
// serves is in routes.d.

import {readFile} from 'node:fs/promises'
import {availableParallelism} from 'node:os'
import {basename, dirname, isAbsolute, join, relative, resolve} from 'node:path'
import {type Address, formatAddress, parseAddress} from '../../base/address.ts'
import {parseCidr} from '../../base/cidr.ts'
import {codeOf, messageOf} from '../../base/errors.ts'
import type {Level, LogFormat} from '../../base/log.ts'
import {normalizeId, wordRefusal} from '../../base/route-id.ts'
import {parseDuration, parseSize} from '../../base/units.ts'
import type {ForwardHeaders} from '../../snapshot/snapshot.ts'
import {checkAcmeWords} from './acme-settings.ts'
import {fillDefaults} from './defaults.ts'
import type {Diagnostic} from './diagnostic.ts'
import {parseText} from './documents.ts'
import {decodeSource} from './files.ts'
import {checkGitWords, type GitSettings, gitSettingsOf} from './git-settings.ts'
import {locateProblems, wholeFile} from './locate.ts'
import {type Problem, step} from './problem.ts'
import {checkSchema} from './schema.ts'
import {checkSupported} from './supported.ts'
import {type TracingSettings, tracingSettingsOf} from './tracing-settings.ts'
import type {
  SettingsCertificate,
  SettingsDocument,
  SettingsOwner,
  SettingsRegistryToken,
  SettingsRouteDefaults,
} from './types.ts'

export const SETTINGS_FILE = 'routesd.yaml'

export type Settings = {
  /** The file that was read, absolute; null when there is none. */
  readonly file: string | null
  /** Absolute. */
  readonly routes: string
  /** The folder of the routes as a person would name it. */
  readonly routesLabel: string
  /** Absolute. */
  readonly state: string
  readonly workers: number
  readonly listen: {readonly http: Address | null; readonly https: Address | null; readonly service: Address | null}
  readonly admin: {
    readonly socket: string
    /** Where metrics are served. */
    readonly http: Address | null
    /** Somebody wrote `http`: a port that is taken is an error then. */
    readonly isHttpWritten: boolean
  }
  readonly git: GitSettings
  readonly forward: ForwardHeaders
  readonly permit: {
    readonly files: readonly string[]
    readonly env: readonly string[]
    readonly denyTargets: readonly string[]
  }
  readonly owners: readonly SettingsOwner[]
  readonly edge: EdgeBounds
  /** Who may register instances, and for how long; files are relative to `folder`. */
  readonly registry: {
    readonly tokens: readonly SettingsRegistryToken[]
    readonly ttlMs: number
    readonly folder: string
  }
  readonly tls: {readonly minVersion: 'TLSv1.2' | 'TLSv1.3'; readonly certificates: readonly SettingsCertificate[]}
  readonly trustedProxies: readonly string[]
  readonly proxyProtocol: boolean
  readonly defaults: SettingsRouteDefaults
  readonly log: {
    readonly level: Level
    readonly format: LogFormat
    readonly isFormatWritten: boolean
    /** `path` is absolute; null: stdout. */
    readonly access: {readonly path: string | null; readonly format: 'json' | 'logfmt' | 'combined'} | null
  }
  /** null: requests have no spans. */
  readonly tracing: TracingSettings | null
  /** The settings in the user's words, with every default filled in. */
  readonly document: SettingsDocument
}

export type EdgeBounds = {
  readonly maxConnections: number
  /** null: as many as all together. */
  readonly perClient: number | null
  readonly requestsPerConnection: number
  readonly headerTimeoutMs: number
  readonly idleTimeoutMs: number
  readonly headBytes: number
  readonly headers: number
  readonly bodyRateBytesPerS: number
  readonly drainMs: number
}

/** Reads the settings. Without a file: routesd.yaml in `cwd` if there is one, else the defaults. */
export async function loadSettings(options: {
  file: string | null
  cwd: string
}): Promise<{settings: Settings | null; diagnostics: Diagnostic[]}> {
  const path = resolve(options.cwd, options.file ?? SETTINGS_FILE)
  const label = labelOf(path, options.cwd)
  const bytes = await readFile(path).catch((error: unknown) => error)
  if (!(bytes instanceof Uint8Array)) {
    if (options.file === null && codeOf(bytes) === 'ENOENT')
      return {settings: settingsOf({}, null, options.cwd), diagnostics: []}
    const hint = codeOf(bytes) === 'ENOENT' ? 'Name the file with --config.' : null
    return {settings: null, diagnostics: [wholeFile('unreadable', label, `cannot be read: ${messageOf(bytes)}`, hint)]}
  }
  const source = decodeSource(path, bytes, label)
  if (!('sha256' in source)) return {settings: null, diagnostics: [source]}
  const {document, diagnostics} = readDocument(source.text, label)
  return {settings: document && settingsOf(document, path, options.cwd), diagnostics}
}

// ---

function readDocument(text: string, label: string): {document: SettingsDocument | null; diagnostics: Diagnostic[]} {
  const parsed = parseText(text)
  const problems: Problem[] = [...parsed.problems]
  const value = parsed.values[0] ?? {}
  if (parsed.values.length > 1) {
    const place = {document: 1, pointer: '', at: 'value'} as const
    problems.push({
      rule: 'many-documents',
      severity: 'error',
      message: 'settings are one YAML document',
      hint: 'Remove the "---".',
      place,
    })
  }
  if (parsed.complete) problems.push(...checkSchema('settings', value, 0))
  if (problems.length === 0)
    problems.push(...checkWords(value as SettingsDocument), ...checkSupported('settings', value, 0, ''))
  const document = problems.length === 0 ? (value as SettingsDocument) : null
  return {document, diagnostics: locateProblems(problems, label, text, parsed).sort((a, b) => a.line - b.line)}
}

/** What a pattern cannot say. */
function checkWords(document: SettingsDocument): Problem[] {
  const problems: Problem[] = []
  const add = (pointer: string, message: string) =>
    problems.push({
      rule: 'bad-value',
      severity: 'error',
      message,
      hint: null,
      place: {document: 0, pointer, at: 'value'},
    })
  const addresses = {
    '/listen/http': document.listen?.http,
    '/listen/https': document.listen?.https,
    '/listen/service': document.listen?.service,
    '/admin/http': document.admin?.http,
  }
  for (const [pointer, value] of Object.entries(addresses)) {
    if (value === undefined || value === 'off' || value === false || parseAddress(value)) continue
    add(pointer, `${JSON.stringify(value)} is not a listen address: a port is a number from 0 to 65535`)
  }
  const {tracing = 'off'} = document
  const collector = tracing === 'off' || tracing === false ? undefined : tracing.otlp?.url
  if (collector !== undefined && !URL.canParse(collector))
    add('/tracing/otlp/url', `${JSON.stringify(collector)} is not a URL`)
  const shared = sharedPort(document)
  if (shared !== null) add(shared.pointer, `${shared.where} is the address of listen.http and of listen.service`)
  const ranges = {'/trustedProxies': document.trustedProxies, '/permit/denyTargets': document.permit?.denyTargets}
  for (const [pointer, list] of Object.entries(ranges)) {
    for (const [index, range] of (list ?? []).entries()) {
      if (!parseCidr(range)) add(step(pointer, index), `${JSON.stringify(range)} is not an address range`)
    }
  }
  for (const [pointer, message] of checkGitWords(document.git ?? {})) add(`/git${pointer}`, message)
  for (const [pointer, message] of checkAcmeWords(document.acme)) add(`/acme${pointer}`, message)
  for (const [index, {routes = []}] of (document.owners ?? []).entries()) {
    for (const [at, id] of routes.entries()) {
      const refusal = normalizeId(id)
      if ('problem' in refusal) add(step(`${step('/owners', index)}/routes`, at), wordRefusal(refusal, id))
    }
  }
  return problems
}

// With SO_REUSEPORT both would be let in, and each would get a part of the connections of the other.
function sharedPort(document: SettingsDocument): {pointer: string; where: string} | null {
  const {listen} = fillDefaults('settings', document) as Filled
  const [http, service] = [listen.http, listen.service].map(value => (value ? parseAddress(value) : null))
  if (!http || !service || http.port === 0 || http.port !== service.port) return null
  const everywhere = ['::', '0.0.0.0']
  if (http.host !== service.host && ![http.host, service.host].some(host => everywhere.includes(host))) return null
  const pointer = document.listen?.service === undefined ? '/listen/http' : '/listen/service'
  return {pointer, where: formatAddress(service)}
}

function settingsOf(given: SettingsDocument, file: string | null, cwd: string): Settings {
  const base = file === null ? cwd : dirname(file)
  // The socket lies in the state folder, wherever that is.
  const socket = given.admin?.socket ?? join(given.state ?? './.routesd', 'admin.sock')
  const words = {...given, admin: {...given.admin, socket}}
  // fillDefaults leaves nothing of the settings optional but what has no default.
  const document = fillDefaults('settings', words) as Filled
  const {listen, admin, git, edge, log, permit, forward, registry} = document
  const routes = resolve(base, document.routes)
  const tracing = tracingSettingsOf(document, base)
  return {
    file,
    routes,
    routesLabel: labelOf(routes, cwd),
    state: resolve(base, document.state),
    workers: document.workers === 'auto' ? availableParallelism() : document.workers,
    listen: {http: addressOf(listen.http), https: addressOf(listen.https), service: addressOf(listen.service)},
    admin: {
      socket: resolve(base, admin.socket),
      http: addressOf(admin.http),
      isHttpWritten: given.admin?.http !== undefined,
    },
    git: gitSettingsOf(git, base),
    // A span that no instance hears of ends the trace.
    forward: tracing === null ? forward : {...forward, traceparent: true},
    permit,
    owners: document.owners,
    edge: {
      maxConnections: edge.maxConnections,
      perClient: edge.perClient === 'off' || edge.perClient === false ? null : edge.perClient,
      requestsPerConnection: edge.requestsPerConnection,
      headerTimeoutMs: must(parseDuration(edge.headerTimeout)),
      idleTimeoutMs: must(parseDuration(edge.idleTimeout)),
      headBytes: must(parseSize(edge.headBytes)),
      headers: edge.headers,
      bodyRateBytesPerS: must(parseSize(edge.bodyRate.replace(/\/s$/, ''))),
      drainMs: must(parseDuration(edge.drain)),
    },
    registry: {tokens: registry.tokens, ttlMs: must(parseDuration(registry.ttl)), folder: base},
    tls: document.tls,
    trustedProxies: document.trustedProxies,
    proxyProtocol: document.proxyProtocol === 'on' || document.proxyProtocol === true,
    defaults: document.defaults,
    log: {
      level: log.level,
      format: log.format === 'combined' ? 'json' : log.format,
      isFormatWritten: given.log?.format !== undefined,
      access: accessOf(log, base),
    },
    tracing,
    document,
  }
}

type Whole<T> = {[K in keyof T]-?: NonNullable<T[K]>}
type Filled = SettingsDocument & {
  [K in 'routes' | 'state' | 'workers' | 'trustedProxies' | 'proxyProtocol' | 'owners' | 'defaults']-?: NonNullable<
    SettingsDocument[K]
  >
} & {
  [K in 'listen' | 'admin' | 'git' | 'edge' | 'log' | 'permit' | 'forward' | 'registry' | 'tls']-?: Whole<
    NonNullable<SettingsDocument[K]>
  >
}

function addressOf(value: 'off' | false | number | string): Address | null {
  return value === 'off' || value === false ? null : must(parseAddress(value))
}

// What is pretty for a person has fields like any other line.
function accessOf({access, format}: Filled['log'], base: string): Settings['log']['access'] {
  if (access === 'off' || access === false) return null
  const path = access === 'stdout' ? null : resolve(base, access)
  return {path, format: format === 'pretty' ? 'logfmt' : format}
}

/** The schema has let the text pass; null would be a bug in it. */
function must<T>(value: T | null): T {
  if (value === null) throw new Error('the settings schema let a bad value pass')
  return value
}

/** A path as a person would name it: relative where it lies below the working folder. */
function labelOf(path: string, cwd: string): string {
  const short = relative(cwd, path)
  if (short === '') return basename(path)
  return short.startsWith('..') || isAbsolute(short) ? path : short
}
