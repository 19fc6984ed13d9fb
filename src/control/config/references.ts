// What routes.d refers to and does not contain: certificates and keys, in files, the environment or systemd credentials.
// A committer reaches only what `permit` in the settings allows. `check` does not come here: it needs no secrets.

import {X509Certificate} from 'node:crypto'
import {readFile, realpath, stat} from 'node:fs/promises'
import {dirname, isAbsolute, join, relative, resolve} from 'node:path'
import {createSecureContext} from 'node:tls'
import {messageOf} from '../../base/errors.ts'
import {credentialPath} from '../../base/secret.ts'
import type {Config, Placed} from './config.ts'
import type {Diagnostic} from './diagnostic.ts'
import type {Host, Route, Secret, Service, UpstreamTls} from './types.ts'

/** A path, or where else a value is read from. */
export type Reference = string | Secret

/** The texts that were read. */
export type References = {
  /** What a reference in `file` (as Diagnostic.file) stands for; '' for one that is absent. */
  textOf(reference: Reference | undefined, file: string): string
}

export type ReferenceOptions = {
  /** Absolute path of routes.d, and what Diagnostic.file calls it. */
  readonly root: string
  readonly label: string
  readonly permit: {readonly files: readonly string[]; readonly env: readonly string[]}
  /** Reads what lies in the repository, when a commit is served; null: everything is read from the disk. */
  readonly repository?: RepositoryFiles | null
}

/** The files of a commit, under the paths that they would have on the disk. */
export type RepositoryFiles = {
  holds(path: string): boolean
  /** The text of a file; throws an Error with the reason when there is none. */
  read(path: string): Promise<string>
}

/** PEM files have a few KiB; a bundle of all authorities has about 250. */
const BYTES_MAX = 1 << 20

/** For those who only decide and never connect: every reference is ''. */
export const NO_REFERENCES: References = {textOf: () => ''}

/** Reads everything that the configuration refers to; one diagnostic for each reference that cannot be read or used. */
export async function readReferences(
  config: Config,
  options: ReferenceOptions,
): Promise<{references: References; diagnostics: Diagnostic[]}> {
  const texts = new Map<string, string>()
  const diagnostics: Diagnostic[] = []
  for (const {reference, file, line, path} of referencesIn(config)) {
    const key = keyOf(reference, file)
    if (texts.has(key)) continue
    try {
      texts.set(key, await readReference(reference, file, options))
    } catch (error) {
      texts.set(key, '')
      diagnostics.push(unreadable(file, line, path, messageOf(error)))
    }
  }
  const references: References = {
    textOf: (reference, file) => (reference === undefined ? '' : (texts.get(keyOf(reference, file)) ?? '')),
  }
  if (diagnostics.length === 0) diagnostics.push(...unusable(config, references))
  return {references, diagnostics}
}

/** What a reference in `file` (as Diagnostic.file) stands for now; throws an Error in words. */
export async function readReference(reference: Reference, file: string, options: ReferenceOptions): Promise<string> {
  if (typeof reference === 'string') return readPermitted(reference, file, options)
  if (reference.file !== undefined) return readPermitted(reference.file, file, options)
  if (reference.env !== undefined) return readEnvironment(reference.env, options)
  return readFile(credentialPath(reference.credential ?? ''), 'utf8')
}

// ---

type Found = {readonly reference: Reference; readonly file: string; readonly line: number; readonly path: string}

// Few entries refer to anything, of however many there are.
function referring({routes, services}: Config): Placed<Route | Service>[] {
  return [routes, services].flatMap((list: readonly Placed<Route | Service>[]) =>
    list.filter(({value}) => value.upstreamTls !== undefined),
  )
}

function* referencesIn(config: Config): Generator<Found> {
  for (const {value, file, line} of referring(config)) {
    const tls: UpstreamTls = value.upstreamTls ?? {}
    for (const part of ['ca', 'cert', 'key'] as const) {
      const reference = tls[part]
      if (reference !== undefined) yield {reference, file, line, path: `/upstreamTls/${part}`}
    }
  }
  for (const {value, file, line} of config.hosts) {
    const ca = clientCaOf(value)
    if (ca !== undefined) yield {reference: ca, file, line, path: '/tls/clientAuth/ca'}
  }
}

// A worker that is handed a text that is no certificate finds out when it dials; nobody could tell it then.
function unusable(config: Config, references: References): Diagnostic[] {
  const problems = referring(config).flatMap(({value, file, line}) => {
    const {ca, cert, key} = value.upstreamTls ?? {}
    return [
      tried('/upstreamTls/ca', ca, () => new X509Certificate(references.textOf(ca, file))),
      tried('/upstreamTls/cert', cert ?? key, () =>
        createSecureContext({cert: references.textOf(cert, file), key: references.textOf(key, file)}),
      ),
    ].flatMap(problem => (problem === null ? [] : [unreadable(file, line, problem.path, problem.why)]))
  })
  return problems.concat(
    config.hosts.flatMap(({value, file, line}) => {
      const ca = clientCaOf(value)
      const problem = tried('/tls/clientAuth/ca', ca, () => new X509Certificate(references.textOf(ca, file)))
      return problem === null ? [] : [unreadable(file, line, problem.path, problem.why)]
    }),
  )
}

function clientCaOf({tls}: Host): Reference | undefined {
  const {clientAuth = 'off'} = tls ?? {}
  return clientAuth === 'off' || clientAuth === false ? undefined : clientAuth.ca
}

function tried(path: string, reference: Reference | undefined, use: () => unknown): {path: string; why: string} | null {
  if (reference === undefined) return null
  try {
    use()
    return null
  } catch (error) {
    return {path, why: `it is no PEM that can be used (${messageOf(error)})`}
  }
}

function keyOf(reference: Reference, file: string): string {
  return `${file}\n${JSON.stringify(reference)}`
}

// Judged by where the path really leads: a link must not lead out of what is permitted.
async function readPermitted(path: string, file: string, options: ReferenceOptions): Promise<string> {
  const {root, label, permit, repository} = options
  const meant = resolve(dirname(join(root, relative(label, file))), path)
  if (repository?.holds(meant)) {
    // No link is followed in a commit: the path is where it leads.
    if (!permit.files.some(entry => isInside(resolve(dirname(root), entry), meant)))
      throw new Error(`${path} is not in permit.files`)
    return repository.read(meant)
  }
  const real = await realpath(meant)
  const roots = await Promise.all(permit.files.map(entry => realpath(resolve(dirname(root), entry)).catch(() => null)))
  if (!roots.some(entry => entry !== null && isInside(entry, real))) throw new Error(`${path} is not in permit.files`)
  // A pipe would never end, a device might not.
  const found = await stat(real)
  if (!found.isFile()) throw new Error(`${path} is not a file`)
  if (found.size > BYTES_MAX) throw new Error(`${path} is larger than 1 MiB`)
  return readFile(real, 'utf8')
}

function isInside(folder: string, path: string): boolean {
  const below = relative(folder, path)
  return below === '' || (below !== '..' && !below.startsWith('../') && !isAbsolute(below))
}

function readEnvironment(name: string, {permit}: ReferenceOptions): string {
  if (!permit.env.includes(name)) throw new Error(`${name} is not in permit.env`)
  const value = process.env[name]
  if (value === undefined) throw new Error(`the environment has no ${name}`)
  return value
}

function unreadable(file: string, line: number, path: string, why: string): Diagnostic {
  return {
    rule: 'unreadable-reference',
    severity: 'error',
    file,
    line,
    column: 1,
    endLine: line,
    endColumn: 1,
    path,
    message: `${path.slice(1).replaceAll('/', '.')} cannot be read: ${why}`,
    hint: 'Paths are relative to the file that they stand in; permit in routesd.yaml says what may be read.',
    excerpt: null,
  }
}
