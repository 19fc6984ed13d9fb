import {spawn} from 'node:child_process'
import {once} from 'node:events'
import {cp, readFile, rename, unlink, writeFile} from 'node:fs/promises'
import {join} from 'node:path'
import {test} from 'uvu'
import * as assert from 'uvu/assert'
import {writeAtomic} from '../../../src/base/files.ts'
import {type Disk, type KeyText, openVault} from '../../../src/control/certs/vault.ts'
import {type Folder, withFolder} from '../../helpers/folder.ts'
import {filesBelow, filesWith} from '../../helpers/scan.ts'
import {until} from '../../helpers/until.ts'

const OLD = keyText('1f')
const NEW = keyText('2e')
const THIRD = keyText('3d')
const NAMES = ['a', 'b', 'c', 'd']

test(
  'after a change of keys the new one opens everything and the old one nothing',
  withFolder(async folder => {
    const vault = await sealedWith(folder.path, OLD)
    assert.equal(await vault.rekey(NEW), {rewritten: 4, left: []})
    await readsAll(folder.path, OLD)
    await vault.write('certificate', 'a', contentOf('a'))
    await vault.finishRekey()
    assert.match(await failureOf(openVault({folder: folder.path, key: OLD})), /was sealed with the key/)
    await readsAll(folder.path, NEW)
    for (const name of NAMES) assert.equal(await vault.read('certificate', name), contentOf(name))
    assert.equal(
      await filesWith(
        folder.path,
        [OLD.bytes, NEW.bytes].map(bytes => Buffer.from(bytes)),
      ),
      [],
    )
  }),
)

test(
  'an operator who has not yet named the new key is not locked out; the first start with it ends the change',
  withFolder(async folder => {
    await (await sealedWith(folder.path, OLD)).rekey(NEW)
    await readsAll(folder.path, OLD)
    await (await openVault({folder: folder.path, key: OLD})).write('certificate', 'a', contentOf('a'))
    await readsAll(folder.path, NEW)
    assert.match(await failureOf(openVault({folder: folder.path, key: OLD})), /was sealed with the key/)
  }),
)

test(
  'a change may be asked for twice, but not to another key halfway, nor to the key that there is',
  withFolder(async folder => {
    const vault = await sealedWith(folder.path, OLD)
    assert.match(await failureOf(vault.rekey(OLD)), /the key of the vault already/)
    await vault.rekey(NEW)
    assert.match(await failureOf(vault.rekey(THIRD)), /being changed to [0-9a-f]{16} already/)
    assert.equal(await vault.rekey(NEW), {rewritten: 0, left: []})
    const error = await failureOf(openVault({folder: folder.path, key: THIRD}))
    assert.match(error, /rekey\.json cannot be used: the key is being changed from/)
  }),
)

test(
  'from a key to a passphrase and on to another',
  withFolder(async folder => {
    const phrase = {bytes: Buffer.from('nine green bottles'), from: 'one'}
    const second = {bytes: Buffer.from('ten brown mushrooms'), from: 'two'}
    await (await sealedWith(folder.path, OLD)).rekey(phrase)
    await (await openVault({folder: folder.path, key: phrase})).rekey(second)
    await readsAll(folder.path, second)
    assert.match(await failureOf(openVault({folder: folder.path, key: phrase})), /was sealed with the key/)
  }),
)

test(
  'a spoiled file is left as it is and named, and the others are sealed anew',
  withFolder(async folder => {
    const vault = await sealedWith(folder.path, OLD)
    const path = vault.pathOf('certificate', 'b')
    await writeFile(path, 'garbage')
    assert.equal(await vault.rekey(NEW), {rewritten: 3, left: [path]})
    const again = await openVault({folder: folder.path, key: NEW})
    assert.equal(await again.read('certificate', 'c'), contentOf('c'))
    assert.is(await readFile(path, 'utf8'), 'garbage')
  }),
)

test(
  'writes that come during a change are not undone by it',
  withFolder(async folder => {
    const vault = await sealedWith(folder.path, OLD)
    const change = vault.rekey(NEW)
    const writes = NAMES.map(name => vault.write('certificate', name, Buffer.from(`newer ${name}`)))
    await Promise.all([change, ...writes])
    const again = await openVault({folder: folder.path, key: NEW})
    for (const name of NAMES) assert.is(String(await again.read('certificate', name)), `newer ${name}`)
  }),
)

// Everything that the change does to the disk, in order, and the places where it may be cut off.
const STAGES = ['before', 'half written', 'written', 'renamed'] as const
for (const stage of STAGES) {
  test(
    `a change cut off at any of its steps (${stage}) leaves everything readable with the key that is set`,
    withFolder(async folder => {
      await sealedWith(folder.at('sound'), OLD)
      let steps = 0
      for (let cut = 1; ; cut++) {
        const place = folder.at(`cut-${cut}`)
        await cp(folder.at('sound'), place, {recursive: true})
        const vault = await openVault({folder: place, key: OLD, disk: stoppingAt(cut, stage)})
        const outcome = await vault
          .rekey(NEW)
          .then(() => vault.finishRekey())
          .then(
            () => 'done',
            error => String(error.message),
          )
        if (outcome === 'done') break
        assert.is(outcome, 'the power is cut')
        steps = cut
        const mayBeOver = await openVault({folder: place, key: OLD}).then(
          () => false,
          () => true,
        )
        // Only when the last step is behind us does the old key open nothing; the new one then opens everything.
        if (mayBeOver) assert.is(stage === 'renamed' && cut, 6)
        else await readsAll(place, OLD)
        const wasBegun = mayBeOver || (await filesBelow(place)).some(path => path.endsWith('/rekey.json'))
        if (wasBegun) {
          await readsAll(place, NEW)
          await readsAll(place, NEW)
        }
        assert.equal(await filesWith(place, [Buffer.from(OLD.bytes), Buffer.from(NEW.bytes), 'content of']), [])
      }
      assert.is(steps, 6, 'the transition, four files, and the end of the transition')
    }),
  )
}

test(
  'a process killed at any moment of a change leaves everything readable',
  withFolder(async folder => {
    const rounds = Number(process.env['SOAK_ROUNDS'] ?? 20)
    await sealedWith(folder.at('vault'), OLD, 30)
    let cutShort = 0
    for (let round = 0; round < rounds; round++) {
      await killDuringRekey(folder, round)
      if ((await filesBelow(folder.at('vault'))).some(path => path.endsWith('/rekey.json'))) cutShort++
      const [from, to] = round % 2 === 0 ? [OLD, NEW] : [NEW, OLD]
      // Whoever was killed had been told to go from one to the other and may have finished.
      const vault = await openVault({folder: folder.at('vault'), key: from}).catch(() => null)
      const opened = vault ?? (await openVault({folder: folder.at('vault'), key: to}))
      for (const name of namesOf(30)) assert.equal(await opened.read('certificate', name), contentOf(name))
      if (vault !== null) {
        await vault.rekey(to).catch(error => assert.match(error.message, /already/))
        await vault.finishRekey()
      }
    }
    assert.ok(cutShort > 0, 'at least one round was cut in the middle')
    assert.equal(
      await filesWith(folder.at('vault'), [Buffer.from(OLD.bytes), Buffer.from(NEW.bytes), 'content of']),
      [],
    )
  }),
)

test.run()

// ---

function keyText(byte: string): KeyText {
  return {
    bytes: Buffer.from(`${byte}a9c51d80b7e43a6c1f0de9876a5b4c3d2e1f00918273645546372819a0bbcc`, 'hex'),
    from: byte,
  }
}

function namesOf(count: number): string[] {
  return count === NAMES.length ? NAMES : Array.from({length: count}, (_, n) => `n${n}`)
}

function contentOf(name: string): Buffer {
  return Buffer.from(`content of ${name}, private`)
}

async function sealedWith(folder: string, key: KeyText, count = NAMES.length) {
  const vault = await openVault({folder, key})
  for (const name of namesOf(count)) await vault.write('certificate', name, contentOf(name))
  return vault
}

async function readsAll(folder: string, key: KeyText): Promise<void> {
  const vault = await openVault({folder, key})
  assert.equal(await vault.list('certificate'), NAMES)
  for (const name of NAMES) assert.equal(await vault.read('certificate', name), contentOf(name))
}

// A disk whose power is cut in its n-th action: nothing after that happens.
function stoppingAt(cut: number, stage: (typeof STAGES)[number]): Disk {
  let count = 0
  const power = () => new Error('the power is cut')
  return {
    async write(path, data, mode) {
      if (++count > cut) throw power()
      if (count < cut) return writeAtomic(path, data, mode)
      const temporary = `${path}.0badc0de.tmp`
      if (stage === 'half written') await writeFile(temporary, Buffer.from(data).subarray(0, 20))
      if (stage === 'written' || stage === 'renamed') await writeFile(temporary, data)
      if (stage === 'renamed') await rename(temporary, path)
      throw power()
    },
    async remove(path) {
      if (++count > cut) throw power()
      if (count < cut || stage === 'renamed') await unlink(path)
      if (count === cut) throw power()
    },
  }
}

async function killDuringRekey(folder: Folder, round: number): Promise<void> {
  const source = join(import.meta.dirname, '../../../src/control/certs/vault.ts')
  const [from, to] = round % 2 === 0 ? [OLD, NEW] : [NEW, OLD]
  const hex = (key: KeyText) => Buffer.from(key.bytes).toString('hex')
  const script = `
    import {openVault} from '${source}'
    const key = hex => ({bytes: Buffer.from(hex, 'hex'), from: 'x'})
    const vault = await openVault({folder: process.argv[1], key: key('${hex(from)}')})
    console.log('open')
    await vault.rekey(key('${hex(to)}'))
    await vault.finishRekey()`
  const child = spawn(process.execPath, ['--no-warnings', '--input-type=module', '-e', script, folder.at('vault')])
  const ended = once(child, 'close')
  let output = ''
  child.stdout.on('data', data => {
    output += String(data)
  })
  try {
    await until('the change to begin', () => output.includes('open') || child.exitCode !== null, 20_000)
    const stopAt = performance.now() + Math.random() * 40
    await until('a random moment', () => performance.now() >= stopAt)
  } finally {
    child.kill('SIGKILL')
    await ended
  }
}

function failureOf(promise: Promise<unknown>): Promise<string> {
  return promise.then(
    () => assert.unreachable('it should have failed') as never,
    error => String(error.message),
  )
}
