// greenlock as we can use it. Its packages call their own functions through what they export, so each can be replaced in this
// process: REPLACED says which, and why. That was written for exactly these versions, and others are refused.

import {createRequire} from 'node:module'
import {answerChallenge, finalizeOrder, signedRequest} from './exchange.ts'
import {currentOrder} from './order.ts'
import type {ChallengeModule} from './prover.ts'

export const VERSIONS: Readonly<Record<Package, string>> = {
  greenlock: '4.0.4',
  '@root/greenlock': '4.0.5',
  '@root/acme': '3.1.0',
}

type Package = 'greenlock' | '@root/greenlock' | '@root/acme'
/** A function of any parameters. */
type Loose = (...args: never[]) => unknown

export type Replacement = {
  readonly of: Package
  /** The file of the package; '.' for its main one. */
  readonly file: string
  readonly name: string
  readonly why: string
  readonly by: (original: Loose) => Loose
}

export const REPLACED: readonly Replacement[] = [
  {
    of: '@root/acme',
    file: './maintainers.js',
    name: 'init',
    why: 'tells its authors who uses it where, and computes a puzzle of their server that need not end',
    by: () => () => {},
  },
  {
    of: '@root/greenlock',
    file: './utils.js',
    name: '_validMx',
    why: 'looks up mail servers for each order, refuses the order when there are none, and at the start ends the process',
    by: () => async () => [],
  },
  {
    of: '@root/greenlock',
    file: './lib/directory-url.js',
    name: '_getDefaultDirectoryUrl',
    why: 'takes the directory from ENV and --staging',
    by: () => (url: string) => url,
  },
  {
    of: '@root/greenlock',
    file: './lib/directory-url.js',
    name: '_getDirectoryUrl',
    why: 'takes Let’s Encrypt where none is given, and prints warnings for what looks like a test',
    by: () => requiredUrl,
  },
  {
    of: '@root/acme',
    file: '.',
    name: 'create',
    why: 'tries each challenge from here, over port 80 and local name servers; requests have no deadline, no size and no CA',
    by: create => (given: object) => withoutRequests((create as (given: object) => object)(given)),
  },
  {
    of: '@root/acme',
    file: '.',
    name: '_wait',
    why: 'waits 5 s before each order, whether there are records to be seen or not',
    by: () => waitForRecords,
  },
  {
    of: '@root/acme',
    file: '.',
    name: '_prepRequest',
    why: 'reads its own CSR back and fails with one of 256 keys; gives DNS plugins its own way of sending requests',
    by: () => prepareModules,
  },
  {
    of: '@root/acme',
    file: './utils.js',
    name: '_jwsRequest',
    why: 'takes an error of 401 and above for an answer; two tries for a nonce; no EAB, profile or replaces',
    by: () => signedRequest,
  },
  {
    of: '@root/acme',
    file: '.',
    name: '_postChallenge',
    why: 'answers a challenge again each second, which authorities refuse (409), and loses what they have seen',
    by: () => answerChallenge,
  },
  {
    of: '@root/acme',
    file: '.',
    name: '_pollOrderStatus',
    why: 'finalizes an order again instead of looking at it, which fails where that takes a moment (orderNotReady)',
    by: () => finalizeOrder,
  },
]

export type Greenlock = {
  order(site: Readonly<Record<string, unknown>>): Promise<unknown>
}

/** The hardened greenlock; `create` as it has it. Throws an Error when it is another version, or was built another way. */
export function loadGreenlock(): {create(options: Readonly<Record<string, unknown>>): Greenlock} {
  const packages = resolvePackages()
  const found = Object.entries(packages).map(([name, {version}]) => ({name: name as Package, version}))
  const other = found.find(({name, version}) => version !== VERSIONS[name])
  if (other !== undefined)
    throw new Error(`${other.name} is ${other.version}: what is replaced in it was written for ${VERSIONS[other.name]}`)
  for (const {of, file, name, by} of REPLACED) {
    const module = packages[of].require(file) as Record<string, unknown>
    const original = module[name]
    if (typeof original !== 'function') throw new Error(`${of} has no ${name} in ${file}`)
    if (!replaced.has(original)) {
      const replacement = by(original as Loose)
      replaced.add(replacement)
      module[name] = replacement
    }
  }
  return packages.greenlock.require('.') as ReturnType<typeof loadGreenlock>
}

// ---

type Installed = {readonly version: string; readonly require: (file: string) => unknown}

// The modules of a process are the same for all who load them, so what is replaced is replaced once.
const replaced = new WeakSet<object>()

// Each package from where the one before it finds it: npm may have installed it twice.
function resolvePackages(): Readonly<Record<Package, Installed>> {
  const own = createRequire(import.meta.url)
  const greenlock = createRequire(own.resolve('greenlock/package.json'))
  const inner = createRequire(greenlock.resolve('@root/greenlock/package.json'))
  const acme = createRequire(inner.resolve('@root/acme/package.json'))
  return {
    greenlock: installed(greenlock, own, 'greenlock'),
    '@root/greenlock': installed(inner, greenlock, '@root/greenlock'),
    '@root/acme': installed(acme, inner, '@root/acme'),
  }
}

function installed(inside: NodeJS.Require, outside: NodeJS.Require, name: Package): Installed {
  const {version} = inside('./package.json') as {version: string}
  return {version, require: file => (file === '.' ? outside(name) : inside(file))}
}

function requiredUrl(url: unknown): string {
  if (typeof url !== 'string' || url === '') throw new Error('greenlock was given no directory')
  return url
}

// What we do not send for it, it does not send.
function withoutRequests(acme: object): object {
  return Object.assign(acme, {
    skipDryRun: true,
    skipChallengeTest: true,
    async init() {
      const {newNonce, newAccount, newOrder} = currentOrder().directory
      Object.assign(acme, {_directoryUrls: {newNonce, newAccount, newOrder}, _tos: ''})
    },
    async __request({method, url}: {method?: string; url?: string}) {
      throw new Error(`greenlock wants to send ${method} ${url} on its own`)
    },
  })
}

function waitForRecords(): Promise<void> {
  const {prover} = currentOrder()
  const ms = prover.kind === 'dns-01' ? (prover.module.propagationDelay ?? 0) : 0
  return new Promise(resolve => setTimeout(resolve, ms))
}

// A plugin speaks to the name servers of its operator: with the library that it was written for, and not to the authority.
async function prepareModules(
  _acme: unknown,
  options: {
    readonly _presenterTypes: readonly string[]
    readonly challenges: Record<string, ChallengeModule | undefined>
  },
): Promise<void> {
  const request = resolvePackages()['@root/acme'].require('@root/request')
  for (const type of options._presenterTypes) await options.challenges[type]?.init?.({type: '*', request})
}
