import {type ChildProcess, execFileSync, spawn} from 'node:child_process'
import {createHash} from 'node:crypto'
import {mkdir, readdir, readFile, unlink, writeFile} from 'node:fs/promises'
import {join} from 'node:path'
import {test} from 'uvu'
import * as assert from 'uvu/assert'
import {systemClock} from '../../../src/base/clock.ts'
import {writeAtomic} from '../../../src/base/files.ts'
import type {SourceFile} from '../../../src/base/source-file.ts'
import {createLastGood} from '../../../src/control/gitops/last-good.ts'
import {createFakeClock} from '../../helpers/clock.ts'
import {withFolder} from '../../helpers/folder.ts'
import {until} from '../../helpers/until.ts'

test(
  'what was remembered is what is loaded, with its name and time',
  withFolder(async folder => {
    const files = [file('a.yaml', 'a: ü\n'), file('team/b.yml', ''), file('team/copy.yml', 'a: ü\n')]
    await createLastGood(folder.path, createFakeClock()).remember('4f3c2b1', files)
    const kept = await createLastGood(folder.path, systemClock).load()
    assert.equal(kept, {kind: 'set', revision: '4f3c2b1', commit: null, at: '2026-01-01T00:00:00.000Z', files})
  }),
)

test(
  'nothing remembered is nothing kept',
  withFolder(async folder => {
    assert.equal(await createLastGood(folder.path, systemClock).load(), {kind: 'none'})
  }),
)

test(
  'blobs that are no longer named are removed, and so is what a crash left half written',
  withFolder(async folder => {
    const kept = createLastGood(folder.path, systemClock)
    await kept.remember('one', [file('a.yaml', '1'), file('b.yaml', '2')])
    await folder.write({'last-good/blobs/0badc0de.12ab.tmp': 'half', 'last-good/manifest.json.34cd.tmp': 'half'})
    await createLastGood(folder.path, systemClock).remember('two', [file('b.yaml', '2'), file('c.yaml', '3')])
    assert.equal((await readdir(folder.at('last-good/blobs'))).sort(), [sha256('2'), sha256('3')].sort())
    assert.equal((await readdir(folder.at('last-good'))).sort(), ['blobs', 'manifest.json'])
  }),
)

test(
  'what the next set does not name goes with it, without a look at all that is there',
  withFolder(async folder => {
    const kept = createLastGood(folder.path, systemClock)
    await kept.remember('one', [file('a.yaml', '1'), file('b.yaml', '2')])
    await kept.remember('two', [file('b.yaml', '2'), file('c.yaml', '3')])
    assert.equal((await readdir(folder.at('last-good/blobs'))).sort(), [sha256('2'), sha256('3')].sort())
  }),
)

test(
  'the same set under the same name is not written again, and blobs that are there are not either',
  withFolder(async folder => {
    const written: string[] = []
    const kept = createLastGood(folder.path, systemClock, async (path, data, mode) => {
      written.push(path)
      await writeAtomic(path, data, mode)
    })
    await kept.remember('one', [file('a.yaml', '1')])
    assert.is(written.length, 2)
    await kept.remember('one', [file('a.yaml', '1')])
    assert.is(written.length, 2)
    await kept.remember('two', [file('a.yaml', '1')])
    assert.equal(written.slice(2), [folder.at('last-good/manifest.json')])
  }),
)

for (const [what, spoil, why] of [
  ['a blob with another content', (at: string) => writeFile(join(at, 'blobs', sha256('1')), '9'), /content of a\.yaml/],
  ['a torn blob', (at: string) => writeFile(join(at, 'blobs', sha256('1')), ''), /content of a\.yaml/],
  ['a missing blob', (at: string) => unlink(join(at, 'blobs', sha256('1'))), /ENOENT/],
  ['a torn manifest', (at: string) => writeFile(join(at, 'manifest.json'), '{"version": 1, "rev'), /JSON/],
  [
    'a manifest of another version',
    (at: string) => writeFile(join(at, 'manifest.json'), '{"version": 2}'),
    /version 2/,
  ],
  ['a manifest of nulls', (at: string) => writeFile(join(at, 'manifest.json'), 'null'), /not an object/],
  [
    'a name that leads elsewhere',
    (at: string) => writeFile(join(at, 'manifest.json'), ESCAPE),
    /without path or sha256/,
  ],
] as const) {
  test(
    `${what} is not served but said, and the next set is kept whole`,
    withFolder(async folder => {
      await createLastGood(folder.path, systemClock).remember('one', [file('a.yaml', '1'), file('b.yaml', '2')])
      await spoil(folder.at('last-good'))
      const kept = await createLastGood(folder.path, systemClock).load()
      assert.is(kept.kind, 'broken')
      assert.match(kept.kind === 'broken' ? kept.reason : '', why)
      const files = [file('a.yaml', '1'), file('c.yaml', '3')]
      await createLastGood(folder.path, systemClock).remember('two', files)
      const healed = await createLastGood(folder.path, systemClock).load()
      assert.equal(healed.kind === 'set' && healed.files, files)
    }),
  )
}

test(
  'a disk that is full at the n-th write leaves the old set whole, and the next try succeeds',
  withFolder(async folder => {
    const old = [file('a.yaml', 'old'), file('b.yaml', 'old too')]
    const next = [file('a.yaml', 'new'), file('b.yaml', 'new too'), file('c.yaml', 'newer')]
    const writes = next.length + 1
    for (let failing = 1; failing <= writes; failing++) {
      const state = folder.at(`state-${failing}`)
      let count = 0
      let full = false
      const kept = createLastGood(state, systemClock, async (path, data, mode) => {
        if (full && ++count === failing) throw Object.assign(new Error('ENOSPC: no space left'), {code: 'ENOSPC'})
        await writeAtomic(path, data, mode)
      })
      await kept.remember('old', old)
      full = true
      await kept.remember('new', next).then(
        () => assert.unreachable(`write ${failing} should have failed`),
        error => assert.match(String(error), /ENOSPC/),
      )
      const after = await createLastGood(state, systemClock).load()
      assert.equal(after.kind === 'set' && [after.revision, after.files], ['old', old])
      await kept.remember('new', next)
      const healed = await createLastGood(state, systemClock).load()
      assert.equal(healed.kind === 'set' && [healed.revision, healed.files], ['new', next])
    }
  }),
)

test(
  'on a file system that is really full the old set stays whole',
  withFolder(async folder => {
    const disk = folder.at('disk')
    await mkdir(disk)
    try {
      execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=256k', 'tmpfs', disk], {stdio: 'ignore'})
    } catch {
      console.log('SKIP a full tmpfs: it cannot be mounted here')
      return
    }
    folder.scope.defer(() => execFileSync('umount', [disk]))
    const kept = createLastGood(disk, systemClock)
    const old = [file('a.yaml', 'old')]
    await kept.remember('old', old)
    const big = Array.from({length: 20}, (_, n) => file(`${n}.yaml`, `${n}`.repeat(20_000)))
    const failure = await kept.remember('new', big).then(() => null, String)
    assert.match(failure ?? 'no failure', /ENOSPC/)
    const after = await createLastGood(disk, systemClock).load()
    assert.equal(after.kind === 'set' && [after.revision, after.files], ['old', old])
    const fitting = Array.from({length: 4}, (_, n) => file(`${n}.yaml`, `${n}`.repeat(40_000)))
    await kept.remember('fitting', fitting)
    const healed = await createLastGood(disk, systemClock).load()
    assert.equal(healed.kind === 'set' && healed.files, fitting, 'what did not fit takes no room')
  }),
)

test(
  'a process killed at any moment leaves one whole set',
  withFolder(async folder => {
    const seen = new Set<string>()
    let cut = 0
    for (let round = 0; round < 24; round++) {
      const writer = writeForever(folder.path, round)
      try {
        await until('a first set', () => readFile(folder.at('last-good/manifest.json')).catch(() => null), 20_000)
        await until('the writer at work', () => writer.writing())
        const stopAt = performance.now() + Math.random() * 40
        await until('a random moment', () => performance.now() >= stopAt)
      } finally {
        await writer.kill()
      }
      const kept = await createLastGood(folder.path, systemClock).load()
      if (kept.kind !== 'set') throw new Error(`round ${round}: ${JSON.stringify(kept)}`)
      const [first] = kept.files
      assert.is(kept.files.length, 6)
      for (const {text} of kept.files) assert.is(text.split(' ', 1)[0], kept.revision, 'one set, not two')
      seen.add(first?.text ?? '')
      if ((await readdir(folder.at('last-good/blobs'))).length !== 6) cut++
    }
    assert.ok(seen.size > 12, `${seen.size} different sets in 24 rounds`)
    assert.ok(cut > 0, 'at least one round was cut in the middle of writing')
  }),
)

test.run()

// ---

const ESCAPE = JSON.stringify({version: 1, revision: 'x', at: 'x', files: [{path: 'a.yaml', sha256: '../../secret'}]})

function file(path: string, text: string): SourceFile {
  return {path, text, sha256: sha256(text)}
}

function sha256(text: string): string {
  return createHash('sha256').update(text).digest('hex')
}

// A process that remembers sets of six files as fast as it can; every file begins with the name of its set.
function writeForever(state: string, round: number): {kill(): Promise<void>; writing(): boolean} {
  const source = join(import.meta.dirname, '../../../src')
  const script = `
    import {createHash} from 'node:crypto'
    import {createLastGood} from '${source}/control/gitops/last-good.ts'
    import {systemClock} from '${source}/base/clock.ts'
    const kept = createLastGood(process.argv[1], systemClock)
    for (let n = 0; ; n++) {
      const name = process.argv[2] + '-' + n
      const texts = Array.from({length: 6}, (_, i) => name + ' ' + String(i).repeat(1000))
      const files = texts.map((text, i) => ({path: i + '.yaml', text, sha256: createHash('sha256').update(text).digest('hex')}))
      await kept.remember(name, files)
      if (n === 1) console.log('writing')
    }`
  const child: ChildProcess = spawn(process.execPath, [
    '--no-warnings',
    '--input-type=module',
    '-e',
    script,
    state,
    `${round}`,
  ])
  let output = ''
  let errors = ''
  child.stdout?.on('data', data => {
    output += String(data)
  })
  child.stderr?.on('data', data => {
    errors += String(data)
  })
  const ended = new Promise<void>(resolve => child.on('close', () => resolve()))
  return {
    writing() {
      if (child.exitCode !== null) throw new Error(`the writer ended by itself: ${errors}`)
      return output.includes('writing')
    },
    async kill() {
      child.kill('SIGKILL')
      await ended
    },
  }
}
