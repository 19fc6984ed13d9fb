// Instances that say who they are, for tests of who takes a request.

import type {Scope} from '../../src/base/scope.ts'
import {originThatAnswers} from './origin.ts'

/** Routes in which every word in capitals is the URL of an instance; it answers with that word and the path it was asked for. */
export async function namedOrigins(scope: Scope, yaml: string): Promise<string> {
  let text = yaml
  for (const name of new Set(yaml.match(/\b[A-Z]{4,}\b/g) ?? [])) {
    const {url} = await originThatAnswers(scope, asked => {
      const body = `${name} ${asked.split(' ')[1]}`
      return `HTTP/1.1 200 OK\r\nContent-Length: ${body.length}\r\n\r\n${body}`
    })
    text = text.replaceAll(name, url)
  }
  return text
}
