// dns-01: wildcards, by a program of the operator and by a plugin of greenlock, against a real name server.

import {chmod, readFile} from 'node:fs/promises'
import {test} from 'uvu'
import * as assert from 'uvu/assert'
import {createDnsCommand} from '../../../../src/control/certs/acme/dns-command.ts'
import {createDnsPlugin} from '../../../../src/control/certs/acme/dns-plugin.ts'
import {inspect} from '../../../../src/control/certs/inspect.ts'
import {AcmeError} from '../../../../src/control/certs/issuer.ts'
import {type Lab, labOf} from '../../../helpers/acme/issuer.ts'
import {hasPebble} from '../../../helpers/acme/pebble.ts'
import {type Folder, withFolder} from '../../../helpers/folder.ts'

if (!hasPebble) console.log('SKIP pebble is not installed: nothing is ordered')
const acme = hasPebble ? test : test.skip

acme(
  'a wildcard, and its domain with it, by a program: each record is set, and removed again',
  withFolder(async folder => {
    const lab = await labOf(folder.scope)
    const command = await programIn(folder, lab)
    const issuer = lab.issuerWith({prover: async () => createDnsCommand({command, propagationMs: 10})})
    const {cert, key} = await issuer.issue(['*.example.com'])
    assert.equal(inspect(cert, key).names, ['*.example.com'])
    await issuer.issue(['shop.example.com'])
    assert.is(lab.responder.asked(), 0)
    const calls = (await text(folder, 'calls')).trim().split('\n')
    assert.equal(
      calls.map(call => call.split(' ').slice(0, 2).join(' ')),
      [
        'set _acme-challenge.example.com',
        'remove _acme-challenge.example.com',
        'set _acme-challenge.shop.example.com',
        'remove _acme-challenge.shop.example.com',
      ],
    )
    assert.match(calls[0] ?? '', / [\w-]{43}$/)
    assert.equal(lab.leftBehind, [])
  }),
)

acme(
  'a program that fails is told with what it said, and its record is removed',
  withFolder(async folder => {
    const lab = await labOf(folder.scope)
    const command = await script(
      folder,
      'hook',
      'echo "$1" >> calls; test "$1" = remove || { echo "no such zone" >&2; exit 3; }',
    )
    const issuer = lab.issuerWith({prover: async () => createDnsCommand({command, propagationMs: 10})})
    const error = await issuer.issue(['*.example.com']).catch((thrown: unknown) => thrown)
    assert.instance(error, AcmeError)
    assert.match((error as AcmeError).detail, 'set _acme-challenge.example.com failed (3): no such zone')
    assert.is((await text(folder, 'calls')).trim(), 'set\nremove')
  }),
)

acme(
  'what cannot be removed does not keep the certificate back',
  withFolder(async folder => {
    const lab = await labOf(folder.scope)
    const good = await programIn(folder, lab)
    const command = await script(folder, 'half', `test "$1" = set && exec ${good} "$@"; exit 1`)
    const issuer = lab.issuerWith({prover: async () => createDnsCommand({command, propagationMs: 10})})
    await issuer.issue(['*.example.com'])
    assert.equal(lab.leftBehind, ['*.example.com'])
  }),
)

acme(
  'a plugin of greenlock gets its options, its zones and a way to send requests',
  withFolder(async folder => {
    const lab = await labOf(folder.scope)
    await folder.write({'acme-dns-01-lab.cjs': PLUGIN})
    const plugin = {name: './acme-dns-01-lab.cjs', folder: folder.path, propagationMs: 10}
    const issuer = lab.issuerWith({prover: async () => createDnsPlugin({...plugin, options: {api: lab.pebble.dnsApi}})})
    const {cert, key} = await issuer.issue(['*.shop.example.com'])
    assert.equal(inspect(cert, key).names, ['*.shop.example.com'])
    assert.equal((globalThis as {labCalls?: string[]}).labCalls, [
      'set example.com _acme-challenge.shop',
      'remove example.com _acme-challenge.shop',
    ])
  }),
)

test(
  'a plugin that is not there is said by its name',
  withFolder(async folder => {
    const plugin = {name: 'acme-dns-01-nowhere', folder: folder.path, propagationMs: 10, options: {}}
    assert.throws(
      () => createDnsPlugin(plugin),
      (error: unknown) =>
        error instanceof AcmeError && /^the plugin acme-dns-01-nowhere cannot be used: Cannot find/.test(error.detail),
    )
  }),
)

test.run()

// ---

// As its contract has it: the zone of a name is one of those it was asked for.
const PLUGIN = `
const calls = (globalThis.labCalls = [])
module.exports.create = ({api}) => {
  let request = null
  const send = (path, body) => request({method: 'POST', url: api + path, json: body})
  return {
    async init(options) { request = options.request; return null },
    async zones() { return ['example.com'] },
    async set({challenge}) {
      calls.push('set ' + challenge.dnsZone + ' ' + challenge.dnsPrefix)
      await send('/set-txt', {host: challenge.dnsHost + '.', value: challenge.keyAuthorizationDigest})
      return null
    },
    async get() { return null },
    async remove({challenge}) {
      calls.push('remove ' + challenge.dnsZone + ' ' + challenge.dnsPrefix)
      await send('/clear-txt', {host: challenge.dnsHost + '.'})
      return null
    },
  }
}
`

function programIn(folder: Folder, {pebble}: Lab): Promise<string> {
  return script(
    folder,
    'dns',
    `echo "$@" >> ${folder.at('calls')}
test "$1" = set && path=set-txt || path=clear-txt
exec curl -sf -d "{\\"host\\": \\"$2.\\", \\"value\\": \\"$3\\"}" ${pebble.dnsApi}/$path`,
  )
}

async function script(folder: Folder, name: string, lines: string): Promise<string> {
  await folder.write({[name]: `#!/bin/sh\ncd ${folder.path}\n${lines}\n`})
  await chmod(folder.at(name), 0o755)
  return folder.at(name)
}

function text(folder: Folder, name: string): Promise<string> {
  return readFile(folder.at(name), 'utf8')
}
