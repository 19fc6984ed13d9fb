#!/usr/bin/env node
// argv in, exit code out: the only process.exit of the program. Nothing is imported before the version is known, because
// an older Node would fail on newer syntax or a missing module with a message that helps nobody.

const NODE_FLOOR = 24
/** EXIT.terminated of base/errors.ts. */
const TERMINATED = 143

if (Number(process.versions.node.split('.')[0]) < NODE_FLOOR) {
  process.stderr.write(`routesd needs Node ${NODE_FLOOR} or newer; this is ${process.version} (${process.execPath})\n`)
  process.exit(2)
}

// A reader that went away (`routesd routes ls | head`) is no failure: what is written after that is dropped.
process.stdout.on('error', () => {})
process.stderr.on('error', () => {})

const {runCommandLine} = await import('./cli/cli.ts')
const exitCode = await runCommandLine(process.argv.slice(2))
process.stdout.write('', () => end(exitCode))

// Before it exits Node joins its threads, and one that is stuck in the kernel never ends: a signal does not wait for it.
function end(code: number): void {
  if (code !== TERMINATED) process.exit(code)
  process.removeAllListeners('SIGTERM')
  process.kill(process.pid, 'SIGTERM')
}

export {}
