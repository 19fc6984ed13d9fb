// Certificates of a daemon that has none, for tests of everything else.

import type {CertOperations} from '../../src/admin/protocol.ts'

const refused = {status: 404, code: 'not-found', message: 'there is no certificate'}

export const NO_CERTS: CertOperations = {
  rows: () => [],
  import: async () => ({refused}),
  export: async () => ({refused}),
  renew: async () => ({refused}),
  roots: async () => ({answer: {roots: []}}),
  rekey: async () => ({refused}),
}
