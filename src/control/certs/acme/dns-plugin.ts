// dns-01 by one of greenlock's plugins, acme-dns-01-*: a CommonJS package whose create(options) gives a challenge module.

import {createRequire} from 'node:module'
import {join} from 'node:path'
import {messageOf} from '../../../base/errors.ts'
import {AcmeError} from '../issuer.ts'
import type {ChallengeModule, Prover} from './prover.ts'

export type DnsPlugin = {
  /** 'acme-dns-01-cloudflare', or a path. */
  readonly name: string
  readonly options: Readonly<Record<string, string | number | boolean>>
  /** Where it was installed, or what its path is relative to. */
  readonly folder: string
  readonly propagationMs: number
}

/** Throws AcmeError when there is no such plugin, or when it does not take its options. */
export function createDnsPlugin({name, options, folder, propagationMs}: DnsPlugin): Prover {
  try {
    const plugin: unknown = createRequire(join(folder, 'settings'))(name)
    const {create} = Object(plugin) as {create?: (options: unknown) => unknown}
    if (typeof create !== 'function') throw new Error('it has no create()')
    const module = create({...options, module: name})
    if (!isChallengeModule(module)) throw new Error('what it creates has no set() and remove()')
    // Not a copy: plugins keep what they know in themselves.
    return {kind: 'dns-01', module: Object.assign(module, {propagationDelay: propagationMs})}
  } catch (error) {
    const detail = `the plugin ${name} cannot be used: ${messageOf(error).split('\n')[0]}`
    throw new AcmeError({status: 0, type: 'dns-plugin', detail, retryAfterMs: null, retryable: true, cause: error})
  }
}

// ---

function isChallengeModule(value: unknown): value is ChallengeModule {
  const {set, remove} = Object(value) as Record<string, unknown>
  return typeof set === 'function' && typeof remove === 'function'
}
