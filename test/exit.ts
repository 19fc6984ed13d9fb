// Loaded into every test process by run.ts: says that the test is over on its own account. Node 26 then frees what the
// process held, and now and then spins there for ever (Environment::CleanupHandles waits for a request that nobody has).

import {writeSync} from 'node:fs'

process.on('exit', code => writeSync(1, `\nEXIT ${code}\n`))
