// The certificates of a worker, by the names in them, and what OpenSSL needs to use one. The whole set is swapped by one
// assignment; connections keep what they were made with.

import {constants, createHash} from 'node:crypto'
import {createServer, type SecureVersion, type Server} from 'node:tls'
import {messageOf} from '../../base/errors.ts'
import {createHostIndex, type HostIndex} from '../../router/host-index.ts'
import type {Certificate} from '../../snapshot/certificate.ts'
import {TICKET_NAME_BYTES} from './client-hello.ts'

/** [the key for new tickets, the key before it]: 48 bytes each. */
export type TicketKeys = readonly [Uint8Array, Uint8Array]

export type Certificates = {
  /** Takes the certificates that are new or changed; `order` names all that are in use from now on. */
  update(changed: readonly Certificate[], order: readonly string[]): void
  setTicketKeys(keys: TicketKeys): void
  /** Of handshakes from now on. */
  setMinVersion(version: SecureVersion): void
  /** For a (normalised) name, or null when no certificate was made out for it. */
  find(name: string): Certificate | null
  /** Serves whoever names nobody or nobody we know; null: such connections are refused. */
  fallback(): Certificate | null
  /** Is there anything that could be served? */
  isEmpty(): boolean
  /**
   * Takes connections for a certificate: give it one with emit('connection'). `clientCa` is the PEM that clients need a
   * certificate of, '' for none; `ticketName` is that of the ticket that the client brings. null when OpenSSL cannot use
   * the certificate, which `onUnusable` is told.
   */
  serverFor(certificate: Certificate, clientCa: string, ticketName: Buffer): Server | null
}

export type CertificatesOptions = {
  readonly minVersion: SecureVersion
  readonly ticketKeys: TicketKeys
  readonly onServer: (server: Server) => void
  readonly onUnusable: (certificate: Certificate, why: string) => void
}

/** Ready for use at once, of all certificates, each 30 KB, and 60 KB when it is used; the one unused for longest goes. */
const SERVERS_MAX = 2048
/** Of tickets; their keys live for two of these, see ticket-keys.ts. */
export const SESSION_LIFE_S = 43_200
/** Forward secrecy and authenticated encryption only (Mozilla's intermediate profile, 5.7). */
const CIPHERS = [
  'TLS_AES_128_GCM_SHA256',
  'TLS_AES_256_GCM_SHA384',
  'TLS_CHACHA20_POLY1305_SHA256',
  'ECDHE-ECDSA-AES128-GCM-SHA256',
  'ECDHE-RSA-AES128-GCM-SHA256',
  'ECDHE-ECDSA-AES256-GCM-SHA384',
  'ECDHE-RSA-AES256-GCM-SHA384',
  'ECDHE-ECDSA-CHACHA20-POLY1305',
  'ECDHE-RSA-CHACHA20-POLY1305',
].join(':')

export function createCertificates(options: CertificatesOptions): Certificates {
  let {ticketKeys, minVersion} = options
  let previousName = nameOf(ticketKeys[1])
  let byId = new Map<string, Certificate>()
  let byName: HostIndex<Certificate> = createHostIndex()
  let fallback: Certificate | null = null
  // In the order of their last use.
  let servers = new Map<string, {certificate: Certificate; server: Server}>()

  return {
    update(changed, order) {
      const known = new Map([
        ...byId,
        ...changed.map((certificate): [string, Certificate] => [certificate.id, certificate]),
      ])
      const next = new Map<string, Certificate>()
      const index = createHostIndex<Certificate>()
      for (const id of order) {
        const certificate = known.get(id)
        if (certificate) next.set(id, certificate)
      }
      // Of two for one name the first in the set is used, so it is put there last.
      const all = [...next.values()].reverse()
      for (const certificate of all) for (const name of certificate.names) index.set(name, certificate)
      byId = next
      byName = index
      fallback = all.findLast(({isDefault}) => isDefault) ?? null
      servers = new Map([...servers].filter(([, {certificate}]) => byId.get(certificate.id) === certificate))
    },
    setTicketKeys(keys) {
      ticketKeys = keys
      previousName = nameOf(keys[1])
      servers = new Map()
    },
    setMinVersion(version) {
      if (version === minVersion) return
      minVersion = version
      servers = new Map()
    },
    find: name => byName.find(name),
    fallback: () => fallback,
    isEmpty: () => byId.size === 0,
    serverFor(certificate, clientCa, ticketName) {
      const isPrevious = ticketName.length > 0 && ticketName.equals(previousName)
      const key = `${isPrevious ? 'previous' : 'current'} ${clientCa === '' ? '' : digestOf(clientCa)} ${certificate.id}`
      const known = servers.get(key)
      if (known) {
        servers.delete(key)
        servers.set(key, known)
        return known.server
      }
      try {
        const server = build(certificate, clientCa, ticketKeys[isPrevious ? 1 : 0], minVersion)
        options.onServer(server)
        servers.set(key, {certificate, server})
        for (const oldest of servers.keys()) {
          if (servers.size <= SERVERS_MAX) break
          servers.delete(oldest)
        }
        return server
      } catch (error) {
        options.onUnusable(certificate, messageOf(error))
        return null
      }
    },
  }
}

// ---

function build(
  {names, cert, key}: Certificate,
  clientCa: string,
  ticketKey: Uint8Array,
  minVersion: SecureVersion,
): Server {
  return createServer({
    cert,
    key,
    minVersion,
    ciphers: CIPHERS,
    // AES-128 with SHA-256 makes a handshake a tenth cheaper than what clients on OpenSSL ask for first. Who would rather
    // have ChaCha20 has no AES in hardware, and gets it.
    honorCipherOrder: true,
    secureOptions: constants.SSL_OP_NO_RENEGOTIATION | constants.SSL_OP_PRIORITIZE_CHACHA,
    ALPNProtocols: ['h2', 'http/1.1'],
    ticketKeys: Buffer.from(ticketKey),
    sessionTimeout: SESSION_LIFE_S,
    // A session is of the names and of those who may have it: it cannot be taken up elsewhere.
    sessionIdContext: digestOf(`${names.join()}\n${clientCa}`),
    ...(clientCa === '' ? {} : {ca: clientCa, requestCert: true, rejectUnauthorized: false}),
  })
}

// OpenSSL takes 32 bytes.
function digestOf(text: string): string {
  return createHash('sha256').update(text).digest('hex').slice(0, 32)
}

function nameOf(key: Uint8Array): Uint8Array {
  return key.subarray(0, TICKET_NAME_BYTES)
}
