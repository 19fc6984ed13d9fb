// routes rm: takes one route out of its file, checks what is left, and commits that.

import {createHash} from 'node:crypto'
import {AppError, EXIT, type ExitCode} from '../base/errors.ts'
import {normalizeId} from '../base/route-id.ts'
import type {SourceFile} from '../base/source-file.ts'
import {nearest} from '../control/config/suggest.ts'
import {checkFiles, readRoutesOnDisk} from './offline.ts'
import {removeRoute} from './remove-route.ts'
import type {Call} from './verb.ts'
import {writeChanges} from './write-changes.ts'

export async function routesRm(call: Call): Promise<ExitCode> {
  const {terminal} = call
  const wanted = normal(call.operands[0] ?? '')
  const before = await readRoutesOnDisk(call)
  const valid = checkFiles(call, before, before.files)
  const ids = valid.routes.map(route => normal(route.value.id))
  if (!ids.includes(wanted)) {
    const guess = nearest(wanted, ids)
    throw new AppError(`there is no route '${wanted}'`, {
      hint: guess ? `did you mean ${guess}?` : '`routes ls` lists them',
    })
  }
  const {file, text} = findEdit(before.files, wanted)
  const files = before.files.flatMap(entry => (entry !== file ? [entry] : text === null ? [] : [edited(entry, text)]))
  // The last guard: whatever the edit did to the text, it says the same without this route, or nothing is written.
  const left = checkFiles(call, before, files)
  const isExact = left.routes.length === ids.length - 1 && !left.routes.some(route => normal(route.value.id) === wanted)
  if (!isExact) throw byHand(wanted, file)

  const message = call.isOn('no-commit') ? null : (call.values('message').at(-1) ?? `routes: remove ${wanted}`)
  const {commit, note} = await writeChanges(before.root, [{path: file.path, text}], message)
  if (left.routes.length === 0 && !before.settings.git.allowEmpty) {
    terminal.err('no route is left: a running daemon keeps the last ones unless git.allowEmpty is set')
  }
  if (note) terminal.err(note)
  const result = {id: wanted, file: `${before.label}/${file.path}`, deleted: text === null, commit}
  terminal.out(
    call.format === 'json'
      ? JSON.stringify(result, null, 2)
      : `removed ${wanted} from ${result.file}${text === null ? ' (deleted: nothing was left)' : ''}${commit ? `, commit ${commit}` : ''}`,
  )
  return EXIT.ok
}

// ---

function normal(id: string): string {
  const parts = normalizeId(id)
  if ('problem' in parts)
    throw new AppError(`'${id}' is not a route id: ${parts.problem}`, parts.hint ? {hint: parts.hint} : {})
  return parts.host + parts.prefix
}

function findEdit(files: readonly SourceFile[], wanted: string): {file: SourceFile; text: string | null} {
  for (const file of files) {
    const text = removeRoute(file.text, id => normal(id) === wanted)
    if (text !== null) return {file, text: text === '' ? null : text}
  }
  throw new AppError(`the entry of '${wanted}' was not found; edit its file by hand`)
}

function edited(file: SourceFile, text: string): SourceFile {
  return {path: file.path, text, sha256: createHash('sha256').update(text).digest('hex')}
}

function byHand(id: string, file: SourceFile): AppError {
  return new AppError(`'${id}' cannot be taken out of ${file.path} without touching more`, {
    hint: 'edit the file by hand',
  })
}
