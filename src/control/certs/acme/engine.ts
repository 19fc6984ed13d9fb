// greenlock at work: it asks for the account, the order and its authorizations, computes what proves control, makes the
// request for the certificate and takes its chain apart. It stores nothing, schedules nothing and serves nothing.

import {mkdtempSync, rmSync, writeFileSync} from 'node:fs'
import {tmpdir} from 'node:os'
import {join} from 'node:path'
import {fileURLToPath} from 'node:url'
import {withdraw} from './exchange.ts'
import {type Greenlock, loadGreenlock} from './hardening.ts'
import {currentOrder, type Order, type Pems, withOrder} from './order.ts'
import type {ChallengeModule} from './prover.ts'

/** Carries out an order for `names`; throws what went wrong, mostly an AcmeError. */
export async function carryOut(order: Order, directoryUrl: string, names: readonly string[]): Promise<Pems> {
  greenlock ??= createGreenlock()
  const engine = greenlock
  // greenlock knows accounts by their address, those of all authorities together: ours never leaves this process.
  const subscriberEmail = `${encodeURIComponent(directoryUrl)}@routesd.invalid`
  const challenges = {[order.prover.kind]: part('challenge')}
  const site = {subject: names[0], altnames: [...names], directoryUrl, subscriberEmail, challenges}
  await withOrder(order, async () => {
    try {
      await engine.order({...site, renewAt: 1, waitForRenewal: true})
    } finally {
      for (const challenge of order.presented) await withdraw(challenge)
    }
  })
  if (order.pems === null) throw new Error('greenlock has left no certificate')
  return order.pems
}

// ---

const USER = 'routesd@routesd.invalid'
// From src it is a .cts file, whose types Node strips; the build makes it a .cjs file.
const BRIDGE = fileURLToPath(
  new URL(import.meta.url.endsWith('.ts') ? './bridge.cts' : './bridge.cjs', import.meta.url),
)

// One for the process: its state is the process's anyway.
let greenlock: Greenlock | null = null

function createGreenlock(): Greenlock {
  Reflect.set(globalThis, Symbol.for('routesd.greenlock'), PARTS)
  const {create} = loadGreenlock()
  // It insists on a folder of a package, and on writing there while it is being created.
  const packageRoot = mkdtempSync(join(tmpdir(), 'routesd-greenlock-'))
  try {
    writeFileSync(join(packageRoot, 'package.json'), '{"name": "routesd", "version": "0.0.0"}')
    return create({
      packageRoot,
      packageAgent: 'routesd/1',
      maintainerEmail: USER,
      configDir: './unused',
      renew: false,
      manager: part('manager'),
      // What it tells has keys in it.
      notify: () => {},
    })
  } finally {
    rmSync(packageRoot, {recursive: true, force: true})
  }
}

function part(id: string): {module: string; id: string} {
  return {module: BRIDGE, id}
}

// Functions of one parameter at the most, or greenlock takes it for a callback.
const PARTS: ReadonlyMap<string, () => unknown> = new Map<string, () => unknown>([
  ['manager', createManager],
  ['store', createOrderStore],
  ['challenge', createChallengeModule],
])

// After each order it renews whatever the manager finds: nothing.
function createManager(): unknown {
  const defaults = {
    directoryUrl: 'https://routesd.invalid/',
    subscriberEmail: USER,
    agreeToTerms: true,
    store: part('store'),
    challenges: {'http-01': part('challenge')},
    renewOffset: '-30d',
    renewStagger: '1d',
    accountKeyType: 'EC-P256',
    serverKeyType: 'EC-P256',
  }
  return {
    init: async () => null,
    defaults: async () => ({...defaults}),
    find: async () => [],
    get: async () => null,
    set: async (site: unknown) => site,
    remove: async () => null,
  }
}

// What it sets, we remove: it would not wait for that, and would forget names that it had not come to.
function createChallengeModule(): ChallengeModule {
  const {prover, presented} = currentOrder()
  const {module} = prover
  return {
    propagationDelay: module.propagationDelay ?? 0,
    init: async options => module.init?.(options) ?? null,
    zones: async query => module.zones?.(query) ?? [],
    async set({challenge}) {
      presented.add(challenge)
      return module.set({challenge})
    },
    get: async query => module.get?.(query) ?? null,
    remove: async () => null,
  }
}

// Made for each order. Of accounts it has ours; of certificates none before this order, and its key already.
function createOrderStore(): unknown {
  const order = currentOrder()
  const {account} = order
  return {
    accounts: {
      async check() {
        const kid = await account.kid()
        return kid === null ? null : {keypair: await account.key(), key: {kid}}
      },
      async set(_query: unknown, {kid}: {kid: string}) {
        await account.setKid(kid)
        return null
      },
      checkKeypair: () => account.key(),
      setKeypair: async () => null,
    },
    certificates: {
      check: async () => order.pems,
      checkKeypair: async () => order.key,
      setKeypair: async () => null,
      async set({pems: {cert, chain}}: {pems: Pems}) {
        order.pems = {cert, chain}
        return null
      },
    },
  }
}
