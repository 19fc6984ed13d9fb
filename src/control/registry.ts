// The registry put together from the settings: who may write, what is registered, and how it joins what is served.

import {join} from 'node:path'
import type {Clock} from '../base/clock.ts'
import {AppError, messageOf} from '../base/errors.ts'
import type {Log} from '../base/log.ts'
import {readSecret} from '../base/secret.ts'
import type {DataPlane} from '../snapshot/data-plane.ts'
import type {Snapshot} from '../snapshot/snapshot.ts'
import type {Settings} from './config/settings.ts'
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
  /** Where the built-in services are to be answered; null when service mode is off. */
  readonly socket: string | null
  close(): Promise<void>
}

export type RegistryParts = {
  readonly clock: Clock
  readonly log: Log
  readonly plane: Pick<DataPlane, 'setPool'>
  readonly resolver: Pick<Resolver, 'watch'>
  readonly servers?: readonly string[]
  /** Called with every snapshot that is about to be served. */
  readonly onJoined?: (snapshot: Snapshot) => void
}

type RegistrySettings = Pick<Settings, 'state' | 'admin' | 'listen' | 'permit' | 'registry'>

/** Takes up the leases of the last run; throws AppError when a token cannot be read or used. */
export async function openRegistry(settings: RegistrySettings, parts: RegistryParts): Promise<Registry> {
  const {clock, log, plane, resolver, servers, onJoined} = parts
  const {denyTargets} = settings.permit
  const read = readPlace(denyTargets)
  const socket = settings.listen.service === null ? null : socketBeside(settings.admin.socket)
  const tokens = createTokens(socket === null ? [] : await readTokens(settings.registry))
  const file = createLeaseFile(join(settings.state, 'registry.json'), clock, log, read)
  const leases = createLeases({clock, ttlMs: settings.registry.ttlMs, file, onChange: slug => joining.changed(slug)})
  const joining = createJoining({
    clock,
    log,
    denyTargets,
    plane,
    resolver,
    leases,
    builtIn: socket,
    ...(servers ? {servers} : {}),
    ...(onJoined ? {onJoined} : {}),
  })
  await leases.load()
  return {
    tokens,
    leases,
    joining,
    readPlace: read,
    socket,
    async close() {
      joining.close()
      await leases.close()
    },
  }
}

// ---

// One daemon at a time has the admin socket, so one at a time has what is named after it.
function socketBeside(admin: string): string {
  return `${admin.replace(/\.sock$/, '')}.service.sock`
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
