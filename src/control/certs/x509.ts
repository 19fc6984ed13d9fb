// Certificates that we sign ourselves (RFC 5280): P-256 keys, ECDSA with SHA-256, and only the extensions that a local
// authority needs. node:crypto reads certificates and cannot write them.

import {createHash, type KeyObject, randomBytes, sign} from 'node:crypto'
import {isIP} from 'node:net'
import {parseCidr} from '../../base/cidr.ts'
import {bits, boolean, integer, octets, oid, sequence, setOf, tagged, time, utf8} from './der.ts'
import {bytesOfIp} from './names.ts'

export type CertificateRequest = {
  /** Common name; '' for a subject without a name. */
  readonly subject: string
  readonly issuer: string
  readonly publicKey: KeyObject
  readonly issuerPublicKey: KeyObject
  readonly issuerKey: KeyObject
  readonly notBeforeMs: number
  readonly notAfterMs: number
  readonly use: ServerUse | AuthorityUse
}

/** Names and IP addresses that a server may go by. */
export type ServerUse = {readonly kind: 'server'; readonly names: readonly string[]}
/** Signs certificates for servers, and no other authority; `permitted` null: for any of them. */
export type AuthorityUse = {readonly kind: 'authority'; readonly permitted: Permitted | null}
export type Permitted = {
  /** These and everything below them. */
  readonly domains: readonly string[]
  /** '10.0.0.0/8' */
  readonly subnets: readonly string[]
}

/** The certificate as PEM. */
export function signCertificate(request: CertificateRequest): string {
  const {subject, issuer, publicKey, issuerKey, notBeforeMs, notAfterMs} = request
  const content = sequence(
    tagged(0xa0, integer(Buffer.from([2]))),
    integer(newSerial()),
    ECDSA_WITH_SHA256,
    nameOf(issuer),
    sequence(time(notBeforeMs), time(notAfterMs)),
    nameOf(subject),
    publicKey.export({type: 'spki', format: 'der'}),
    tagged(0xa3, sequence(...extensionsOf(request))),
  )
  const der = sequence(content, ECDSA_WITH_SHA256, bits(sign('sha256', content, issuerKey)))
  const lines = der.toString('base64').replace(/.{64}(?=.)/g, '$&\n')
  return `-----BEGIN CERTIFICATE-----\n${lines}\n-----END CERTIFICATE-----\n`
}

// ---

const ECDSA_WITH_SHA256 = sequence(oid('1.2.840.10045.4.3.2'))
const COMMON_NAME = oid('2.5.4.3')
const SERVER_AUTH = oid('1.3.6.1.5.5.7.3.1')
const EXTENSION = {
  subjectKey: '2.5.29.14',
  keyUsage: '2.5.29.15',
  alternativeNames: '2.5.29.17',
  basicConstraints: '2.5.29.19',
  nameConstraints: '2.5.29.30',
  authorityKey: '2.5.29.35',
  extendedKeyUsage: '2.5.29.37',
} as const

// 127 random bits: more than the 64 that authorities must have, positive and within 20 octets (RFC 5280 §4.1.2.2).
function newSerial(): Buffer {
  const serial = randomBytes(16)
  serial[0] = ((serial[0] ?? 0) & 0x7f) | 0x40
  return serial
}

function nameOf(commonName: string): Buffer {
  return commonName === '' ? sequence() : sequence(setOf(sequence(COMMON_NAME, utf8(commonName))))
}

function extensionsOf({use, subject, publicKey, issuerPublicKey}: CertificateRequest): Buffer[] {
  const keys = [
    extension(EXTENSION.subjectKey, false, octets(keyIdOf(publicKey))),
    extension(EXTENSION.authorityKey, false, sequence(tagged(0x80, keyIdOf(issuerPublicKey)))),
  ]
  if (use.kind === 'authority') {
    return [
      extension(EXTENSION.basicConstraints, true, sequence(boolean(true), integer(Buffer.from([0])))),
      // keyCertSign, cRLSign
      extension(EXTENSION.keyUsage, true, bits(Buffer.from([0b0000_0110]), 1)),
      ...(use.permitted === null ? [] : [extension(EXTENSION.nameConstraints, true, constraintsOf(use.permitted))]),
      ...keys,
    ]
  }
  return [
    extension(EXTENSION.basicConstraints, true, sequence()),
    // digitalSignature
    extension(EXTENSION.keyUsage, true, bits(Buffer.from([0b1000_0000]), 7)),
    extension(EXTENSION.extendedKeyUsage, false, sequence(SERVER_AUTH)),
    // Critical where the subject says nothing: §4.2.1.6.
    extension(EXTENSION.alternativeNames, subject === '', sequence(...use.names.map(alternativeName))),
    ...keys,
  ]
}

function extension(id: string, isCritical: boolean, value: Buffer): Buffer {
  return sequence(oid(id), ...(isCritical ? [boolean(true)] : []), octets(value))
}

// §4.2.1.2 (1): SHA-1 of the bits of the key; of P-256 those are the last 65 bytes. A name, not a signature.
function keyIdOf(key: KeyObject): Buffer {
  return createHash('sha1')
    .update(key.export({type: 'spki', format: 'der'}).subarray(-65))
    .digest()
}

function alternativeName(name: string): Buffer {
  return isIP(name) === 0 ? tagged(0x82, Buffer.from(name)) : tagged(0x87, bytesOfIp(name))
}

function constraintsOf({domains, subnets}: Permitted): Buffer {
  const trees = [...domains.map(domain => tagged(0x82, Buffer.from(domain))), ...subnets.map(subnetOf)]
  return sequence(tagged(0xa0, ...trees.map(tree => sequence(tree))))
}

// §4.2.1.10: the address, and a mask of the same length.
function subnetOf(subnet: string): Buffer {
  const range = parseCidr(subnet)
  if (range === null) throw new Error(`not an address range: ${subnet}`)
  const address = bytesOfIp(range.address)
  const mask = address.map((_, at) => 256 - 2 ** (8 - Math.min(8, Math.max(0, range.bits - at * 8))))
  return tagged(0x87, address, mask)
}
