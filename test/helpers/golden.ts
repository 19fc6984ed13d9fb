// Golden files: inputs, a line '----', and what must come out. UPDATE_GOLDEN=1 writes what did come out instead of
// comparing; the change is then reviewed as a diff.
//
// The input may hold several files, each after a line '== path'; without such a line it is one file, 'shop.yaml'. So that
// the golden files themselves stay plain text, '\xNN' in an input stands for one byte, and lines of '## …' are notes.

import {readdirSync, readFileSync, writeFileSync} from 'node:fs'
import {join} from 'node:path'
import * as assert from 'uvu/assert'

export type GoldenCase = {
  /** Name of the file without '.txt'. */
  readonly name: string
  readonly files: readonly {readonly path: string; readonly bytes: Uint8Array}[]
  /** Fails when `actual` is not what the file says, or writes it into the file. */
  expect(actual: string): void
}

const SEPARATOR = '\n----\n'

/** Every case of test/golden/FOLDER, by name. */
export function goldenCases(folder: string): GoldenCase[] {
  const root = join(import.meta.dirname, '../golden', folder)
  return readdirSync(root)
    .filter(name => name.endsWith('.txt'))
    .sort()
    .map(name => readCase(join(root, name), name.replace(/\.txt$/, '')))
}

// ---

function readCase(path: string, name: string): GoldenCase {
  const text = readFileSync(path, 'utf8')
  const cut = text.indexOf(SEPARATOR)
  if (cut < 0) throw new Error(`${path}: no line '----'`)
  const input = text.slice(0, cut + 1)
  return {
    name,
    files: filesOf(input),
    expect(actual) {
      const expected = text.slice(cut + SEPARATOR.length).trimEnd()
      if (process.env['UPDATE_GOLDEN'] === '1') writeFileSync(path, `${input}----\n${actual}\n`)
      else assert.fixture(actual, expected, name)
    },
  }
}

function filesOf(input: string): {path: string; bytes: Uint8Array}[] {
  const lines = input.split('\n').filter(line => !line.startsWith('## '))
  const files: {path: string; lines: string[]}[] = []
  for (const line of lines) {
    const path = /^== (\S+)$/.exec(line)?.[1]
    if (path !== undefined) files.push({path, lines: []})
    else if (files.length === 0) files.push({path: 'shop.yaml', lines: [line]})
    else files.at(-1)?.lines.push(line)
  }
  return files.map(({path, lines: own}, index) => ({
    path,
    bytes: bytesOf(own.join('\n') + (index < files.length - 1 ? '\n' : '')),
  }))
}

function bytesOf(text: string): Uint8Array {
  const parts = text.split(/\\x([0-9a-f]{2})/)
  return Buffer.concat(parts.map((part, index) => (index % 2 === 0 ? Buffer.from(part) : Buffer.from(part, 'hex'))))
}
