import {chmod, mkdir, readdir, readFile, stat, utimes, writeFile} from 'node:fs/promises'
import {test} from 'uvu'
import * as assert from 'uvu/assert'
import {createKeyFile, defaultKeyPath, readKeyFile} from '../../../src/control/certs/key-file.ts'
import {stateVault} from '../../../src/control/certs/state-vault.ts'
import {generateKey, readKey} from '../../../src/control/certs/vault-key.ts'
import {withFolder} from '../../helpers/folder.ts'

const RAW = Buffer.from('9f2c51d80b7e43a6c1f0de9876a5b4c3d2e1f00918273645546372819a0bbccd', 'hex')

for (const [what, given] of [
  ['as they are', RAW],
  ['in hex', Buffer.from(RAW.toString('hex'))],
  ['in upper-case hex, with a newline', Buffer.from(`${RAW.toString('hex').toUpperCase()}\r\n`)],
  ['in base64', Buffer.from(`${RAW.toString('base64')}\n`)],
  ['in base64url', Buffer.from(RAW.toString('base64url'))],
] as const) {
  test(`32 bytes ${what} are a key`, () => {
    assert.equal(readKey(given, 'x'), {kind: 'raw', bytes: RAW})
  })
}

test('text is a passphrase, also one of 32 characters', () => {
  for (const text of [
    'nine green bottles',
    'exactly 32 characters, or bytes.',
    'Straße nach Überall, bitte',
    'wQ8#kd0-Lm2!zzXp',
  ]) {
    assert.equal(readKey(Buffer.from(`${text}\n`), 'x'), {kind: 'passphrase', text})
  }
})

for (const [given, why] of [
  ['', /is empty/],
  ['\n', /is empty/],
  ['short', /of 5 characters: it needs 16/],
  ['0'.repeat(64), /repeats itself or counts/],
  ['ff'.repeat(32), /repeats itself or counts/],
  ['deadbeef'.repeat(8), /repeats itself or counts/],
  ['000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f', /repeats itself or counts/],
  [Buffer.alloc(32), /repeats itself or counts/],
  [Buffer.alloc(32, 'a'), /repeats itself or counts/],
  [Buffer.alloc(33), /33 bytes that are no text/],
  ['aaaaaaaaaaaaaaaaaaaa', /repeats itself/],
  ['abcabcabcabcabcabcabc', /repeats itself/],
  ['changemechangeme', /repeats itself/],
  ['change-me-change-it-please', /everybody tries first/],
  ['my secret password 123', /everybody tries first/],
  ['routesd-vault-key-example', /everybody tries first/],
  ['your passphrase here', /everybody tries first/],
  ['qwertyuiop1234567890', /everybody tries first/],
] as const) {
  test(`${JSON.stringify(String(given))} is refused as a key`, () => {
    assert.throws(
      () => readKey(Buffer.from(given), 'vault.key'),
      (error: Error) => {
        assert.match(error.message, why)
        assert.match(error.message, /^vault\.key /)
        return true
      },
    )
  })
}

test('10,000 generated keys are all taken', () => {
  for (let n = 0; n < 10_000; n++) assert.is(readKey(Buffer.from(generateKey()), 'x').kind, 'raw')
})

test('where a generated key lies', () => {
  assert.is(defaultKeyPath({}, 0), '/etc/routesd/vault.key')
  assert.is(defaultKeyPath({XDG_CONFIG_HOME: '/home/u/.conf'}, 0), '/etc/routesd/vault.key')
  assert.is(defaultKeyPath({XDG_CONFIG_HOME: '/home/u/.conf'}, 1000), '/home/u/.conf/routesd/vault.key')
  assert.match(defaultKeyPath({XDG_CONFIG_HOME: 'relative'}, 1000), /\/\.config\/routesd\/vault\.key$/)
  assert.is(defaultKeyPath({ROUTESD_CONFIG_DIR: '/x'}, 0), '/x/vault.key')
})

test(
  'a generated key is 0600, and never with the state nor where git would take it along',
  withFolder(async folder => {
    const path = folder.at('config/routesd/vault.key')
    assert.is(await readKeyFile(path), null)
    const bytes = await createKeyFile(path, folder.at('state'))
    assert.equal(await readFile(path), bytes)
    assert.equal(await readKeyFile(path), bytes)
    assert.is((await stat(path)).mode & 0o777, 0o600)
    assert.is((await stat(folder.at('config/routesd'))).mode & 0o777, 0o700)
    const several = await Promise.all(
      Array.from({length: 8}, () => createKeyFile(folder.at('one/vault.key'), '/elsewhere')),
    )
    assert.is(new Set(several.map(String)).size, 1, 'of those that make one at the same time all use the first')
    assert.equal(await readdir(folder.at('one')), ['vault.key'])
    await chmod(path, 0o640)
    await failsWith(readKeyFile(path), /its mode is 640, and nobody else may read it/)
    await failsWith(createKeyFile(folder.at('state/vault.key'), folder.at('state')), /in the state folder/)
    await mkdir(folder.at('repo/.git'), {recursive: true})
    await failsWith(
      createKeyFile(folder.at('repo/config/vault.key'), folder.at('state')),
      /in the git work tree .*repo/,
    )
    await folder.write({file: ''})
    await failsWith(createKeyFile(folder.at('file/vault.key'), folder.at('state')), /ENOTDIR/)
  }),
)

test(
  'a key that a crash has left half made goes with the next start, and what somebody else has put there stays',
  withFolder(async folder => {
    const config = folder.at('config')
    const stored = stateVault({state: folder.at('state'), readKey: null, env: {ROUTESD_CONFIG_DIR: config}})
    await stored.open()
    const left = ['.5d41402abc4b', '.5d41402abc4b.7d793037a076.tmp', '.new.5d41402abc4b.tmp', '.new', '.bak', '.2025']
    await folder.write(Object.fromEntries(left.map(name => [`config/vault.key${name}`, 'left'])))
    await stored.open()
    assert.is((await readdir(config)).length, 1 + left.length, 'they may be somebody’s who makes one now')
    const lastHour = new Date(Date.now() - 3_600_000)
    for (const name of left) await utimes(folder.at(`config/vault.key${name}`), lastHour, lastHour)
    await stored.open()
    assert.equal((await readdir(config)).sort(), ['vault.key', 'vault.key.2025', 'vault.key.bak', 'vault.key.new'])
  }),
)

test(
  'a change to a key of ours that was cut off goes on with the same key',
  withFolder(async folder => {
    const path = folder.at('config/vault.key')
    const stored = stateVault({
      state: folder.at('state'),
      readKey: null,
      env: {ROUTESD_CONFIG_DIR: folder.at('config')},
    })
    const vault = await stored.open()
    await vault.write('certificate', 'a', Buffer.from('content'))
    await writeFile(`${path}.new`, RAW.toString('hex'), {mode: 0o600})
    await vault.rekey({bytes: RAW, from: 'before the cut'})
    const again = await stored.open()
    assert.equal(await stored.rekey(again, null), {rewritten: 0, left: [], next: ''})
    assert.is(await readFile(path, 'utf8'), RAW.toString('hex'))
    assert.is(await readKeyFile(`${path}.new`), null)
    assert.is(String(await (await stored.open()).read('certificate', 'a')), 'content')
  }),
)

test.run()

// ---

async function failsWith(promise: Promise<unknown>, pattern: RegExp): Promise<void> {
  const message = await promise.then(
    () => 'it did not fail',
    error => String(error.message),
  )
  assert.match(message, pattern)
}
