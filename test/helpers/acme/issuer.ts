// An issuer that orders from a Pebble, with a vault and a responder of its own.

import {mkdtempSync, rmSync} from 'node:fs'
import {tmpdir} from 'node:os'
import {join} from 'node:path'
import type {Scope} from '../../../src/base/scope.ts'
import {createHttpAnswers} from '../../../src/control/certs/acme/http-answers.ts'
import {type AcmeIssuer, type AcmeIssuerParts, createAcmeIssuer} from '../../../src/control/certs/acme/issuer.ts'
import type {ExternalAccount} from '../../../src/control/certs/acme/jws.ts'
import {openVault, type Vault} from '../../../src/control/certs/vault.ts'
import {type Pebble, type PebbleOptions, pebbleOf, type Responder, responderOf} from './pebble.ts'

export type Lab = {
  readonly pebble: Pebble
  readonly responder: Responder
  readonly vault: Vault
  readonly issuer: AcmeIssuer
  /** Names whose records could not be removed. */
  readonly leftBehind: string[]
  /** Another one, with the same vault. */
  issuerWith(parts: Partial<AcmeIssuerParts> & {readonly externalAccount?: ExternalAccount}): AcmeIssuer
}

export async function labOf(scope: Scope, options: PebbleOptions = {}): Promise<Lab> {
  return labAt(scope, await pebbleOf(scope, options))
}

/** At a Pebble that is there. */
export async function labAt(scope: Scope, pebble: Pebble): Promise<Lab> {
  const responder = await responderOf(scope, pebble.httpPort)
  const vault = await vaultIn(scope)
  const leftBehind: string[] = []
  const answers = createHttpAnswers(responder.setChallenges)
  const issuerWith: Lab['issuerWith'] = ({externalAccount = null, ...parts}) =>
    scope.own(
      createAcmeIssuer({
        directoryUrl: pebble.directoryUrl,
        email: '',
        readSecrets: async () => ({ca: pebble.ca, externalAccount}),
        prover: async () => answers,
        vault,
        userAgent: 'routesd/test',
        onLeftBehind: name => leftBehind.push(name),
        pace: {pollMs: 50, limitMs: 20_000},
        ...parts,
      }),
      issuer => issuer.close(),
    )
  return {pebble, responder, vault, issuer: issuerWith({}), leftBehind, issuerWith}
}

/** One that is gone with the scope. */
export async function vaultIn(scope: Scope): Promise<Vault> {
  const folder = mkdtempSync(join(tmpdir(), 'routesd-vault-'))
  scope.defer(() => rmSync(folder, {recursive: true}))
  return openVault({
    folder: join(folder, 'vault'),
    key: {bytes: Buffer.from('kkpwoeirutyalskdjfhgzmxncbvqpwoe'), from: 'test'},
  })
}
