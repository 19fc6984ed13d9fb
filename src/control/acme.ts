// Certificates of a public authority as the daemon gets them: what control/certs/acme does, fed from the settings.

import type {Clock} from '../base/clock.ts'
import {messageOf} from '../base/errors.ts'
import type {Log} from '../base/log.ts'
import {readVersion} from '../base/version.ts'
import type {ChallengeAnswer} from '../snapshot/certificate.ts'
import {createDnsCommand} from './certs/acme/dns-command.ts'
import {createDnsPlugin} from './certs/acme/dns-plugin.ts'
import {createDnsWebhook} from './certs/acme/dns-webhook.ts'
import {createHttpAnswers} from './certs/acme/http-answers.ts'
import {createAcmeIssuer} from './certs/acme/issuer.ts'
import type {Prover} from './certs/acme/prover.ts'
import {createAcmeScheduler} from './certs/acme/scheduler.ts'
import type {Desk, Scheduler} from './certs/scheduler.ts'
import {type AcmeSettings, acmeSettings} from './config/acme-settings.ts'
import type {Settings} from './config/settings.ts'

export type AcmeParts = {
  readonly settings: Settings
  readonly clock: Clock
  readonly log: Log
  /** Gets the whole set of answers; resolves when every worker gives them. */
  readonly setChallenges: (answers: readonly ChallengeAnswer[]) => Promise<void>
  /** Resolves when connections are taken: an authority that looks before that has looked in vain, and counts it. */
  readonly listening: Promise<void>
}

/** How names get certificates of an authority, or in words why they get none and what to do about it. */
export function schedulingOf(parts: AcmeParts): ((desk: Desk) => Scheduler) | string {
  const {settings, clock, log} = parts
  const acme = acmeSettings(settings)
  if (acme === null) return whyNone(settings)
  return desk => {
    const issuer = createAcmeIssuer({
      directoryUrl: acme.directoryUrl,
      email: acme.email,
      readSecrets: acme.readSecrets,
      prover: () => proverOf(acme, parts),
      vault: desk.vault,
      userAgent: userAgent(),
      onLeftBehind: (name, error) => log.warn('what proved a name is left behind', {name, why: messageOf(error)}),
      clock,
    })
    const scheduler = createAcmeScheduler({desk, issuer, profile: acme.profile, clock, log, random: Math.random})
    return {
      ...scheduler,
      want: names => void parts.listening.then(() => scheduler.want(names)),
      close() {
        scheduler.close()
        issuer.close()
      },
    }
  }
}

// ---

async function proverOf({dns}: AcmeSettings, {setChallenges}: AcmeParts): Promise<Prover> {
  if (dns === null) return createHttpAnswers(setChallenges)
  if (dns.kind === 'command') return createDnsCommand(dns)
  if (dns.kind === 'webhook') return createDnsWebhook({...dns, userAgent: userAgent()})
  return createDnsPlugin({...dns, options: await dns.readOptions()})
}

function userAgent(): string {
  return `routesd/${readVersion()}`
}

function whyNone({document: {acme}}: Settings): string {
  const instead = 'or bring a certificate: tls.certificates, tls.certificate of the host, or `routesd certs import`'
  if (acme === 'off' || acme === false) return `acme is off: configure it in routesd.yaml, ${instead}`
  return `the terms of the certificate authority are not agreed to: set acme.agree in routesd.yaml, ${instead}`
}
