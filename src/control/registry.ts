// The registry put together from the settings: who may write, what is registered, and how it joins what is served.

import {join} from 'node:path'
import type {Clock} from '../base/clock.ts'
import {AppError, messageOf} from '../base/errors.ts'
import type {Log} from '../base/log.ts'
import {readSecret} from '../base/secret.ts'
import type {DataPlane} from '../snapshot/data-plane.ts'
import type {Settings} from './config/settings.ts'
import type {Health} from './health/health.ts'
import {createJoining, type Joining} from './joining.ts'
import {readPlace} from './place.ts'
import {createLeaseFile} from './registry/lease-file.ts'
import {createLeases, type Leases} from './registry/leases.ts'
import type {ReadPlace} from './registry/registration.ts'
import type {Resolver} from './registry/resolve.ts'
import {createTokens, type Tokens} from './registry/tokens.ts'

export type Registry = {
  readonly tokens: Tokens
  readonly leases: Leases
  readonly joining: Joining
  readonly readPlace: ReadPlace
  /** Reads what other settings refer to, and returns what puts them in force; throws AppError when something cannot be read. */
  prepare(next: RegistrySettings): Promise<() => void>
  close(): Promise<void>
}

export type RegistryParts = {
  readonly clock: Clock
  readonly log: Log
  readonly plane: Pick<DataPlane, 'setPool'>
  readonly resolver: Pick<Resolver, 'watch'>
  readonly servers?: readonly string[]
  readonly health: Pick<Health, 'prepare' | 'watch'>
}

/** Where the built-in services are answered; null when service mode is off. */
export function builtInSocket({admin, listen}: Pick<Settings, 'admin' | 'listen'>): string | null {
  // One daemon at a time has the admin socket, so one at a time has what is named after it.
  return listen.service === null ? null : `${admin.socket.replace(/\.sock$/, '')}.service.sock`
}

export type RegistrySettings = Pick<Settings, 'state' | 'listen' | 'permit' | 'registry'>

/** Takes up the leases of the last run; throws AppError when a token cannot be read or used. */
export async function openRegistry(settings: RegistrySettings, parts: RegistryParts): Promise<Registry> {
  const {clock, log, plane, resolver, health, servers} = parts
  const {denyTargets} = settings.permit
  let read = readPlace(denyTargets)
  let tokens = await tokensOf(settings)
  const file = createLeaseFile(join(settings.state, 'registry.json'), clock, log, url => read(url))
  const leases = createLeases({clock, ttlMs: settings.registry.ttlMs, file, onChange: slug => joining.changed(slug)})
  const joining = createJoining({
    clock,
    log,
    denyTargets,
    plane,
    resolver,
    leases,
    health,
    ...(servers ? {servers} : {}),
  })
  await leases.load()
  return {
    tokens: {slugOf: authorization => tokens.slugOf(authorization)},
    leases,
    joining,
    readPlace: url => read(url),
    async prepare(next) {
      const others = await tokensOf(next)
      return () => {
        tokens = others
        leases.setTtl(next.registry.ttlMs)
        read = readPlace(next.permit.denyTargets)
        joining.setDenied(next.permit.denyTargets)
      }
    },
    async close() {
      joining.close()
      await leases.close()
    },
  }
}

// ---

async function tokensOf({listen, registry}: RegistrySettings): Promise<Tokens> {
  return createTokens(listen.service === null ? [] : await readTokens(registry))
}

function readTokens({tokens, folder}: Settings['registry']): Promise<{slug: string; token: string}[]> {
  return Promise.all(
    tokens.map(async ({slug, token}) => {
      try {
        return {slug, token: await readSecret(token, folder)}
      } catch (error) {
        throw new AppError(`registry.tokens: the token of ${slug} cannot be read: ${messageOf(error)}`)
      }
    }),
  )
}
