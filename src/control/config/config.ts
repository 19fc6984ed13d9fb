// What a set of files says, once it is known to be valid: every document, still in the user's words, with its place.

import type {Host, Route, Service, Test} from './types.ts'

export type Config = {
  readonly routes: readonly Placed<Route>[]
  readonly hosts: readonly Placed<Host>[]
  readonly services: readonly Placed<Service>[]
  readonly tests: readonly Placed<Test>[]
}

export type Placed<T> = {
  readonly value: T
  /** As Diagnostic.file. */
  readonly file: string
  /** 1-based line where the entry begins. */
  readonly line: number
}
