import {createHash} from 'node:crypto'
import {mkdir, readdir, readFile, stat, utimes, writeFile} from 'node:fs/promises'
import {join} from 'node:path'
import {test} from 'uvu'
import * as assert from 'uvu/assert'
import {type KeyText, openVault} from '../../../src/control/certs/vault.ts'
import {withFolder} from '../../helpers/folder.ts'
import {filesBelow} from '../../helpers/scan.ts'

const KEY = keyText('one')
const SECRET = Buffer.from('-----BEGIN PRIVATE KEY----- a secret that must not be seen')

test(
  'what was written is what is read, also by the next start',
  withFolder(async folder => {
    const vault = await openVault({folder: folder.at('vault'), key: KEY})
    assert.is(await vault.read('certificate', 'a'), null)
    await vault.write('certificate', 'a', SECRET)
    await vault.write('certificate', '*.example.com', Buffer.from('wild'))
    await vault.write('account', 'https://ca.example/dir?x=1', Buffer.from('kid'))
    await vault.write('certificate', 'a', Buffer.concat([SECRET, SECRET]))
    const again = await openVault({folder: folder.at('vault'), key: KEY})
    assert.equal(await again.read('certificate', 'a'), Buffer.concat([SECRET, SECRET]))
    assert.equal(await again.list('certificate'), ['*.example.com', 'a'])
    assert.equal(await again.list('account'), ['https://ca.example/dir?x=1'])
    await again.remove('certificate', 'a')
    await again.remove('certificate', 'a')
    assert.is(await vault.read('certificate', 'a'), null)
  }),
)

test(
  'files are 0600 in folders of 0700, hold nothing in the clear, and never the same bytes twice',
  withFolder(async folder => {
    const root = folder.at('vault')
    const vault = await openVault({folder: root, key: KEY})
    await vault.write('certificate', '.a/../b', SECRET)
    const [path = ''] = await filesBelow(root)
    const before = await readFile(path)
    await vault.write('certificate', '.a/../b', SECRET)
    assert.not.equal(await readFile(path), before)
    assert.is((await filesBelow(root)).length, 1, 'one file, and it did not leave the folder')
    assert.is((await stat(path)).mode & 0o777, 0o600)
    for (const place of [root, join(root, 'certificate')]) assert.is((await stat(place)).mode & 0o777, 0o700)
    assert.not.ok(before.includes('PRIVATE'))
  }),
)

test(
  'every byte of a file counts',
  withFolder(async folder => {
    const vault = await openVault({folder: folder.path, key: KEY})
    await vault.write('certificate', 'a', Buffer.from('content'))
    const path = vault.pathOf('certificate', 'a')
    const sound = await readFile(path)
    for (let at = 0; at < sound.length; at++) {
      const spoiled = Buffer.from(sound)
      spoiled[at] = (spoiled[at] ?? 0) ^ 1
      await writeFile(path, spoiled)
      const error = await failureOf(vault.read('certificate', 'a'))
      assert.ok(error.startsWith(path), `byte ${at}: ${error}`)
      assert.match(error, at < 4 ? /no file of a vault|version/ : at < 12 ? /was sealed with the key/ : /was changed/)
    }
    for (const length of [0, 3, 39, sound.length - 1]) {
      await writeFile(path, sound.subarray(0, length))
      assert.match(await failureOf(vault.read('certificate', 'a')), /only|was changed/)
    }
    await writeFile(path, sound)
    assert.is(String(await vault.read('certificate', 'a')), 'content')
  }),
)

test(
  'a file does not open under another name or as another kind',
  withFolder(async folder => {
    const vault = await openVault({folder: folder.path, key: KEY})
    await vault.write('certificate', 'a', SECRET)
    const file = await readFile(vault.pathOf('certificate', 'a'))
    await writeFile(vault.pathOf('certificate', 'b'), file)
    await mkdir(folder.at('account'))
    await writeFile(vault.pathOf('account', 'a'), file)
    assert.match(await failureOf(vault.read('certificate', 'b')), /the file of another name/)
    assert.match(await failureOf(vault.read('account', 'a')), /the file of another name/)
  }),
)

test(
  'a wrong key is said at once, with the file and both names of keys, and nothing is written with it',
  withFolder(async folder => {
    await (await openVault({folder: folder.path, key: KEY})).write('certificate', 'a', SECRET)
    const error = await failureOf(openVault({folder: folder.path, key: keyText('two')}))
    assert.match(
      error,
      /certificate\/a\.sealed was sealed with the key [0-9a-f]{16}, and the key given is [0-9a-f]{16}/,
    )
  }),
)

test(
  'one spoiled file keeps no other from being read',
  withFolder(async folder => {
    const vault = await openVault({folder: folder.path, key: KEY})
    await vault.write('certificate', 'a', SECRET)
    await vault.write('certificate', 'b', SECRET)
    await writeFile(vault.pathOf('certificate', 'a'), 'garbage')
    const again = await openVault({folder: folder.path, key: KEY})
    assert.match(await failureOf(again.read('certificate', 'a')), /only 7 bytes/)
    assert.equal(await again.read('certificate', 'b'), SECRET)
    assert.equal(await again.list('certificate'), ['a', 'b'])
    await again.remove('certificate', 'b')
    const alone = await openVault({folder: folder.path, key: KEY})
    assert.match(await failureOf(alone.read('certificate', 'a')), /only 7 bytes/)
  }),
)

test(
  'a passphrase opens what it has sealed, and needs the salt that lies beside it',
  withFolder(async folder => {
    const phrase = {bytes: Buffer.from('nine green bottles hang\n'), from: 'a passphrase'}
    await (await openVault({folder: folder.path, key: phrase})).write('certificate', 'a', SECRET)
    assert.equal(await (await openVault({folder: folder.path, key: phrase})).read('certificate', 'a'), SECRET)
    const other = {bytes: Buffer.from('nine green bottles hung'), from: 'a passphrase'}
    assert.match(await failureOf(openVault({folder: folder.path, key: other})), /was sealed with the key/)
    await folder.write({
      'scrypt.json': '{"algorithm":"scrypt","N":1099511627776,"r":8,"p":1,"salt":"AAAAAAAAAAAAAAAAAAAAAA=="}',
    })
    assert.match(await failureOf(openVault({folder: folder.path, key: phrase})), /scrypt\.json cannot be used.*bounds/)
    await folder.remove('scrypt.json')
    assert.match(await failureOf(openVault({folder: folder.path, key: phrase})), /scrypt\.json is missing/)
  }),
)

test(
  'what a crash has left half written is removed, but not what is being written',
  withFolder(async folder => {
    await folder.write({
      'certificate/a.sealed.12.tmp': 'half',
      'certificate/b.sealed.34.tmp': 'half',
      'foreign.txt': '',
    })
    await utimes(folder.at('certificate/a.sealed.12.tmp'), 1, 1)
    await openVault({folder: folder.path, key: KEY})
    assert.equal(await readdir(folder.at('certificate')), ['b.sealed.34.tmp'])
  }),
)

test.run()

// ---

function keyText(name: string): KeyText {
  return {bytes: createHash('sha256').update(name).digest(), from: name}
}

function failureOf(promise: Promise<unknown>): Promise<string> {
  return promise.then(
    () => assert.unreachable('it should have failed') as never,
    error => String(error.message),
  )
}
