// A test body with a scope that is closed whatever happens: a failed assertion must not leave a server open.

import {createScope, type Scope} from '../../src/base/scope.ts'

export function scoped(body: (scope: Scope) => Promise<void>): () => Promise<void> {
  return async () => {
    const scope = createScope()
    try {
      await body(scope)
    } finally {
      await scope.close()
    }
  }
}
