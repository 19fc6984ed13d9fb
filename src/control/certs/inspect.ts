// What a certificate says of itself, and whether it and its key are of any use: in words that tell what to change.

import {createPrivateKey, type KeyObject, X509Certificate} from 'node:crypto'
import {isIP} from 'node:net'
import {messageOf} from '../../base/errors.ts'
import {certificateName} from './names.ts'

export type Facts = {
  /** The common name, or where there is none the first name. */
  readonly commonName: string
  /** Lower case; IP addresses in their shortest form. */
  readonly names: readonly string[]
  /** Common name of who signed it, or its organisation. */
  readonly issuer: string
  readonly notBeforeMs: number
  readonly notAfterMs: number
  /** Hex, lower case. */
  readonly serial: string
}

/** A chain of authorities is shorter than this. */
const CHAIN_MAX = 20

/** What the first certificate of `cert` says; throws an Error in words when it, its chain or the key cannot be used. */
export function inspect(cert: string, key: string): Facts {
  const chain = readChain(cert)
  const [leaf] = chain
  if (leaf === undefined) throw new Error('there is no certificate: a line -----BEGIN CERTIFICATE----- is missing')
  const privateKey = readKey(key)
  if (!leaf.checkPrivateKey(privateKey)) {
    const isBehind = chain.some(other => other.checkPrivateKey(privateKey))
    throw new Error(
      isBehind
        ? 'the certificates are in the wrong order: that of the key comes first, then the one that signed it'
        : 'the key does not belong to the certificate',
    )
  }
  for (const [index, other] of chain.entries()) {
    const next = chain[index + 1]
    if (next !== undefined && !other.checkIssued(next))
      throw new Error(`the certificates are in the wrong order: number ${index + 2} did not sign number ${index + 1}`)
  }
  return factsOf(leaf)
}

// ---

function readChain(text: string): X509Certificate[] {
  const blocks = text.match(/-----BEGIN CERTIFICATE-----[^-]+-----END CERTIFICATE-----/g) ?? []
  if (blocks.length > CHAIN_MAX) throw new Error(`there are ${blocks.length} certificates where a chain has a few`)
  try {
    return blocks.map(block => new X509Certificate(block))
  } catch (error) {
    throw new Error(`the certificate cannot be read (${messageOf(error)})`)
  }
}

// What OpenSSL says of a key may have pieces of it.
function readKey(text: string): KeyObject {
  if (/-----BEGIN ENCRYPTED PRIVATE KEY-----|^Proc-Type: 4,ENCRYPTED/m.test(text))
    throw new Error('the key is encrypted: `openssl pkey` writes it without a passphrase')
  try {
    return createPrivateKey(text)
  } catch {
    throw new Error('the key cannot be read: it is no PEM of a private key')
  }
}

function factsOf(leaf: X509Certificate): Facts {
  const names = namesOf(leaf.subjectAltName ?? '')
  const [first] = names
  if (first === undefined) throw new Error('the certificate names no host (subjectAltName)')
  return {
    commonName: attribute(leaf.subject, 'CN') || first,
    names,
    issuer: attribute(leaf.issuer, 'CN') || attribute(leaf.issuer, 'O'),
    notBeforeMs: leaf.validFromDate.getTime(),
    notAfterMs: leaf.validToDate.getTime(),
    serial: leaf.serialNumber.toLowerCase(),
  }
}

// 'DNS:a.example.com, IP Address:10.0.0.1'. What Node puts in quotes has characters that no name of ours has.
function namesOf(text: string): string[] {
  const found = text.split(', ').flatMap(entry => {
    const [, dns, ip] = /^(?:DNS:([A-Za-z0-9.*_-]+)|IP Address:([0-9A-Fa-f.:]+))$/.exec(entry) ?? []
    if (dns !== undefined) return [dns.toLowerCase()]
    return ip !== undefined && isIP(ip) !== 0 ? [certificateName(ip)] : []
  })
  return [...new Set(found)]
}

function attribute(name: string | undefined, type: string): string {
  const line = (name ?? '').split('\n').find(entry => entry.startsWith(`${type}=`))
  return line?.slice(type.length + 1) ?? ''
}
