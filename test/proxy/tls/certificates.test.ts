import {randomBytes} from 'node:crypto'
import {test} from 'uvu'
import * as assert from 'uvu/assert'
import {createLocalCa} from '../../../src/control/certs/local-ca.ts'
import {openVault} from '../../../src/control/certs/vault.ts'
import {createCertificates} from '../../../src/proxy/tls/certificates.ts'
import type {Certificate} from '../../../src/snapshot/certificate.ts'
import {createFakeClock} from '../../helpers/clock.ts'
import {type Folder, withFolder} from '../../helpers/folder.ts'

const NO_TICKET = Buffer.alloc(0)
const NAMES = ['a.localhost', 'b.localhost', 'c.localhost', 'd.localhost']

test(
  'what OpenSSL needs of a certificate is made when it is first asked for, once, and anew when it is another',
  withFolder(async folder => {
    let built = 0
    const certificates = createCertificates({
      minVersion: 'TLSv1.2',
      ticketKeys: [randomBytes(48), randomBytes(48)],
      onServer: () => built++,
      onUnusable: (_, why) => assert.unreachable(why),
    })
    const made = await certificatesIn(folder, NAMES)
    const ask = (name: string) => {
      const found = certificates.find(name)
      assert.ok(found, name)
      return found && certificates.serverFor(found, '', NO_TICKET)
    }
    certificates.update(made, made.map(idOf))
    assert.is(built, 0, 'nothing is made of what nobody asks for')
    const [first] = ['a.localhost', 'b.localhost', 'a.localhost'].map(ask)
    assert.is(built, 2)
    const [other] = await certificatesIn(folder, ['b.localhost'])
    if (other === undefined) throw new Error('nothing was made')
    certificates.update([other], made.map(idOf))
    assert.is(ask('a.localhost'), first, 'who stays the same is not made again')
    assert.is(built, 2)
    ask('b.localhost')
    assert.is(built, 3)
  }),
)

test.run()

// ---

async function certificatesIn(folder: Folder, names: readonly string[]): Promise<Certificate[]> {
  const key = {bytes: Buffer.from('nine green bottles'), from: 'test'}
  const authority = createLocalCa({
    vault: await openVault({folder: folder.at('vault'), key}),
    clock: createFakeClock(Date.now()),
  })
  return Promise.all(
    names.map(async name => ({id: name, names: [name], ...(await authority.issue([name])), isDefault: false})),
  )
}

function idOf({id}: Certificate): string {
  return id
}
