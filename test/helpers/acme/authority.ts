// The certificate of a server on 127.0.0.1, and who has signed it; made here, because openssl takes a second for it.

import {generateKeyPairSync, type KeyObject} from 'node:crypto'
import {signCertificate} from '../../../src/control/certs/x509.ts'
import type {Pair} from '../certificates.ts'

export function serverPair(): {readonly ca: string; readonly server: Pair} {
  const [root, own] = [newKeys(), newKeys()]
  const now = Date.now()
  const common = {
    issuer: 'lab',
    issuerPublicKey: root.publicKey,
    issuerKey: root.privateKey,
    notBeforeMs: now - 60_000,
    notAfterMs: now + 86_400_000,
  }
  const ca = signCertificate({
    ...common,
    subject: 'lab',
    publicKey: root.publicKey,
    use: {kind: 'authority', permitted: null},
  })
  const cert = signCertificate({
    ...common,
    subject: '',
    publicKey: own.publicKey,
    use: {kind: 'server', names: ['127.0.0.1', 'localhost']},
  })
  return {ca, server: {cert, key: own.privateKey.export({type: 'pkcs8', format: 'pem'}).toString()}}
}

// ---

function newKeys(): {publicKey: KeyObject; privateKey: KeyObject} {
  return generateKeyPairSync('ec', {namedCurve: 'P-256'})
}
