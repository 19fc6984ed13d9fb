// The file of the access log, before anybody needs it: a worker that cannot open it would lose lines without a word.

import {open} from 'node:fs/promises'
import {dirname} from 'node:path'
import {AppError, messageOf} from '../base/errors.ts'
import {createFolder} from '../base/files.ts'

/** Creates the file with the folder it is in; throws an AppError when it cannot be written. */
export async function prepareAccessLog(path: string): Promise<void> {
  try {
    await createFolder(dirname(path), 0o750)
    await (await open(path, 'a', 0o640)).close()
  } catch (error) {
    throw new AppError(`the access log ${path} cannot be written: ${messageOf(error)}`, {
      hint: 'set log.access to a file that this user may write, to stdout, or to off',
      cause: error,
    })
  }
}
